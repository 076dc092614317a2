import Foundation
import JSON
import KafkaPort
import Ports
import Testing

@testable import App

/// Dead letters put through again by the real program after a mapping was mended.
@Suite(.serialized, .timeLimit(.minutes(2))) struct ReplayLettersTests {
  private let time: Int64 = 1_795_230_000_000

  private func config(_ path: String, _ content: String) throws {
    try """
    inputs:
      - topic: plays
        decode: json
        unwrap: cloudevents
        set:
          event_id: ["@ce.id", $.id, "@tpo"]
          timestamp: "@timestamp"
          user_id: $.user
          content_id: \(content)
          completion_rate: {path: $.rate, as: number}
        require: [user_id, content_id]
        on_missing: dead_letter
        emit: watch
    """.write(toFile: path, atomically: true, encoding: .utf8)
  }

  @Test func `letters of a mended mapping are folded once, however often they are replayed`() throws {
    let broker = try BrokerProcess("plays:3,dlq.events:2,alerts.drift:1")
    let scratch = Places.Scratch()
    let file = scratch.path + "/worker.yaml"
    try config(file, "$.nosuch")
    // Two of three producers name the title as the mapping does not; one of them gives no id; some are no JSON at all.
    var records: [OutRecord] = []
    for n in 0..<60 {
      let id = n % 3 == 0 ? "" : #""id":"p\#(n)","#
      let value = n % 10 == 9 ? "{" : #"{\#(id)"user":"ann","title":"moon","rate":1}"#
      records.append(
        OutRecord("plays", "k\(n % 7)", value, headers: [("origin", Array("tv".utf8))], at: time + Int64(n)))
    }
    // And one in the binary form of CloudEvents: its type is a header.
    records.append(
      OutRecord(
        "plays", "k", #"{"user":"ann","title":"moon","rate":1}"#,
        headers: [
          ("ce_specversion", "1.0"), ("ce_id", "e1"), ("ce_source", "/p"), ("ce_type", "play"),
          ("content-type", "application/json"),
        ].map { ($0.0, Array($0.1.utf8)) }, at: time + 100))
    try broker.send(records)
    let settings = ["kafka.brokers=\(broker.address)", "store.kind=sqlite", "viewer.idle=0", "until=caught-up"]
    let first = try LiveWorker(settings, config: file, scratch: scratch)
    #expect(first.child.end() == 0, "\(first.log)")

    /// Its answer, without what it logs.
    func answer(_ words: [String]) throws -> String {
      String(decoding: try Child(words).output(), as: UTF8.self).trimmingCharacters(in: .newlines)
    }
    func replay(_ words: String...) throws -> String {
      let all = ["dead-letters", "replay", "--config", file] + first.settings.flatMap { ["--set", $0] } + words
      return try answer(all)
    }
    #expect(try replay() == "")
    #expect(try replay("--reason", "missing_field", "--dry-run") == "55 records would be sent again")
    try config(file, "[$.nosuch, $.title]")
    #expect(try replay("--reason", "missing_field") == "55 records sent again")
    #expect(try replay("--reason", "missing_field") == "0 records sent again, 55 were sent before")
    let second = try LiveWorker(settings, config: file, scratch: scratch)
    #expect(second.child.end() == 0, "\(second.log)")
    #expect(try replay("--reason", "missing_field") == "0 records sent again, 55 were sent before")
    let third = try LiveWorker(settings, config: file, scratch: scratch)
    #expect(third.child.end() == 0, "\(third.log)")

    let got = try answer(
      ["features", "get", "content:moon", "--output", "json", "--config", file]
        + first.settings.flatMap { ["--set", $0] })
    let features = try JSONValue(parsing: got)["features"]
    #expect(features?["watches"]?.int64 == 55, "\(got)")
    // Replayed records carry what the originals carried, and nothing of the letter.
    let tail = try runVerb(["topics", "tail", "plays", "-o", "beginning"], .json, assignments: settings).text
    let headers = try tail.split(separator: "\n").map { try JSONValue(parsing: String($0))["headers"] }
    #expect(headers.count == 61 + 55)
    #expect(headers.filter { $0?["origin"]?.string == "tv" }.count == 60 + 54)
    #expect(headers.filter { $0?["ce_id"]?.string == "e1" }.count == 2)
    #expect(!tail.contains("thalweg.reason"))
  }
}

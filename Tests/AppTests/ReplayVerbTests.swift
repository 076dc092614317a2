import Foundation
import JSON
import Testing

/// What a user runs to audit or rebuild: the dump of a state, the log folded again, and the comparison of both.
@Suite(.serialized, .timeLimit(.minutes(3))) struct ReplayVerbTests {
  /// A row of a dump.
  private struct Row {
    let kind, key, json: String
    init?(_ line: Substring) {
      let parts = line.split(separator: "\t", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
      guard parts.count == 3 else { return nil }
      (kind, key, json) = (parts[0], parts[1], parts[2])
    }
  }

  @Test func `replay gives the rows of the state, verify says so and names the first that differs`() throws {
    var scene = try Scene(events: 3_000)
    let life = scene.life
    try life.finish()
    let dump = String(decoding: try scene.dump, as: UTF8.self).trimmingCharacters(in: .newlines)
    let replay = try life.ask(["replay"])
    #expect(replay.code == 0)
    let isEqual = replay.text == dump
    #expect(isEqual)
    let count = dump.split(separator: "\n").count
    for words in [["replay", "--verify"], ["replay", "--plans", "--verify"]] {
      let verified = try life.ask(words)
      #expect(verified.code == 0 && verified.text == "\(count) rows, all equal", "\(verified.text)")
    }

    // The topics have gone on, the state has not.
    try scene.send(300)
    let later = try life.ask(["replay"]).text.split(separator: "\n", omittingEmptySubsequences: false)
    let first = try #require(zip(dump.split(separator: "\n"), later).first { $0 != $1 }.flatMap { Row($0.0) })
    let differs = try life.ask(["replay", "--verify"], withErrors: true)
    #expect(differs.code == 1)
    #expect(differs.text.contains("thalweg: \(first.kind):\(first.key) differs"), "\(differs.text)")
    #expect(try life.ask(["replay", "--plans", "--verify"]).code == 0, "what was planned is unchanged")
  }

  @Test func `a dump is sorted rows of kind, key and JSON with decimal integers and floats as bits`() throws {
    let scene = try Scene(events: 3_000)
    try scene.life.finish()
    let rows = String(decoding: try scene.dump, as: UTF8.self).split(separator: "\n").compactMap { Row($0) }
    #expect(rows.count == String(decoding: try scene.dump, as: UTF8.self).split(separator: "\n").count)
    let places = rows.map { Array("\($0.kind)\t\($0.key)".utf8) }
    #expect(zip(places, places.dropFirst()).allSatisfy { $0.lexicographicallyPrecedes($1) })
    #expect(Set(rows.map(\.kind)).isSuperset(of: ["catalog", "content", "user", "metric", "genre"]))
    var integers = 0
    var floats = 0
    func check(_ value: JSONValue, _ row: Row) {
      if let members = value.object {
        let names = members.map { Array($0.key.utf8) }
        #expect(
          zip(names, names.dropFirst()).allSatisfy { $0.lexicographicallyPrecedes($1) }, "\(row.kind) \(row.key)")
        for member in members { check(member.value, row) }
      } else if let items = value.array {
        for item in items { check(item, row) }
      } else if let text = value.string {
        if text.utf8.count == 16, text.allSatisfy({ $0.isHexDigit }) { floats += 1 }
      } else if value.double != nil {
        #expect(value.int64 != nil, "\(row.kind) \(row.key): a number that is no integer")
        integers += 1
      }
    }
    for row in rows { check(try JSONValue(parsing: row.json), row) }
    #expect(integers > 1000 && floats > 1000)
    // By the names that stories.json gives: what the independent count reads is there.
    let user = try JSONValue(parsing: try #require(rows.first { $0.kind == "user" }).json)
    #expect(user["n"]?.int64 != nil && user["watches"]?.int64 != nil)
  }
}

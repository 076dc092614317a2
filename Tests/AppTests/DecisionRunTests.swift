import Foundation
import JSON
import Options
import Ports
import Testing

@testable import App

/// A worker learns from logged decisions and feedback; what it leaves is read by the verbs and by VW.
@Suite(.serialized) struct DecisionRunTests {
  private static let topics = [
    "decisions", "events.impression", "events.click", "events.watch", "events.interaction", "content.catalog",
    "decisions.resolved",
  ]
  private static let start: Int64 = 1_795_219_200_000
  private static let titles = [("sky", "sci-fi"), ("fun", "comedy"), ("dusk", "sci-fi"), ("giggle", "comedy")]

  /// Everybody clicks and watches science fiction to its end and skips comedy.
  private static func records(_ count: Int) -> [OutRecord] {
    var all: [OutRecord] = titles.enumerated().map { i, title in
      OutRecord(
        "content.catalog", title.0,
        """
        {"schema":"catalog/1","event_id":"k-\(i)","timestamp":\(start),"content_id":"\(title.0)","title":"T","content_type":"movie",\
        "year":2020,"genres":["\(title.1)"],"runtime_minutes":90,"embedding":[\(title.1 == "comedy" ? "0,1" : "1,0")]}
        """, at: start)
    }
    for t in 0..<count {
      let time = start + Int64(t + 1) * 60_000
      let user = "u\(t % 5)"
      let order = (0..<4).map { titles[($0 + t) % 4] }
      let items = order.enumerated().map { i, title in
        #"{"content_id":"\#(title.0)","position":\#(i < 3 ? "\(i + 1)" : "null"),"propensity":\#(1 / Double(4 - min(i, 2)))}"#
      }
      all.append(
        OutRecord(
          "decisions", user,
          """
          {"schema":"decision/1","decision_id":"d\(t)","user_id":"\(user)","timestamp":\(time),"policy":"uniform",\
          "model_version":1,"context":{"device_type":"tv"},"items":[\(items.joined(separator: ","))]}
          """, at: time))
      for (i, title) in order.prefix(3).enumerated() {
        let head = #""timestamp":\#(time + 1000 * Int64(i + 1)),"user_id":"\#(user)","content_id":"\#(title.0)""#
        let place = #""decision_id":"d\#(t)","position":\#(i + 1)"#
        if title.1 == "comedy" {
          all.append(
            OutRecord(
              "events.interaction", user,
              #"{"schema":"interaction/1","event_id":"s\#(t)-\#(i)",\#(head),\#(place),"action":"skip"}"#,
              at: time + 1000 * Int64(i + 1)))
        } else {
          all.append(
            OutRecord(
              "events.click", user, #"{"schema":"click/1","event_id":"c\#(t)-\#(i)",\#(head),\#(place)}"#,
              at: time + 1000 * Int64(i + 1)))
          all.append(
            OutRecord(
              "events.watch", user,
              #"{"schema":"watch/1","event_id":"w\#(t)-\#(i)",\#(head),\#(place),"completed":true,"duration_seconds":5400,"total_duration_seconds":5400}"#,
              at: time + 1000 * Int64(i + 1)))
        }
      }
    }
    return all
  }

  @Test func `what a worker learned is in the topic, in the verbs and in VW`() throws {
    let run = try SmallRun(topics: Self.topics)
    try run.fold(Self.records(60))
    #expect(run.deadLetters.isEmpty, "\(run.deadLetters)")
    let tail = try run.ask("decisions", "tail", "-o", "beginning")
    let lines = try tail.text.split(separator: "\n").map { try JSONValue(parsing: String($0)) }
    var last: [String: JSONValue] = [:]
    for line in lines {
      last[line["EventId"]?.string ?? ""] = line
      let chosen = (line["a"]?[0]?.int ?? 0) - 1
      #expect(line["c"]?["_multi"]?[chosen]?["_tag"]?.string == line["content_id"]?.string)
      #expect(line["_label_probability"]?.double == line["propensity"]?.double)
      #expect(
        line["_label_probability"]?.double.map { abs($0 - 1 / Double(5 - (line["slot"]?.int ?? 0))) < 1e-6 } == true)
      #expect(line["c"]?["_multi"]?.array?.count == 5 - (line["slot"]?.int ?? 0))
      #expect(line["c"]?["_multi"]?[chosen]?["x"]?.array?.count == 100)
    }
    #expect(last.count == 180, "three shown items of sixty decisions")
    for line in last.values {
      let isComedy = ["fun", "giggle"].contains(line["content_id"]?.string)
      #expect(line["reward"]?.double == (isComedy ? -0.5 : 1))
    }

    let shown = try JSONValue(parsing: try run.ask("bandit", "show", "titles").text)
    #expect(
      shown["decisions"]?.int == 180 && shown["layout"]?.string == "media-100", "\(shown["decisions"]?.int ?? -1)")
    func explain(_ title: String, _ more: String...) throws -> JSONValue {
      let words = ["bandit", "explain", "content:" + title, "-c", "100"] + more
      let (text, error) = try runVerb(words, .json, assignments: run.assignments)
      #expect(error == nil, "\(error.map { "\($0)" } ?? "")")
      return try JSONValue(parsing: text)
    }
    for more in [["--user", "user:u1"], ["--decision", "d53"]] {
      let sky = try explain("sky", more[0], more[1])
      let fun = try explain("fun", more[0], more[1])
      #expect(sky["mean"]?.double ?? 0 > (fun["mean"]?.double ?? 0) + 0.3, "\(sky) \(fun)")
      let parts = (sky["parts"]?.array ?? []).compactMap { $0["part"]?.double }
      #expect(abs(parts.reduce(0, +) - (sky["mean"]?.double ?? 9)) < 1e-9)
      #expect(sky["upper_bound"]?.double ?? 0 > sky["mean"]?.double ?? 0)
    }
    let none = try run.ask("bandit", "explain", "sky", "--decision", "nosuch")
    #expect(none.code == ExitCode.failed)
    #expect(try run.ask("bandit", "explain", "nosuch").code == ExitCode.failed, "a title nobody knows")
    let table = try run.ask("bandit", "explain", "sky", "--user", "u1", form: .table)
    #expect(table.text.contains("SLOT") && table.text.contains("upper bound"))

    guard let python = PythonPackage.environment("vowpalwabbit") else {
      return print("skipped: vowpalwabbit could not be had from PyPI")
    }
    let file = run.scratch.path + "/day.dsjson"
    try tail.text.write(toFile: file, atomically: true, encoding: .utf8)
    let vw = Spawned.run(
      python,
      [
        "-c",
        "import vowpalwabbit; vowpalwabbit.Workspace('--dsjson --strict_parse --cb_explore_adf -d \(file)').finish()",
      ])
    #expect(vw.code == 0 && vw.text.contains("number of examples = \(lines.count)\n"), "\(vw.text)")
    let export = try run.ask("decisions", "export", "--format", "dsjson", "--to", run.scratch.path + "/out")
    #expect(export.code == 0)
    // Every item was clicked or skipped, and half of them watched behind the click: their first lines are gone.
    let kept = try run.scratch.read("out/decisions.dsjson").split(separator: "\n").map {
      try JSONValue(parsing: String($0))
    }
    #expect(kept.count == 180 && lines.count > 240, "\(kept.count) of \(lines.count)")
    #expect(Dictionary(uniqueKeysWithValues: kept.map { ($0["EventId"]?.string ?? "", $0) }) == last)
  }
}

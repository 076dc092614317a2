import Foundation
import JSON
import Testing

/// The whole system embedded in one process.
@Suite(.serialized, .timeLimit(.minutes(3))) struct DemoTests {
  @Test func `the demo's state replays while it runs; it ends with one JSON object, an alert fired and one resolved`()
    throws
  {
    let scratch = Places.Scratch()
    let demo = try Child(["demo", "--for", "30s", "--dir", scratch.path, "--output", "json"])
    sleep(15)
    let replay = try Child(
      ["replay", "--plans", "--verify", "--config", scratch.path + "/demo.yaml"], errors: nil, mixed: true)
    let answered = String(decoding: replay.output(), as: UTF8.self)
    #expect(replay.end() == 0 && answered.contains("all equal"), "\(answered)")
    let text = String(decoding: demo.output(), as: UTF8.self)
    #expect(demo.end() == 0)
    let last = try #require(text.split(separator: "\n").last)
    let answer = try JSONValue(parsing: String(last))
    #expect(
      answer.object?.map(\.key).sorted() == [
        "alerts_fired", "alerts_resolved", "dead_letters", "elapsed_s", "events", "events_per_s", "titles", "viewers",
      ])
    #expect(answer["alerts_fired"]?.int64 ?? 0 >= 1 && answer["alerts_resolved"]?.int64 ?? 0 >= 1, "\(last)")
    #expect(answer["events"]?.int64 ?? 0 > 10_000 && answer["viewers"]?.int64 ?? 0 > 50, "\(last)")
    #expect(answer["titles"]?.int64 ?? 0 > 1000 && answer["events_per_s"]?.double ?? 0 > 0, "\(last)")
    #expect(answer["elapsed_s"]?.double ?? 0 >= 30, "\(last)")
  }
}

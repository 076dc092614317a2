import JSON
import Testing

@testable import App

/// The whole system embedded in one process.
@Suite(.serialized, .timeLimit(.minutes(3))) struct DemoTests {
  @Test func `the demo ends by itself with one JSON object, an alert fired and one resolved`() throws {
    let run = try runVerb(["demo", "--for", "30s"], .json)
    #expect(run.error == nil, "\(run.error.map { "\($0)" } ?? "")")
    let last = try #require(run.text.split(separator: "\n").last)
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

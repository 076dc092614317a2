import Foundation
import JSON
import Net
import Testing

/// The whole system embedded in one process.
@Suite(.serialized, .timeLimit(.minutes(5))) struct DemoTests {
  @Test func `the demo's state replays while it runs; it ends with one JSON object, an alert fired and one resolved`()
    throws
  {
    // Half a minute is enough for all of it; a machine that others keep busy gets more.
    var said = ""
    if try !shows(30, &said) { #expect(try shows(90, &said), "\(said)") }
  }

  /// False = it ran as it should, but was too slow to show everything within its time.
  private func shows(_ seconds: Int, _ said: inout String) throws -> Bool {
    let scratch = Places.Scratch()
    // Fewer events than on a screen, so that an unoptimised worker learns while its audience still comes.
    let demo = try Child([
      "demo", "--for", "\(seconds)s", "--speed", "500", "--rate", "400", "--lists", "\(seconds * 50)", "--dir",
      scratch.path, "--output", "json",
    ])
    sleep(10)
    let replay = try Child(
      ["replay", "--plans", "--verify", "--config", scratch.path + "/demo.yaml"], errors: nil, mixed: true)
    let answered = String(decoding: replay.output(), as: UTF8.self)
    let replayed = replay.end()
    // Broker and data are the demo's own: a replay that it outlived is the one that counts.
    let isInTime = demo.isRunning
    if isInTime { #expect(replayed == 0 && answered.contains("all equal"), "\(answered)") }
    let text = String(decoding: demo.output(), as: UTF8.self)
    #expect(demo.end() == 0)
    let last = try #require(text.split(separator: "\n").last)
    let answer = try JSONValue(parsing: String(last))
    #expect(
      answer.object?.map(\.key).sorted() == [
        "alerts_fired", "alerts_resolved", "ctr_control", "ctr_ranked", "ctr_ranked_start", "dead_letters", "elapsed_s",
        "events", "events_per_s", "lists_control", "lists_ranked", "titles", "viewers",
      ])
    let (ranked, control) = (answer["ctr_ranked"]?.double ?? 0, answer["ctr_control"]?.double ?? 1)
    #expect(answer["ctr_ranked_start"]?.double != nil, "\(last)")
    #expect(answer["events"]?.int64 ?? 0 > 10_000 && answer["viewers"]?.int64 ?? 0 > 50, "\(last)")
    #expect(answer["titles"]?.int64 ?? 0 > 1000 && answer["events_per_s"]?.double ?? 0 > 0, "\(last)")
    #expect(answer["elapsed_s"]?.double ?? 0 >= Double(seconds), "\(last)")
    said = "in time: \(isInTime); \(last)"
    // The two shares' difference has a standard error of .03 and is near .17.
    return isInTime && ranked >= control * 1.1
      && answer["alerts_fired"]?.int64 ?? 0 >= 1 && answer["alerts_resolved"]?.int64 ?? 0 >= 1
  }

  @Test func `its first lines name the page and the commands to look closer, and the page answers`() throws {
    let demo = try Child(["demo"])
    var lines: [String] = []
    while lines.count < 12, let line = demo.firstLine() {
      lines.append(line)
      if line.contains("replay --plans") { break }
    }
    let text = lines.joined(separator: "\n")
    let url = try #require(text.firstMatch(of: #/http://127\.0\.0\.1:\d+//#)?.0, "\(text)")
    let answer = try #require(Client(url: String(url))).get("/")
    #expect(answer.status == 200 && String(decoding: answer.body, as: UTF8.self).contains("Thalweg"))
    demo.send(SIGINT)
    #expect(demo.end() == 0)
  }
}

import Ports
import Testing

@testable import App

/// Settings that bound what a record may be, on a worker.
@Suite(.serialized, .timeLimit(.minutes(5))) struct LimitTests {
  private func watch(_ n: Int, at time: Int64, _ rest: String = "\"completion_rate\":1") -> OutRecord {
    OutRecord(
      "events.watch", "u",
      "{\"schema\":\"watch/1\",\"event_id\":\"w-\(n)\",\"timestamp\":\(time),\"user_id\":\"u\",\"content_id\":\"c\",\(rest)}",
      at: 1_795_230_000_000)
  }

  @Test func `times before 2000 become dead letters too_old where that is wished`() throws {
    for (wish, letters) in [("true", ["too_old": UInt64(1)]), ("false", [:])] {
      let run = try SmallRun(topics: ["events.watch"], more: ["limits.refuse_before_2000=\(wish)"])
      try run.fold([watch(1, at: 946_684_799_999), watch(2, at: 946_684_800_000)])
      #expect(run.deadLetters == letters)
    }
  }

  @Test func `an event above limits.event_bytes is too_large`() throws {
    let run = try SmallRun(topics: ["events.watch"], more: ["limits.event_bytes=1KiB"])
    try run.fold([
      watch(1, at: 1_795_230_000_000, "\"pad\":\"\(String(repeating: "x", count: 1024))\",\"completion_rate\":1")
    ])
    #expect(run.deadLetters == ["too_large": 1])
  }

  @Test(.enabled(if: Spawned.run("kcat", ["-V"]).code == 0, "kcat is not installed"))
  func `of a value above 1 MiB its dead letter holds the beginning, and the SHA-256 of all of it`() throws {
    let run = try SmallRun(topics: ["events.watch"], more: ["kafka.options={message.max.bytes: 4000000}"])
    let value = String((0..<150_000).map { "item \($0 % 1000) " }.joined().prefix(1_300_000))
    try run.scratch.write("value", value)
    try run.fold([
      OutRecord("events.watch", "u", value, at: 1_795_230_000_000), watch(1, at: 1_795_230_000_000),
    ])
    #expect(run.deadLetters.values.reduce(0, +) == 1, "\(run.deadLetters)")
    let brokers = run.assignments[0].split(separator: "=")[1]
    let letter = Spawned.run(
      "kcat", ["-C", "-q", "-e", "-b", String(brokers), "-t", "dlq.events", "-o", "beginning", "-f", "%h\n%S\n%s"])
    let digest = Spawned.run("sha256sum", [run.scratch.path + "/value"]).text.prefix(64)
    #expect(letter.text.contains("thalweg.sha256=\(digest)"), "\(letter.text.prefix(700))")
    #expect(letter.text.hasSuffix("\n4096\n" + value.prefix(4096)))
    #expect(try run.features("user:u")["features"]?["n"]?.int64 == 1, "its neighbour is folded")
  }

  @Test func `reading stops before a topic drains into the dead letters`() throws {
    let run = try SmallRun(topics: ["events.watch"], more: ["limits.dead_letter_share=0.05"])
    let good = (0..<190).map { watch($0, at: 1_795_230_000_000) }
    let bad = (0..<20).map { _ in OutRecord("events.watch", "u", "{", at: 1_795_230_000_000) }
    var rounds = 0
    var reason: String?
    try run.fold(good + bad) { host in
      reason = host.worker.pauseReason
      rounds += 1
      return reason == nil && rounds < 2000
    }
    #expect(reason?.hasPrefix("reading stopped") == true, "\(reason ?? "nothing")")
    #expect(run.deadLetters.isEmpty)
  }
}

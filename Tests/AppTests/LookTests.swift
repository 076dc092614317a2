import Foundation
import JSON
import Ports
import Testing

@testable import App

/// A real worker with events flowing, as a person sees it: in a browser, in a terminal, in its log.
@Suite(.serialized, .timeLimit(.minutes(4))) struct LookTests {
  private let end = Int64(Date().timeIntervalSince1970 * 1000) / 3_600_000 * 3_600_000
  private static let parts = [
    "rate", "lag", "freshness", "top-trust", "top-trend", "lookup", "alerts", "dead-letters",
  ]

  private func stage() throws -> (broker: BrokerProcess, worker: LiveWorker) {
    let broker = try BrokerProcess("events.watch:1,events.rate:1,content.catalog:1,dlq.events:1,alerts.drift:1")
    let early = end - 15 * 3_600_000
    try broker.send([Sample.catalog("moon", title: "Moon", at: early), Sample.watch(1_000_000, at: early + 1)])
    let worker = try LiveWorker(["kafka.brokers=\(broker.address)", "store.kind=sqlite", "log.level=info"])
    #expect(worker.waitReady() == "ready", "\(worker.log)")
    return (broker, worker)
  }

  private func rating(_ n: Int) -> OutRecord {
    let time = end + Int64(n)
    return OutRecord(
      "events.rate", "ann",
      #"{"schema":"rate/1","event_id":"r-\#(n)","timestamp":\#(time),"user_id":"w\#(n)","content_id":"moon","rating":4.5}"#,
      at: time)
  }

  @Test(.enabled(if: Browser.path != nil, "no chromium on this machine"))
  func `every part of the page changes its text while events flow`() throws {
    let (broker, worker) = try stage()
    let browser = try Browser()
    try browser.open(try #require(worker.url))
    #expect(try browser.wait(until: "document.getElementById('state').textContent === 'live'"))
    _ = try browser.evaluate("document.getElementById('lookup-id').value = 'ann'")
    _ = try browser.evaluate("document.getElementById('lookup-form').requestSubmit()")
    let isFound = try browser.wait(
      until: "document.getElementById('lookup-said').textContent.startsWith('Viewer ann, 1 events')")
    let said = try browser.evaluate("document.getElementById('lookup-said').textContent")
    #expect(isFound, "\(said)")
    _ = try browser.evaluate(
      "window.was = Object.fromEntries(\(Self.parts).map((id) => [id, document.getElementById(id).textContent]))")
    // Hours of viewing in which a title breaks. Only when they are folded what comes later: a rating of now that arrives
    // on its own partition before them would close their hours, and they would be late.
    let hours = Sample.drift(endingAt: end)
    try broker.send(hours)
    let watched = worker.wait(60) {
      worker.metric(#"thalweg_events_consumed_total{topic="events.watch",type="watch"}"#) == Double(1 + hours.count)
        ? true : nil
    }
    #expect(watched == true, "\(worker.log)")
    // A record that is no event, ratings, and the viewer who was looked up.
    try broker.send(
      [OutRecord("events.watch", "k", "{", at: end)]
        + (0..<50).flatMap { [Sample.watch(900_000 + $0, at: end + Int64($0)), rating($0)] })
    for id in Self.parts where id != "lag" {
      #expect(
        try browser.wait(until: "document.getElementById('\(id)').textContent !== window.was['\(id)']"), "\(id)")
    }
    // Lag passes: the worker stands still while much arrives, then the page must have seen it behind.
    let isSeen = "document.getElementById('lag').textContent !== window.was['lag']"
    var isBehind = false
    for round in 0..<5 where !isBehind {
      worker.child.send(SIGSTOP)
      try broker.send((0..<20_000).map { Sample.watch(2_000_000 + round * 20_000 + $0, user: "v\($0 % 50)", at: end) })
      worker.child.send(SIGCONT)
      for _ in 0..<100 where !isBehind { isBehind = try browser.evaluate(isSeen) == "true" }
    }
    #expect(isBehind)
    for (id, text) in [("alerts", "completion_rate of content:moon"), ("dead-letters", "bad_json"), ("lookup", "ann")] {
      #expect(
        try browser.wait(until: "document.getElementById('\(id)').textContent.includes('\(text)')"), "\(id): \(text)")
    }
    #expect(try browser.evaluate("document.body.textContent.match(/NaN|undefined|Infinity|\\[object/)") == "null")
    #expect(worker.stop() == 0, "\(worker.log)")
  }

  @Test func `thalweg top shows a worker in 80 columns, without colour where none is wanted`() throws {
    let (broker, worker) = try stage()
    defer { withExtendedLifetime(broker) {} }
    let url = try #require(worker.url)
    let once = Spawned.run(Child.program, ["top", "--once", "--url", url])
    let lines = once.text.split(separator: "\n")
    #expect(once.code == 0 && lines.first?.hasPrefix("thalweg ● live") == true, "\(once.text)")
    #expect(lines.allSatisfy { Cells.width(String($0)) <= 80 } && !once.text.contains("\u{1b}"), "\(once.text)")
    // In a terminal of 80 columns, by script(1): with colour, without, and where no cursor can be moved.
    guard Spawned.run("sh", ["-c", "command -v script"]).code == 0 else { return print("skipped: no script(1)") }
    func terminal(_ environment: String) -> String {
      let command =
        "stty cols 80 rows 24; env -u NO_COLOR \(environment) timeout -s INT 3 '\(Child.program)' top --url '\(url)'"
      return Spawned.run("script", ["-qec", command, "/dev/null"]).text
    }
    let colour = terminal("TERM=xterm-256color")
    #expect(colour.contains("\u{1b}[1m") && colour.contains("thalweg"), "\(colour.prefix(300))")
    let plain = terminal("TERM=xterm NO_COLOR=1")
    #expect(!plain.contains("\u{1b}[1m") && plain.contains("thalweg ● live"), "\(plain.prefix(300))")
    let dumb = terminal("TERM=dumb")
    #expect(!dumb.contains("\u{1b}") && dumb.contains("1 events, "), "\(dumb.prefix(300))")
    #expect(worker.stop() == 0, "\(worker.log)")
  }

  @Test func `the page's policy allows its own origin only, and the log says nothing per event`() throws {
    let (broker, worker) = try stage()
    let head = Spawned.run("curl", ["-sI", try #require(worker.url)]).text.lowercased()
    #expect(
      head.contains("content-security-policy: default-src 'none'; script-src 'self'; style-src 'self'"), "\(head)")
    let before = worker.log.split(separator: "\n").count
    try broker.send((0..<5000).map { Sample.watch(10 + $0, user: "v\($0 % 50)", at: end) })
    let folded = worker.wait(60) {
      worker.metric(#"thalweg_events_consumed_total{topic="events.watch",type="watch"}"#) == 5001 ? true : nil
    }
    #expect(folded == true, "\(worker.log)")
    #expect(worker.log.split(separator: "\n").count - before < 5, "\(worker.log)")
    #expect(worker.log.split(separator: "\n").allSatisfy { (try? JSONValue(parsing: String($0)))?["level"] != nil })
    #expect(worker.stop() == 0, "\(worker.log)")
  }
}

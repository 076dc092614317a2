import Foundation
import KafkaPort
import Net
import Ports
import Testing

@testable import App

/// `/ready` over the life of a worker, asked over HTTP.
@Suite(.serialized, .timeLimit(.minutes(3))) struct ReadyTests {
  private let time = Int64(Date().timeIntervalSince1970 * 1000) - 60_000

  @Test func `before the first catch-up it says why not, after it yes for good`() throws {
    let broker = try BrokerProcess("events.watch:2,content.catalog:1,dlq.events:1,alerts.drift:1")
    try broker.send((0..<20_000).map { Sample.watch($0, user: "u\($0 % 100)", at: time) })
    let scratch = Places.Scratch()
    let loaded = Settings.load(
      file: nil, environment: [:],
      assignments: [
        "kafka.brokers=\(broker.address)", "store.kind=memory", "state_dir=\(scratch.path)/s", "admin.port=0",
        "log.level=error",
      ])
    let host = try WorkerHost(loaded: loaded, joinsGroup: false)
    let service = try WorkerService(host: host, context: Context(loaded: loaded, output: Output(capturing: .table)))
    let client = try #require(service.url.flatMap { Client(url: $0) })
    func ready() throws -> (Int, String) {
      let answer = try client.get("/ready")
      return (answer.status, String(decoding: answer.body, as: UTF8.self))
    }
    #expect(try ready() == (503, "starting\n"))
    #expect(try client.get("/live").status == 200)
    var seen: [String] = []
    var rounds = 0
    try host.run {
      service.tick()
      guard let (status, text) = try? ready() else { return false }
      seen.append(status == 200 ? "ready" : text)
      rounds += 1
      if status == 200, seen.count < 2_000, host.worker.status.eventsFolded == 20_000 {
        // More to fold than it has: behind again, and ready all the same.
        try? broker.send((20_000..<21_000).map { Sample.watch($0, at: time) })
      }
      return host.worker.status.eventsFolded < 21_000 && rounds < 5_000
    }
    #expect(seen.first?.hasPrefix("catching up: ") == true, "\(seen.prefix(2))")
    let first = try #require(seen.firstIndex(of: "ready"))
    #expect(seen[first...].allSatisfy { $0 == "ready" })
    service.stopping()
    #expect(try ready() == (503, "stopping\n"))
    service.close()
  }

  @Test(arguments: ["redis", "kafka"])
  func `without the store or the log for a while it says no, and yes again once they are back`(which: String) throws {
    guard let redis = LocalRedis() else { return print("skipped: no redis-server") }
    let broker = try BrokerProcess("events.watch:1,content.catalog:1,dlq.events:1,alerts.drift:1")
    let scratch = Places.Scratch()
    let loaded = Settings.load(
      file: nil, environment: [:],
      assignments: [
        "kafka.brokers=\(broker.address)", "redis.url=\(redis.url)", "state_dir=\(scratch.path)/s", "admin.port=0",
        "log.level=error",
      ])
    let host = try WorkerHost(loaded: loaded, joinsGroup: false)
    host.lookNs = 1_000_000_000
    let service = try WorkerService(
      host: host, context: Context(loaded: loaded, output: Output(capturing: .table)), patience: 3)
    defer { service.close() }
    let client = try #require(service.url.flatMap { Client(url: $0) })
    enum Phase { case begins, away, refused, back }
    var phase = Phase.begins
    var reason = ""
    var wasReadyWhileAway = false
    let began = Date()
    try host.run {
      service.tick()
      guard let answer = try? client.get("/ready") else { return false }
      switch (phase, answer.status) {
      case (.begins, 200):
        if which == "redis" { redis.stop() } else { broker.child.send(SIGSTOP) }
        phase = .away
      case (.away, 200): wasReadyWhileAway = true
      case (.away, _):
        reason = String(decoding: answer.body, as: UTF8.self)
        if which == "redis" { redis.start() } else { broker.child.send(SIGCONT) }
        phase = .refused
      case (.refused, 200): phase = .back
      default: break
      }
      return phase != .back && Date().timeIntervalSince(began) < 60
    }
    #expect(phase == .back, "\(phase): \(reason)")
    #expect(wasReadyWhileAway, "not at once: a short absence wakes nobody")
    #expect(reason.hasPrefix("\(which == "redis" ? "the feature store" : "Kafka") has not answered for"), "\(reason)")
  }

  @Test func `after SIGTERM it refuses while it drains, and ends with 0`() throws {
    guard let redis = LocalRedis() else { return print("skipped: no redis-server") }
    let broker = try BrokerProcess("events.watch:1,dlq.events:1,alerts.drift:1")
    try broker.send((0..<100).map { Sample.watch($0, at: time) })
    let worker = try LiveWorker(["kafka.brokers=\(broker.address)", "redis.url=\(redis.url)"])
    #expect(worker.waitReady() == "ready", "\(worker.log)")
    // Redis stands still with rows under way: the drain takes as long as it may.
    redis.isPaused = true
    try broker.send((100..<200).map { Sample.watch($0, at: time) })
    #expect(worker.wait(20) { (worker.metric("thalweg_dirty_keys") ?? 0) > 0 ? true : nil } == true)
    worker.child.send(SIGTERM)
    let refusal = worker.wait(10) { () -> String? in
      guard let answer = try? worker.get("/ready"), answer.status == 503 else { return nil }
      return answer.text
    }
    #expect(refusal == "stopping\n", "\(worker.log)")
    redis.isPaused = false
    #expect(worker.child.end() == 0, "\(worker.log)")
  }
}

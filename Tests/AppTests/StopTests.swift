import Foundation
import KafkaPort
import Testing

/// SIGTERM to the real process: it drains, saves, commits and ends within ten seconds, whatever does not answer.
@Suite(.serialized) struct StopTests {
  @Test func `while a backlog is folded: what was folded is saved and told to the group`() throws {
    let scene = try Scene()
    let worker = try scene.life.begin()
    scene.untilTurn(2)
    worker.send(SIGTERM)
    #expect(worker.end(within: 10) == 0)
    #expect(scene.life.log.contains(#""message":"stopped""#))
    let dump = try scene.life.ask(["state", "dump"], withErrors: true)
    #expect(!dump.text.contains("planned turns are not in this checkpoint"))
    let admin = try KafkaAdmin(KafkaConfig(brokers: scene.broker.address, group: "scene", joinsGroup: false))
    defer { admin.close() }
    let told = try admin.lag(of: KillTraffic.topics).reduce(0) { $0 + ($1.committed ?? 0) }
    #expect(told > 60, "the catalog and some events")
    try scene.expectComplete()
  }

  @Test func `while Redis is away: saved, and published after its return`() throws {
    guard let redis = LocalRedis() else { return }
    var scene = try Scene(events: 3_000, ["store.kind=redis", "redis.url=\(redis.url)", "redis.timeout=2s"])
    let worker = try scene.life.begin()
    scene.untilTurn(2)
    redis.isPaused = true
    try scene.send(2_000)
    let began = Date()
    worker.send(SIGTERM)
    let code = worker.end(within: 10)
    #expect(code == 0, "after \(Date().timeIntervalSince(began)) s")
    redis.isPaused = false
    try scene.expectComplete()
    let rows = redis.cli("--scan", "--pattern", "*user:u*").split(separator: "\n")
    #expect(rows.count >= 400)
  }

  @Test func `while the broker does not answer: it ends all the same, and nothing is lost`() throws {
    var scene = try Scene(events: 3_000)
    let worker = try scene.life.begin()
    scene.untilTurn(2)
    scene.broker.isPaused = true
    usleep(100_000)
    worker.send(SIGTERM)
    let code = worker.end(within: 10)
    #expect(code == 0 || code == 143)
    scene.broker.isPaused = false
    try scene.send(500)
    try scene.expectComplete()
  }

  @Test func `a second SIGTERM ends at once, and nothing is lost`() throws {
    guard let redis = LocalRedis() else { return }
    let scene = try Scene(events: 3_000, ["store.kind=redis", "redis.url=\(redis.url)", "redis.timeout=20s"])
    let worker = try scene.life.begin()
    scene.untilTurn(2)
    redis.isPaused = true  // the end in order would now take some seconds
    usleep(100_000)
    worker.send(SIGTERM)
    #expect(worker.end(within: 0.5) == nil)
    worker.send(SIGTERM)
    // In order it would be 0, and by the clock 143 after 9.5 s.
    #expect(worker.end(within: 4) == 143)
    redis.isPaused = false
    try scene.expectComplete()
  }
}

import Foundation
import KafkaPort
import Ports
import Testing

/// Real processes, killed with signal 9 again and again: nothing is lost and nothing counted twice.
///
/// In every test run some thousand events and a few kills. THALWEG_FULL_KILLS=1 (release build) is the full form: a
/// million events over 100,000 viewers, 32 partitions a topic, twenty kills under traffic and twenty over a backlog.
@Suite(.serialized) struct KillTests {
  static let isFull = ProcessInfo.processInfo.environment["THALWEG_FULL_KILLS"] != nil
  private static let kills = isFull ? 20 : 3
  private static let live = isFull ? 200_000 : 2_000
  /// In the topics at the end; all of them are the backlog of the second part.
  private static let events = isFull ? 1_200_000 : 40_000

  @Test func `killed again and again, embedded broker: its plans, an unkilled run and a count from the topics agree`()
    throws
  {
    let broker = try TestBroker(topics: KillTraffic.topics + ["dlq.events", "alerts.drift"], partitions: 32)
    _ = try run(on: broker, in: Places.Scratch())
  }

  @Test(.enabled(if: RealKafka.script != nil, "no real Kafka here: no java, or no kafka.sh (THALWEG_TEST_KAFKA)"))
  func `killed again and again, real Kafka: its plans, an unkilled run and a count from the topics agree`() throws {
    let broker = try TestBroker(realWith: KillTraffic.topics + ["dlq.events", "alerts.drift"], partitions: 32)
    let scratch = Places.Scratch()
    var (life, traffic) = try run(on: broker, in: scratch)
    if Self.isFull { try restart(life, &traffic) }
    withExtendedLifetime(scratch) {}
  }

  private func run(on broker: TestBroker, in scratch: Places.Scratch) throws -> (life: Life, traffic: KillTraffic) {
    var traffic = KillTraffic(
      viewers: Self.isFull ? 100_000 : 2_000, titles: Self.isFull ? 2_000 : 300,
      // Ends between two boundaries of five minutes: what idle topics' timers do is no part of a backlog.
      stepMs: 14_500_000 / Double(Self.events))
    let outlet = try KafkaOutlet.traffic(to: broker.address)
    try traffic.sendCatalog(through: outlet)
    #expect(outlet.flush(timeoutMs: 30_000))

    // Under traffic: what is left is what the plans give, and what the topics say.
    let living = Life(name: "live", broker: broker, scratch: scratch)
    let producer = try KillProducer(traffic, to: broker.address, perSecond: Self.isFull ? 12_000 : 1_500)
    let killsLive = try living.die(Self.kills)
    traffic = try producer.stop()
    if traffic.sent < Self.live { try traffic.send(Self.live - traffic.sent, through: outlet) }
    #expect(outlet.flush(timeoutMs: 60_000))
    try living.finish()
    #expect(killsLive.count == Self.kills && killsLive.progressed * 4 >= killsLive.count * 3, "\(killsLive)")
    let replay = try living.ask(["replay", "--plans", "--verify"])
    #expect(replay.code == 0, "\(replay.text)")
    let audit = try living.audit()
    #expect(audit.code == 0, "\(audit.text)")
    print("\(broker.address): under traffic \(traffic.sent) events, \(killsLive); \(replay.text); audit: \(audit.text)")

    // Over a backlog: the same bytes as a run that was never killed.
    if traffic.sent < Self.events { try traffic.send(Self.events - traffic.sent, through: outlet) }
    #expect(outlet.flush(timeoutMs: 60_000))
    outlet.close()
    let marks = try broker.watermarks(of: KillTraffic.topics)
    #expect(marks.count == KillTraffic.topics.count * 32 && marks.allSatisfy { $0.low == 0 })
    let whole = Life(name: "whole", broker: broker, scratch: scratch)
    try whole.finish()
    let killed = Life(name: "killed", broker: broker, scratch: scratch, more: ["shards=2"])
    let kills = try killed.die(Self.kills, afterTurns: Self.isFull ? 2 : 1)
    try killed.finish()
    #expect(kills.count == Self.kills && kills.progressed * 4 >= kills.count * 3, "\(kills)")
    #expect(try killed.toldEverything(), "the group knows of every record")
    let difference = try Life.difference(whole, killed)
    #expect(difference == nil, "a state killed \(kills.count) times differs from one never killed")
    let recount = try killed.audit()
    #expect(recount.code == 0, "\(recount.text)")
    print(
      "\(broker.address): backlog \(traffic.sent) events and \(traffic.copies) copies, \(whole.turns) turns unkilled, "
        + "\(kills); dumps equal: \(difference == nil); audit: \(recount.text)")
    return (killed, traffic)
  }

  /// From exec after a kill to the first new turn, three times; at most 3 s.
  private func restart(_ life: Life, _ traffic: inout KillTraffic) throws {
    let outlet = try KafkaOutlet.traffic(to: life.address)
    defer { outlet.close() }
    var seconds: [Double] = []
    var worker = try life.begin()
    for _ in 0..<3 {
      let before = life.turns
      try traffic.send(2_000, through: outlet)
      #expect(outlet.flush(timeoutMs: 30_000))
      while life.turns <= before { usleep(1_000) }
      worker.kill()
      try traffic.send(2_000, through: outlet)
      #expect(outlet.flush(timeoutMs: 30_000))
      let planned = life.turns
      let start = Date()
      worker = try life.begin()
      while life.turns <= planned { usleep(1_000) }
      seconds.append(Date().timeIntervalSince(start))
    }
    worker.kill()
    print("\(life.address): new turns \(seconds) s after exec, with 100,000 viewers of state")
    #expect(seconds.allSatisfy { $0 < 3 })
  }
}

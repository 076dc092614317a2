import Events
import Ports
import Testing

@testable import MemoryPort
@testable import Pipeline

/// A run repeated by its plans leaves its bytes, whatever it met.
@Suite struct ReplayTests {
  private func replay(_ world: World, base: MemoryState = MemoryState()) throws -> [UInt8] {
    let live = try Road.reading(world.state, options: world.options)
    var options = world.options
    options.replay = ReplayPlan(manifest: live.manifest, upTo: live.manifest.turn)
    options.commitsOffsets = false
    options.checkpointIntervalMs = 86_400_000
    let ids = Identities(viewers: 64, titles: 64)
    let worker = Worker(
      options: options, decoder: Decoder(mapping: Envelope.mapping, options: DecodeOptions(), ids: ids), ids: ids,
      source: world.log, store: MemoryStore(), outlet: MemoryOutlet(), state: base, plans: world.plans,
      clock: world.clock, onOneThread: true)
    let committed = world.log.committed
    try worker.start()
    var steps = 0
    while !worker.replayIsDone, try worker.step(waitMs: 0), steps < 5000 { steps += 1 }
    #expect(worker.replayIsDone)
    #expect(world.log.committed == committed, "the group is left alone")
    #expect(live.road.dumpBytes == world.worker.road.dumpBytes)
    return worker.road.dumpBytes
  }

  @Test func `the plans of a live run, with timers and a catalog change, give its bytes again`() throws {
    let world = World()
    world.log.deliveryLimit = 37
    try world.run()
    let isEqual = try replay(world) == world.worker.road.dumpBytes
    #expect(isEqual)
  }

  @Test func `the plans of a run that crashed give the bytes of what followed`() throws {
    let world = World(faults: .dying(at: 230, after: true))
    try world.runThroughCrash(delivering: false)
    let isEqual = try replay(world) == world.worker.road.dumpBytes
    #expect(isEqual)
  }

  @Test func `the plans give the bytes again after the catalog topic was compacted, and even without it`() throws {
    let world = World()
    try world.run()
    for partition in 0..<3 as Range<Int32> { world.log.trim(TopicPartition("content.catalog", partition), before: 6) }
    let isEqual = try replay(world) == world.worker.road.dumpBytes
    #expect(isEqual)
    world.log.remake("content.catalog", partitions: 3)
    let isEqualWithout = try replay(world) == world.worker.road.dumpBytes
    #expect(isEqualWithout)
  }

  @Test func `plans go when they are older than plan keep, also those that an earlier process made`() throws {
    let world = World(Timeline(hasIdle: false))
    world.options.planKeepMs = 3_600_000
    try world.run()
    let kept = world.plans.count
    #expect(kept > 20)
    // Two hours later a new process, which checkpoints for two minutes: those of the run are gone, its own stay.
    world.clock.advance(ms: 7_200_000)
    try world.begin()
    for n in 0..<1300 {
      if n % 10 == 0 {
        let time = Timeline.start + 20_000_000 + Int64(n) * 100
        let value =
          #"{"schema":"search/1","event_id":"p\#(n)","timestamp":\#(time),"user_id":"u1","query":"q"}"#
        world.log.append("events.search", 0, key: Array("u1".utf8), value: Array(value.utf8), timestamp: time)
      }
      _ = try world.worker.step(waitMs: 0)
      world.clock.advance(ms: 100)
    }
    let left = try world.plans.plans(after: 0).compactMap { TurnPlan(decoding: $0.plan) }
    #expect(left.count > 50)
    #expect(left.allSatisfy { $0.wallMs >= world.clock.wallMs - 3_600_000 })
    #expect(zip(left, left.dropFirst()).allSatisfy { $1.turn == $0.turn + 1 })
  }

  @Test func `the oldest plans go where all of them take more than plan max_bytes`() throws {
    let world = World(Timeline(hasIdle: false))
    world.options.planMaxBytes = 4000
    try world.run()
    let before = try world.plans.plans(after: 0)
    #expect(before.count > 20 && world.plans.bytes > 8000)
    try world.begin()
    for n in 0..<1300 {
      if n % 100 == 0 {
        let time = Timeline.start + 20_000_000 + Int64(n) * 100
        let value = #"{"schema":"search/1","event_id":"x\#(n)","timestamp":\#(time),"user_id":"u1","query":"q"}"#
        world.log.append("events.search", 0, key: Array("u1".utf8), value: Array(value.utf8), timestamp: time)
      }
      _ = try world.worker.step(waitMs: 0)
      world.clock.advance(ms: 100)
    }
    let left = try world.plans.plans(after: 0)
    #expect(world.plans.bytes < 5000 && left.count > 5)
    #expect(left.first!.turn > before.first!.turn && zip(left, left.dropFirst()).allSatisfy { $1.turn == $0.turn + 1 })
    _ = try world.worker.stop(deadlineMs: 5000)
    let error = #expect(throws: WorkerFault.self) { try replay(world) }
    #expect(error.map { "\($0)".contains("the plans kept begin with turn \(left.first!.turn)") } == true)
  }

  @Test func `plans that begin too late are refused, with what helps`() throws {
    let world = World()
    try world.run()
    try world.plans.prune(upTo: 3)
    let error = #expect(throws: WorkerFault.self) { try replay(world) }
    #expect(error.map { "\($0)".contains("--base") } == true)
  }
}

import Events
import Learners
import Testing

@testable import MemoryPort
@testable import Pipeline

/// What a worker holds stays under its ceilings: a full queue, a hot title, a day's lag.
@Suite struct CeilingTests {
  private static let start: Int64 = 1_793_586_600_000
  private static let ceiling = 2 << 20

  private func world() -> World {
    let world = World()
    world.options.alignMaxBytes = Self.ceiling
    world.log.deliveryLimit = .max
    return world
  }

  private func append(_ world: World, _ n: Int, partition: Int, at time: Int64, viewer: Int, title: Int) {
    let value =
      #"{"schema":"watch/1","event_id":"w-\#(partition)-\#(n)","timestamp":\#(time),"user_id":"u\#(viewer)","content_id":"t\#(title)","completion_rate":0.5}"#
    world.log.append(
      "events.watch", Int32(partition), key: Array("u\(viewer)".utf8), value: Array(value.utf8), timestamp: time)
  }

  /// The most that waited at any moment; what one poll hands over may come on top of the ceiling.
  private func mostHeld(_ world: World, until isDone: (Worker) -> Bool) throws -> Int {
    var most = 0
    for _ in 0..<20_000 where !isDone(world.worker) {
      _ = try world.worker.step(waitMs: 0)
      world.clock.advance(ms: 10)
      most = max(most, world.worker.status.heldBytes)
    }
    #expect(isDone(world.worker), "it came to its end")
    return most
  }

  private var onePoll: Int { 8192 * MemoryLayout<Entry>.stride + 4 * Chunk.byteCount }

  @Test func `a partition that brings nothing fills the others' queues up to the ceiling and no further`() throws {
    let world = world()
    for n in 0..<40_000 {
      append(world, n, partition: n % 2, at: Self.start + Int64(n) * 100, viewer: n % 300, title: n % 20)
    }
    for n in 0..<100 { append(world, n, partition: 2, at: Self.start + Int64(n) * 40_000, viewer: n, title: 3) }
    world.log.hold(.init("events.watch", 2))
    try world.begin()
    var rounds = 0
    let full = try mostHeld(world) { _ in
      rounds += 1
      return rounds > 60
    }
    #expect(full > Self.ceiling / 2, "it filled up: \(full)")
    #expect(full <= Self.ceiling + onePoll)
    #expect(world.worker.status.eventsFolded == 0, "nothing overtakes the partition that has not spoken")
    world.log.release(.init("events.watch", 2))
    let after = try mostHeld(world) { $0.status.eventsFolded == 40_100 }
    #expect(after <= Self.ceiling + onePoll)
  }

  @Test func `a day's lag read partition by partition stays under the ceiling and in order`() throws {
    let world = world()
    world.log.burst = .max
    let count = 45_000
    for n in 0..<count {
      append(
        world, n, partition: n % 3, at: Self.start + Int64(n) * 86_400_000 / Int64(count), viewer: n % 500,
        title: n % 30)
    }
    try world.begin()
    let most = try mostHeld(world) { $0.status.eventsFolded == UInt64(count) }
    #expect(most <= Self.ceiling + onePoll)
    // In order: nothing of what was read was late.
    #expect(world.worker.road.totals[.late] == 0)
  }

  @Test func `a partition that was held back for being ahead goes on when the others have passed it`() throws {
    let world = world()
    world.log.burst = 3000
    // Records of partition 0 come far apart, those of 1 late and close together, those of 2 in between.
    let spacing: [(from: Int64, each: Int64)] = [(0, 1000), (2_500_000, 100), (0, 400)]
    let count = 20_000
    for (partition, times) in spacing.enumerated() {
      for n in 0..<count {
        append(
          world, n, partition: partition, at: Self.start + times.from + Int64(n) * times.each, viewer: n % 500,
          title: n % 30)
      }
    }
    try world.begin()
    let most = try mostHeld(world) { $0.status.eventsFolded == UInt64(3 * count) }
    #expect(most <= Self.ceiling + onePoll)
    #expect(world.worker.road.totals[.late] == 0)
  }

  @Test func `half of all events on one title leave that title as small as any`() throws {
    let world = world()
    world.options.learn.drift.maxBytes = 1 << 16
    let count = 30_000
    for n in 0..<count {
      let title = n % 2 == 0 ? 0 : 1 + n % 4000
      append(world, n, partition: n % 3, at: Self.start + Int64(n) * 500, viewer: n % 2000, title: title)
    }
    try world.begin()
    let most = try mostHeld(world) { $0.status.eventsFolded == UInt64(count) }
    #expect(most <= Self.ceiling + onePoll)
    let road = world.worker.road
    let found = road.ids.titles.find("t0")
    let hot = try #require(found)
    #expect(road.titles.row(hot).pointee.watches == Int64(count / 2))
    #expect(road.titles.byteCount(hot) == MemoryLayout<TitleRow>.stride)
    // The hot title's own series may stay above: it is the newest touched. The others leave.
    #expect(road.metricFold.pointee.byteCount <= (1 << 16) + 4096)
    let largest = (0..<UInt32(road.viewerCount)).map { road.viewers.byteCount($0) }.max() ?? 0
    #expect(largest < 4096)
    #expect(road.dirtyKeys <= road.viewerCount + road.titleCount)
  }
}

import Foundation
import Ports
import Testing

@testable import MemoryPort
@testable import Pipeline

/// Over a backlog nothing shows of how it was cut, delivered, split or repeated.
@Suite struct OrderTests {
  /// Everything is there before the worker starts.
  private func backlog(
    _ timeline: Timeline, shards: Int = 1, burst: Int = 64, delivery: Int = .max, turnLimit: Int = 16384,
    shuffledBy seed: Int = 0
  ) throws -> World {
    var options = World.options(shards: shards)
    options.turnLimit = turnLimit
    options.untilCaughtUp = true
    let world = World(timeline, options: options)
    world.log.burst = burst
    world.log.deliveryLimit = delivery
    world.patience = 50_000
    let lines = timeline.phases.flatMap(\.lines)
    // A shuffled production keeps the order within each partition, as producers side by side do.
    var queues = Dictionary(grouping: lines) { "\($0.topic)/\($0.partition)" }.sorted { $0.key < $1.key }.map {
      Array($0.value)
    }
    var random = UInt64(seed) &* 0x9e37_79b9_7f4a_7c15 | 1
    var order: [Timeline.Line] = []
    if seed == 0 {
      order = lines
    } else {
      while !queues.isEmpty {
        random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        let at = Int(random >> 33) % queues.count
        order.append(queues[at].removeFirst())
        if queues[at].isEmpty { queues.remove(at: at) }
      }
    }
    for line in order {
      world.log.append(
        line.topic, line.partition, key: Array(line.key.utf8), value: line.value.isEmpty ? nil : Array(line.value.utf8),
        timestamp: line.time)
    }
    world.clock.setWall(ms: Timeline.start + 86_400_000)
    try world.begin()
    try world.settle()
    _ = try world.worker.stop(deadlineMs: 5000)
    return world
  }

  private static let expected = Result { try OrderTests().backlog(Timeline()).remains() }

  @Test(arguments: [1, 2, 4]) func `any number of shards leaves the same bytes`(shards: Int) throws {
    let world = try backlog(Timeline(), shards: shards)
    let difference = try Self.expected.get().difference(world.remains())
    #expect(difference == nil)
  }

  @Test(arguments: [(1, 7, 16384), (5, 33, 50), (64, 500, 1), (1000, 100_000, 333)])
  func `turns cut anywhere leave the same bytes`(burst: Int, delivery: Int, turnLimit: Int) throws {
    let world = try backlog(Timeline(), burst: burst, delivery: delivery, turnLimit: turnLimit)
    let difference = try Self.expected.get().difference(world.remains())
    #expect(difference == nil)
    #expect(world.worker.status.turn > 3 || delivery > 10_000)
  }

  @Test(arguments: [1, 2, 3]) func `topics produced in any order against one another leave the same bytes`(seed: Int)
    throws
  {
    let world = try backlog(Timeline(), shuffledBy: seed)
    let difference = try Self.expected.get().difference(world.remains())
    #expect(difference == nil)
  }

  @Test func `a producer that sends every event three times changes nothing`() throws {
    let once = try backlog(Timeline(hasFaults: false)).remains()
    let thrice = try backlog(Timeline(copies: 3, hasFaults: false)).remains()
    #expect(once.dump == thrice.dump)
    #expect(once.features == thrice.features)
    #expect(once.alerts == thrice.alerts)
    #expect(thrice.folded == once.folded * 3)
  }

  @Test(arguments: [(2, 8, 2048), (2, 64, 1), (2, 1024, 1), (3, 16, 10), (4, 8, 1), (4, 1024, 2048)])
  func `threads fold what one thread folds, in blocks of any size`(shards: Int, block: Int, aside: Int) throws {
    var options = World.options(shards: shards)
    options.blockLimit = block
    options.leastAside = aside
    options.untilCaughtUp = true
    let world = World(Timeline(), options: options)
    world.usesThreads = true
    world.expectedIDs = 1
    for phase in world.timeline.phases.indices { world.timeline.produce(phase, to: world.log) }
    world.clock.setWall(ms: Timeline.start + 86_400_000)
    try world.begin()
    try world.settle()
    _ = try world.worker.stop(deadlineMs: 5000)
    let difference = try Self.expected.get().difference(world.remains())
    #expect(difference == nil)
  }
}

import Bandits
import Foundation
import Testing

@testable import MemoryPort
@testable import Pipeline

/// Arms that learn on the road: right, the same however it is cut, and not to be lost.
@Suite(.serialized) struct ArmRoadTests {
  /// - Parameter most: 64 gives every key slot one place: the timeline's 26 titles push each other out.
  private static func options(shards: Int = 1, most: Int = 64) throws -> WorkerOptions {
    var options = World.options(shards: shards)
    options.arms = ArmOptions()
    options.arms?.layout = try #require(
      ContextLayout(parsing: ["profile[0..<8]", "content[0..<8]", "screen", "daypart", "bias", "previous_reward"]))
    options.arms?.most = most
    return options
  }

  private func backlog(
    shards: Int = 1, turnLimit: Int = 16384, delivery: Int = .max, usesThreads: Bool = false
  ) throws -> World {
    var options = try Self.options(shards: shards)
    options.turnLimit = turnLimit
    options.untilCaughtUp = true
    let world = World(Timeline(), options: options)
    world.log.burst = 64
    world.log.deliveryLimit = delivery
    world.patience = 50_000
    world.usesThreads = usesThreads
    for phase in world.timeline.phases.indices { world.timeline.produce(phase, to: world.log) }
    world.clock.setWall(ms: Timeline.start + 86_400_000)
    try world.begin()
    try world.settle()
    _ = try world.worker.stop(deadlineMs: 5000)
    return world
  }

  private static let expected = Result { try ArmRoadTests().backlog().remains() }

  @Test func `arms stand in dump and store, and titles pushed out have none`() throws {
    let world = try backlog()
    let rows = String(decoding: world.remains().dump, as: UTF8.self).split(separator: "\n")
    let arms = rows.filter { $0.hasPrefix("arm\t") }
    let figures = world.worker.road.arms!.figures
    #expect(arms.count == figures.count && figures.count > 15)
    #expect(figures.evictions > 10, "titles push each other out")
    let published = world.remains().features.filter { $0.hasPrefix("arm:") }
    #expect(published.count == arms.count)
    for row in arms {
      let title = row.split(separator: "\t")[1]
      #expect(published.contains { $0.hasPrefix("arm:\(title) ") }, "\(title) is published")
    }
  }

  @Test(arguments: [2, 4]) func `any number of shards leaves the same arms`(shards: Int) throws {
    let difference = try Self.expected.get().difference(try backlog(shards: shards).remains())
    #expect(difference == nil)
  }

  @Test(arguments: [(33, 50), (500, 1), (100_000, 333)])
  func `turns cut anywhere leave the same arms`(delivery: Int, turnLimit: Int) throws {
    let world = try backlog(turnLimit: turnLimit, delivery: delivery)
    let difference = try Self.expected.get().difference(world.remains())
    #expect(difference == nil)
  }

  @Test(arguments: [1, 2]) func `arms on threads of their own learn the same`(shards: Int) throws {
    let world = try backlog(shards: shards, turnLimit: 100, usesThreads: true)
    let difference = try Self.expected.get().difference(world.remains())
    #expect(difference == nil)
  }

  /// A few points of each kind; `THALWEG_ALL_CRASH_POINTS` runs all of them.
  @Test func `a crash before or after any effect loses no update and makes none twice`() throws {
    func world(_ faults: Faults) throws -> World {
      let world = World(Timeline(events: 700), faults: faults, options: try Self.options())
      world.faults.keepsTrace = true
      return world
    }
    let whole = try world(Faults())
    try whole.run()
    let expected = whole.remains()
    let trace = whole.faults.trace
    let isComplete = ProcessInfo.processInfo.environment["THALWEG_ALL_CRASH_POINTS"] != nil
    var points = Array(1...trace.count)
    if !isComplete {
      points = ["plans.append", "state.save", "source.commit", "store.apply"].flatMap { name in
        let all = points.filter { trace[$0 - 1] == name }
        return [all.count / 3, all.count * 4 / 5].map { all[$0] }
      }
    }
    for point in points {
      for after in [false, true] {
        let world = try world(Faults.dying(at: point, after: after))
        try world.runThroughCrash(delivering: after)
        let difference = expected.difference(world.remains())
        #expect(difference == nil, "crash \(after ? "after" : "before") step \(point), \(trace[point - 1])")
        #expect(world.regressions.isEmpty)
      }
    }
    if isComplete { print("arms: \(trace.count) effects, \(trace.count * 2) crashes") }
  }

  @Test func `a state whose arms were learned under another layout is refused`() throws {
    let world = World(Timeline(events: 200), options: try Self.options())
    try world.run()
    world.options.arms?.lambda = 2
    #expect { try world.begin() } throws: { "\($0)".contains("bandit.layout or bandit.lambda") }
  }
}

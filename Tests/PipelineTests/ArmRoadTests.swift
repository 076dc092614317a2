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
    let health = try #require(world.worker.road.lookAtArms())
    #expect(arms.count == health.count && health.count > 15)
    #expect(health.evictions > 10, "titles push each other out")
    #expect(health.learned > 500 && health.refused == 0 && health.whole.rebuilds == 0)
    #expect(health.whole.condition > 1 && health.whole.condition < 1e4 && health.whole.asymmetry < 1e-4)
    #expect(health.whole.byteCount > health.count * 26 * 27 / 2 * 4)
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

  /// Worked out beside the road: contexts from the events alone, then (I + sum x x') theta = sum r x, solved anew.
  @Test func `theta is what the events say`() throws {
    let watched: [(viewer: Int, title: Int, completion: Double, device: String)] = [
      (1, 0, 0.5, "tv"), (1, 0, 1, "mobile"), (2, 0, 0.25, "web"), (1, 3, 0.75, "mobile"), (2, 3, 0.125, "voice"),
      (1, 0, 0, "tv"), (2, 0, 0.875, "web"), (1, 3, 0.5, "mobile"),
    ]
    var timeline = Timeline(events: 0)
    timeline.phases = [timeline.phases[0]]
    let times = watched.indices.map { Timeline.start + Int64($0) * 3 * 3_600_000 }
    let lines = zip(watched, times).enumerated().map { i, event in
      let ((viewer, title, completion, device), time) = event
      let value =
        #"{"schema":"watch/1","event_id":"w\#(i)","timestamp":\#(time),"user_id":"u\#(viewer)","#
        + #""content_id":"t\#(title)","completion_rate":\#(completion),"device":"\#(device)"}"#
      return Timeline.Line(topic: "events.watch", partition: 0, key: "u\(viewer)", value: value, time: time)
    }
    timeline.phases.append(Timeline.Phase(lines: lines, wall: Timeline.start + 86_400_000))
    var options = try Self.options(most: 6400)
    options.learn.vectorForm = .plain
    options.learn.rewards = .w1
    options.learn.viewerIdleMs = 0
    let world = World(timeline, options: options)
    try world.run()

    let d = 26
    var profiles: [Int: [Double]] = [:]
    var previous: [Int: Double] = [:]
    var lessons: [Int: [(x: [Double], reward: Double)]] = [:]
    for (event, time) in zip(watched, times) {
      let content = (0..<8).map { Double((event.title * 7 + $0 * 3) % 11) / 11 - 0.4 }
      let profile = profiles[event.viewer] ?? Array(repeating: 0, count: 8)
      let quarter = Int(time / 3_600_000 % 24) / 6
      let x =
        profile + content + ["mobile", "tv", "web", "tablet"].map { $0 == event.device ? 1 : 0 }
        + (0..<4).map { $0 == quarter ? 1 : 0 } + [1, previous[event.viewer] ?? 0]
      lessons[event.title, default: []].append((x, event.completion))
      profiles[event.viewer] = zip(profile, content).map { 0.95 * $0 + 0.05 * event.completion * $1 }
      previous[event.viewer] = event.completion
    }
    let road = world.worker.road
    for (title, lessons) in lessons {
      var a = (0..<d).map { i in (0..<d).map { $0 == i ? 1.0 : 0 } }
      var b = [Double](repeating: 0, count: d)
      for lesson in lessons {
        for i in 0..<d {
          b[i] += lesson.reward * lesson.x[i]
          for j in 0..<d { a[i][j] += lesson.x[i] * lesson.x[j] }
        }
      }
      let theta = Self.solve(a, b)
      let slot = road.ids.titles.find("t\(title)")!
      let (own, updates) = road.arms!.arm(slot, key: road.ids.titles.hash(of: slot))
      #expect(Int(updates) == lessons.count)
      for i in 0..<d { #expect(abs(Double(own[i]) - theta[i]) < 1e-5, "t\(title) slot \(i): \(own[i]), \(theta[i])") }
    }
  }

  /// x of A x = b by Gauss-Jordan elimination; A is well conditioned.
  private static func solve(_ a: [[Double]], _ b: [Double]) -> [Double] {
    var m = zip(a, b).map { $0 + [$1] }
    for column in b.indices {
      for row in b.indices where row != column {
        let factor = m[row][column] / m[column][column]
        for k in column...b.count { m[row][k] -= factor * m[column][k] }
      }
    }
    return b.indices.map { m[$0][b.count] / m[$0][$0] }
  }
}

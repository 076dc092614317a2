import Bandits
import Foundation
import Learners
import Testing

@testable import MemoryPort
@testable import Pipeline

/// Decisions that wait, the models' sums and the resolved items, over crashes.
@Suite(.serialized) struct DecisionCrashTests {
  private typealias Stage = DecisionStage

  /// Hands items out as text that names everything a reader would act on.
  private struct Lines: ResolvedEncoder {
    func encode(_ item: ResolvedItem) -> [UInt8]? {
      Array(
        "\(item.eventID) \(item.userID) \(item.time) \(item.at) \(item.reward) \(item.stage) \(item.previous ?? 9)".utf8
      )
    }
  }

  /// Every way a decision can go, in four phases with idle time behind: 40 decisions of 10 viewers.
  private static var timeline: Timeline {
    var phases = [Timeline.Phase(wall: Timeline.start)]
    let offset = Timeline.start - Stage.start
    for part in 0..<4 {
      var lines: [Stage.Line] = []
      for d in (part * 10)..<(part * 10 + 10) {
        let at = offset + Int64(d) * 20_000
        let (id, user) = ("d\(d)", "u\(d % 10)")
        let items = (0..<3).map { "t\((d + $0) % 6)" }
        let x = (0..<3).map { [Float(1), Float($0) / 4 - 0.5] }
        if d % 7 == 3 { lines.append(Stage.click(id, user, at: at - 2000, items[0], event: "early\(d)")) }
        if d % 3 != 2 {
          lines.append(Stage.decision(id, user, at: at, items, x: x, rest: d % 8 == 1 ? #","deferred":true"# : ""))
        }
        if d % 3 != 1 { lines.append(Stage.impression(id, user, at: at + 500, items, event: "i\(d)")) }
        if d % 2 == 0 { lines.append(Stage.click(id, user, at: at + 4000, items[1], event: "c\(d)")) }
        if d % 5 == 1 { lines.append(Stage.operation(d % 10 == 1 ? "activate" : "cancel", id, user, at: at + 5000)) }
        if d >= 10 {
          let past = d - 10
          lines.append(
            Stage.action(
              past % 3 == 0 ? "like" : "dislike", "d\(past)", "u\(past % 10)", at: at + 6000, "t\((past + 1) % 6)",
              event: "l\(d)"))
        }
      }
      let wall = Timeline.start + Int64(part + 1) * 200_000
      phases.append(
        Timeline.Phase(
          lines: lines.map {
            Timeline.Line(
              topic: $0.topic, partition: Int32($0.value.utf8.count % 3), key: "k", value: $0.value, time: $0.recordTime
            )
          }, wall: wall))
      if part % 2 == 1 { phases.append(Timeline.Phase(wall: wall + 400_000)) }
    }
    return Timeline(phases: phases)
  }

  private static func world(_ faults: Faults = Faults()) -> World {
    var options = World.options()
    options.learn.viewerIdleMs = 200_000
    var decisions = DecisionOptions()
    decisions.layout = Stage.pair
    decisions.models = [
      Stage.model(.hybrid), Stage.model(.beta, name: "policy", arm: .policy), Stage.model(.linear, name: "genre"),
    ]
    decisions.keepMs = 500_000
    decisions.maxBytes = 64 * 4000
    decisions.resolvedTopic = "decisions.resolved"
    decisions.resolvedEncoder = Lines()
    options.decisions = decisions
    return World(timeline, faults: faults, options: options)
  }

  /// Some forty points; `THALWEG_ALL_CRASH_POINTS` runs all of them.
  @Test func `a crash before or after any effect leaves decisions, sums and lines as they would have been`() throws {
    let whole = Self.world()
    whole.faults.keepsTrace = true
    try whole.run()
    let expected = whole.remains()
    let dump = String(decoding: expected.dump, as: UTF8.self)
    #expect(dump.contains("decision\t") && dump.contains("model\ttitles") && dump.contains("model\tgenre"))
    #expect(expected.features.contains { $0.hasPrefix("decision:") })
    #expect(expected.letters.filter { $0.contains("d0:") }.count >= 1)
    let totals = whole.worker.road.totals
    for counter in [Counter.rewardJoined, .rewardEarly, .rewardDefault, .decisionCancelled] {
      #expect(totals[counter] > 0, "\(counter.name)")
    }
    let trace = whole.faults.trace
    let isComplete = ProcessInfo.processInfo.environment["THALWEG_ALL_CRASH_POINTS"] != nil
    for point in stride(from: 1, through: trace.count, by: isComplete ? 1 : max(1, trace.count / 40)) {
      for after in [false, true] {
        let world = Self.world(Faults.dying(at: point, after: after))
        try world.runThroughCrash(delivering: after)
        let difference = expected.difference(world.remains())
        #expect(difference == nil, "crash \(after ? "after" : "before") step \(point) \(trace[point - 1])")
        #expect(world.regressions.isEmpty)
      }
    }
    if isComplete { print("decisions: \(trace.count) effects, \(trace.count * 2) crashes") }
  }

  @Test(arguments: [2, 3, 4]) func `shards leave the same rows and the same lines in the same order`(shards: Int) throws
  {
    func lines(_ shards: Int) throws -> ([String], [UInt8]) {
      let world = Self.world()
      world.options.shards = shards
      world.options.untilCaughtUp = true
      for phase in world.timeline.phases.indices { world.timeline.produce(phase, to: world.log) }
      world.clock.setWall(ms: Timeline.start + 86_400_000)
      try world.begin()
      try world.settle()
      _ = try world.worker.stop(deadlineMs: 5000)
      return (
        world.outlet.delivered.filter { $0.topic == "decisions.resolved" }.map {
          String(decoding: $0.value ?? [], as: UTF8.self)
        },
        world.worker.road.dumpBytes
      )
    }
    let one = try lines(1)
    let many = try lines(shards)
    #expect(one.0.count > 30)
    #expect(many.0 == one.0)
    let isEqual = many.1 == one.1
    #expect(isEqual)
  }
}

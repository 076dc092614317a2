import Foundation
import Testing

@testable import MemoryPort
@testable import Pipeline

/// A process may end before or after each thing it does outside; it must never show.
@Suite(.serialized) struct CrashPointTests {
  /// The crash table of one machine, by what was done last and what comes next.
  enum Place: String, CaseIterable {
    /// Polled, plan not written.
    case l0
    /// Plan written, nothing else.
    case l1
    /// Some features, alerts, dead letters out.
    case l2
    /// Inside the checkpoint.
    case l3
    /// After it, before the group's offsets are committed.
    case l4

    static func of(_ step: String, after: Bool) -> Place? {
      switch (step, after) {
      case ("source.poll", true), ("plans.append", false): .l0
      case ("plans.append", true): .l1
      case ("store.apply", _), ("outlet.send", _), ("outlet.flush", _): .l2
      case ("state.save", false): .l3
      case ("state.save", true), ("source.commit", false): .l4
      default: nil
      }
    }
  }

  @Test func `the uninterrupted run has everything that can go wrong in it`() throws {
    let world = World()
    world.faults.keepsTrace = true
    try world.run()
    let remains = world.remains()
    #expect(world.regressions.isEmpty)
    let alerts = remains.alerts.joined()
    #expect(alerts.contains(#""status":"firing""#) && alerts.contains(#""status":"resolved""#))
    #expect(remains.letters.count > 15)
    #expect(remains.letters.contains { $0.contains("content.catalog") })
    #expect(!remains.features.contains { $0.hasPrefix("user:u3 ") }, "u3 fell idle")
    #expect(!world.worker.road.latestSweep.isEmpty)
    #expect(world.state.saves >= 5)
    for name in ["plans.append", "state.save", "store.apply", "outlet.send", "outlet.flush", "source.commit"] {
      #expect(world.faults.trace.contains(name), "\(name) happens")
    }
    let kinds = String(decoding: remains.dump, as: UTF8.self).split(separator: "\n").map {
      $0.split(separator: "\t")[0]
    }
    #expect(Set(kinds) == ["catalog", "content", "decision", "genre", "metric", "model", "user"])
    if let path = ProcessInfo.processInfo.environment["THALWEG_KEEP_DUMP"] {
      _ = FileManager.default.createFile(atPath: path, contents: Data(remains.dump))
    }
  }

  /// All points where `THALWEG_ALL_CRASH_POINTS` is set, else some of each kind, in at most twenty seconds.
  @Test func `a crash before or after any effect leaves what an uninterrupted run leaves`() throws {
    let world = World()
    world.faults.keepsTrace = true
    try world.run()
    let expected = world.remains()
    let trace = world.faults.trace
    let isComplete = ProcessInfo.processInfo.environment["THALWEG_ALL_CRASH_POINTS"] != nil
    let points = isComplete ? Array(1...trace.count) : Self.sample(trace)
    let deadline = Date().addingTimeInterval(isComplete ? 300 : 20)
    var seen: Set<Place> = []
    var runs = 0
    var failures = 0
    for (number, point) in points.enumerated() {
      for (after, delivering) in [(false, false), (true, false), (true, true)] {
        // The first of each kind runs however busy the machine is.
        guard isComplete || number < 7 || Date() < deadline else { continue }
        let faults = Faults.dying(at: point, after: after)
        let world = World(faults: faults)
        let name =
          "crash \(after ? "after" : "before") step \(point) \(trace[point - 1]), unacknowledged \(delivering ? "delivered" : "lost")"
        do {
          try world.runThroughCrash(delivering: delivering)
          if let difference = expected.difference(world.remains()) {
            failures += 1
            Issue.record("\(name): \(difference)")
          }
          if !world.regressions.isEmpty {
            failures += 1
            Issue.record("\(name): versions went back of \(world.regressions.prefix(3))")
          }
        } catch {
          failures += 1
          Issue.record("\(name): \(error)")
        }
        if let place = Place.of(trace[point - 1], after: after) { seen.insert(place) }
        runs += 1
        guard failures < 12 else { return }
      }
    }
    if isComplete {
      #expect(Date() < deadline, "five minutes are enough")
      print("\(trace.count) effects, \(runs) crashes")
    }
    #expect(seen == Set(Place.allCases))
  }

  /// Some of each kind, spread over the run, rare kinds first.
  private static func sample(_ trace: [String]) -> [Int] {
    let kinds = [
      "plans.append", "state.save", "source.commit", "store.apply", "outlet.send", "outlet.flush", "source.poll",
    ]
    let byName = Dictionary(grouping: trace.indices.map { $0 + 1 }.filter { kinds.contains(trace[$0 - 1]) }) {
      trace[$0 - 1]
    }
    var queues = byName.values.map { all in
      stride(from: 0, to: all.count, by: max(1, all.count / 12)).map { all[$0] }
    }.sorted { ($0.count, $0[0]) < ($1.count, $1[0]) }
    var points: [Int] = []
    while !queues.isEmpty {
      for at in queues.indices { points.append(queues[at].removeLast()) }
      queues.removeAll(where: \.isEmpty)
    }
    return points
  }
}

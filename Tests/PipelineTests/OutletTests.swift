import Learners
import Ports
import Testing

@testable import MemoryPort
@testable import Pipeline

/// Alerts, dead letters and plans that do not leave at once.
@Suite struct OutletTests {
  private static let expected = Result { () -> World.Remains in
    let world = World()
    try world.run()
    return world.remains()
  }

  private func world(_ at: @escaping (World, Int, String) -> Outcome) -> World {
    let faults = Faults()
    let world = World(faults: faults)
    faults.decide = { [unowned world] step, name in at(world, step, name) }
    return world
  }

  /// Turns were cut elsewhere, so that a straggler may stand elsewhere; but every event is folded, every letter out.
  private static func expectNothingLost(_ world: World) throws {
    let expected = try expected.get()
    let remains = world.remains()
    #expect(expected.letters.count > 20 && remains.letters == expected.letters)
    #expect(remains.folded == expected.folded)
    #expect(remains.counters[Counter.duplicate.rawValue] == expected.counters[Counter.duplicate.rawValue])
  }

  @Test func `an outlet that is full makes turns wait, keeps the order and loses nothing`() throws {
    var sends = 0
    let world = world { _, _, name in
      guard name == "outlet.send" else { return .proceed }
      sends += 1
      return sends % 7 < 5 ? .fail : .proceed
    }
    try world.run()
    try Self.expectNothingLost(world)
  }

  @Test func `an outlet that acknowledges nothing for a while: turns wait, it is said, they resume alone`() throws {
    var flushes = 0
    var reasons: Set<String> = []
    let world = world { world, _, name in
      if let reason = world.worker?.refusal { reasons.insert(reason) }
      guard name == "outlet.send" || name == "outlet.flush" else { return .proceed }
      flushes += 1
      return (30...600).contains(flushes) ? .fail : .proceed
    }
    try world.run()
    #expect(reasons == ["alerts and dead letters are not acknowledged by the brokers; turns wait"])
    #expect(world.worker.refusal == nil)
    try Self.expectNothingLost(world)
  }

  @Test func `a plan whose append failed and that stands in the log all the same is folded as it says`() throws {
    var plans = 0
    let world = world { _, _, name in
      guard name == "plans.append" else { return .proceed }
      plans += 1
      return plans % 5 == 3 ? .failAfter : .proceed
    }
    try world.run()
    #expect(plans > 20)
    #expect(world.worker.pauseReason == nil)
    #expect(try Self.expected.get().difference(world.remains()) == nil)
  }

  @Test func `a state that cannot be saved shows in the readiness`() throws {
    var isFull = false
    var reasons: Set<String> = []
    let world = world { world, _, name in
      if let reason = world.worker?.refusal { reasons.insert(reason) }
      return isFull && name == "state.save" ? .fail : .proceed
    }
    var steps = 0
    world.eachStep = { _ in
      steps += 1
      isFull = (10...60).contains(steps)
      if isFull { world.clock.advance(ms: 1000) }
    }
    try world.run()
    #expect(reasons.contains { $0.hasPrefix("the state cannot be saved: ") })
    #expect(world.worker.refusal == nil)
  }
}

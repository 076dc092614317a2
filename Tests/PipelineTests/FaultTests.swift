import Events
import Foundation
import Ports
import Testing

@testable import MemoryPort
@testable import Pipeline

/// What else breaks: each is noticed, said, and loses nothing.
@Suite struct FaultTests {
  private static let expected = Result { () -> World.Remains in
    let world = World()
    try world.run()
    return world.remains()
  }
  private var expected: World.Remains { get throws { try Self.expected.get() } }

  /// Runs the traffic; `at` is asked before every step outside.
  private func world(_ at: @escaping (World, Int, String) -> Outcome) -> World {
    let faults = Faults()
    let world = World(faults: faults)
    faults.decide = { [unowned world] step, name in at(world, step, name) }
    return world
  }

  @Test func `a full disk at checkpoints: the one before stays valid, the worker goes on, nothing is lost`() throws {
    var saves = 0
    let world = world { _, _, name in
      guard name == "state.save" else { return .proceed }
      saves += 1
      return (4...8).contains(saves) ? .fail : .proceed
    }
    try world.run()
    #expect(world.worker.status.checkpointFailures == 5)
    #expect(world.worker.checkpointFault == nil, "it has recovered")
    #expect(try expected.difference(world.remains()) == nil)
  }

  @Test func `a checkpoint that takes long is made less often, one that does not every second`() throws {
    for (cost, range) in [(Int64(10), 25...31), (600, 10...14)] {
      let faults = Faults()
      let world = World(Timeline(events: 200), faults: faults)
      try world.run()
      var saves = 0
      faults.decide = { [unowned world] _, name in
        if name == "state.save" {
          saves += 1
          world.clock.advance(ms: cost)
        }
        return .proceed
      }
      try world.begin()
      let start = world.clock.wallMs
      var n = 0
      while world.clock.wallMs - start < 30_000 {
        let value =
          #"{"schema":"search/1","event_id":"s\#(n)","timestamp":\#(world.clock.wallMs),"user_id":"u1","query":"q"}"#
        world.log.append(
          "events.search", 0, key: Array("u1".utf8), value: Array(value.utf8), timestamp: world.clock.wallMs)
        _ = try world.worker.step(waitMs: 0)
        world.clock.advance(ms: 50)
        n += 1
      }
      #expect(range.contains(saves), "\(saves) saves of \(cost) ms in 30 s")
    }
  }

  @Test func `a disk full from the start: no epoch, no turn, nothing visible until there is space`() throws {
    var saves = 0
    let world = world { _, _, name in
      guard name == "state.save" else { return .proceed }
      saves += 1
      return saves < 4 ? .fail : .proceed
    }
    try world.begin()
    for _ in 0..<25 {
      _ = try world.worker.step(waitMs: 0)
      world.clock.advance(ms: 100)
    }
    #expect(world.plans.count == 0)
    #expect(world.shelf.contents.hashes.isEmpty)
    #expect(world.worker.checkpointFault != nil)
    try world.settle()
    #expect(world.worker.checkpointFault == nil)
  }

  @Test func `plans that cannot be written: no turn, the reason is said, it resumes alone`() throws {
    var plans = 0
    var reasons: Set<String> = []
    let world = world { world, _, name in
      if let reason = world.worker?.pauseReason { reasons.insert(reason) }
      guard name == "plans.append" else { return .proceed }
      plans += 1
      return (10...25).contains(plans) ? .fail : .proceed
    }
    try world.run()
    #expect(reasons.count == 1 && reasons.first!.hasPrefix("plans cannot be written"))
    #expect(world.worker.pauseReason == nil)
    #expect(try expected.difference(world.remains()) == nil)
  }

  @Test func `a broker that is away for a minute`() throws {
    var polls = 0
    let world = world { _, _, name in
      guard name == "source.poll" else { return .proceed }
      polls += 1
      return (40...640).contains(polls) ? .fail : .proceed
    }
    var longest = 0.0
    world.eachStep = { longest = max(longest, $0.secondsWithoutLog) }
    try world.run()
    #expect(longest > 50)
    #expect(try expected.difference(world.remains()).map { !$0.hasPrefix("dump") } != true)
  }

  @Test func `a store that is away: keys wait, not events; all reach their newest version after its return`() throws {
    let world = World()
    var steps = 0
    world.eachStep = { [unowned world] worker in
      steps += 1
      world.store.isReachable = !(30...90).contains(steps)
    }
    try world.run()
    #expect(world.regressions.isEmpty)
    #expect(try expected.difference(world.remains()) == nil)
  }

  @Test func `a store that forgets everything gets every key again`() throws {
    let world = World()
    var steps = 0
    world.eachStep = { [unowned world] _ in
      steps += 1
      if steps % 40 == 0 { world.store.forget() }
    }
    try world.run()
    try world.settleAfterForgetting()
    #expect(try expected.difference(world.remains()) == nil)
  }

  @Test(arguments: [1, 2]) func `what a row leaves out stands in the store as the row has it`(shards: Int) throws {
    let world = World(options: World.options(shards: shards))
    try world.run()
    let written = world.remains()
    world.store.forget()
    try world.settleAfterForgetting()
    #expect(written.difference(world.remains()) == nil)
  }

  @Test func `rows that a store lost of a batch it confirmed are written again`() throws {
    let world = World()
    var steps = 0
    world.eachStep = { [unowned world] _ in
      steps += 1
      if steps % 10 == 0, steps < 200 { world.store.batchesToThin = 1 }
    }
    try world.run()
    #expect(world.store.batchesToThin == 0)
    #expect(world.worker.storeErrors > 5)
    #expect(try expected.difference(world.remains()) == nil)
  }

  @Test func `a store promoted without its tail gets it again`() throws {
    let world = World()
    var steps = 0
    var copy = MemoryStore.Contents()
    world.eachStep = { [unowned world] _ in
      steps += 1
      if steps == 50 { copy = world.shelf.contents }
      if steps == 60 {
        world.shelf.contents = copy
        world.forgetSeen()
        world.store.isReachable = false
      }
      if steps == 62 { world.store.isReachable = true }
    }
    try world.run()
    #expect(world.regressions.isEmpty)
    #expect(try expected.difference(world.remains()) == nil)
  }

  @Test func `a store that is away when the worker starts again`() throws {
    let world = World(faults: .dying(at: 220, after: true))
    #expect(throws: World.Crash.self) { try world.run() }
    world.outlet.loseWaiting()
    world.faults.revive()
    var openings = 0
    world.faults.decide = { _, name in
      guard name == "store.open" else { return .proceed }
      openings += 1
      return .fail
    }
    try world.run()
    #expect(openings == 1)
    #expect(world.regressions.isEmpty)
    #expect(try expected.difference(world.remains()) == nil)
  }

  @Test func `L5: power lost with the last plans and checkpoints: what follows beats every earlier version`() throws {
    let world = World(faults: .dying(at: 250, after: true))
    var steps = 0
    world.eachStep = { [unowned world] _ in
      steps += 1
      if steps == 40 {
        world.state.sync()
        world.plans.sync()
      }
    }
    #expect(throws: World.Crash.self) { try world.run() }
    world.outlet.loseWaiting()
    world.state.loseUnsynced()
    world.plans.loseUnsynced()
    world.faults.revive()
    world.faults.decide = { _, _ in .proceed }
    try world.run()
    #expect(world.regressions.isEmpty)
    #expect(world.worker.status.lineage == 2)
    #expect(try expected.difference(world.remains()).map { !$0.hasPrefix("dump") } != true)
  }

  @Test func `an older state put back under a newer store begins the next lineage`() throws {
    let world = World()
    try world.run()
    let before = world.worker.status
    world.plans.erase()
    world.state.loseUnsynced(3)
    try world.begin()
    try world.settle()
    // Without its plans nothing knows of the idle time behind the last record: it has to pass again.
    world.clock.advance(ms: 22 * 60_000)
    try world.settle()
    #expect(world.worker.status.lineage == before.lineage + 1)
    #expect(world.regressions.isEmpty)
    _ = try world.worker.stop(deadlineMs: 1000)
    #expect(try expected.features == world.remains().features)
  }

  @Test func `an older state put back under an empty store is known by what the group was told`() throws {
    let world = World()
    try world.run()
    let before = world.worker.status
    world.plans.erase()
    world.state.loseUnsynced(3)
    world.store.forget()
    world.forgetSeen()
    try world.begin()
    try world.settle()
    // Without its plans nothing knows of the idle time behind the last record: it has to pass again.
    world.clock.advance(ms: 22 * 60_000)
    try world.settle()
    #expect(world.worker.status.lineage == before.lineage + 1)
    _ = try world.worker.stop(deadlineMs: 1000)
    #expect(try expected.features == world.remains().features)
  }

  @Test func `an older state with its plans catches up by them`() throws {
    let world = World()
    try world.run()
    let before = world.worker.status
    world.state.loseUnsynced(4)
    try world.begin()
    try world.settle()
    #expect(world.worker.status.lineage == before.lineage)
    #expect(world.worker.status.turn == before.turn)
    _ = try world.worker.stop(deadlineMs: 1000)
    #expect(try expected.difference(world.remains()) == nil)
  }

  @Test func `a lost state is folded anew from the log under the next lineage`() throws {
    let world = World(Timeline(hasIdle: false))
    try world.run()
    let dump = world.worker.road.dumpBytes
    world.state.erase()
    try world.begin()
    try world.settle()
    #expect(world.worker.status.lineage == 2)
    #expect(world.regressions.isEmpty)
    #expect(dump.count > 1000)
    let users = { (bytes: [UInt8]) in bytes.split(separator: 10).filter { $0.starts(with: Array("user".utf8)) }.count }
    #expect(users(world.worker.road.dumpBytes) == users(dump))
  }

  /// Crashes with planned turns that are not in the state yet.
  private func crashedWithPlans() throws -> World {
    let world = World(faults: .dying(at: 250, after: true))
    world.options.checkpointIntervalMs = 1_000_000
    #expect(throws: World.Crash.self) { try world.run() }
    world.outlet.loseWaiting()
    world.faults.revive()
    world.faults.decide = { _, _ in .proceed }
    #expect(world.plans.count > 5)
    return world
  }

  @Test func `L6: a planned range that reads differently stops the worker with the range named`() throws {
    let world = try crashedWithPlans()
    let partition = TopicPartition("events.watch", 1)
    world.log.replaceValue(partition, at: 2, with: Array("{}".utf8))
    do {
      try world.run()
      Issue.record("it must stop")
    } catch let fault as WorkerFault {
      guard case .gap(let named, let from, let to, _) = fault else { throw fault }
      #expect(named == partition)
      #expect(from <= 2 && 2 < to)
      #expect("\(fault)".contains("--accept-gap"))
    }
    world.worker.close()
    world.options.acceptGap = true
    let epoch = world.worker.status.epoch
    try world.run()
    #expect(world.worker.status.epoch > epoch)
    #expect(world.worker.status.eventsFolded > 1900)
    #expect(world.regressions.isEmpty)
  }

  @Test func `L6: retention that passed the position stops the worker, and accept_gap goes on`() throws {
    let world = try crashedWithPlans()
    let partition = TopicPartition("events.click", 0)
    world.log.trim(partition, before: 9)
    do {
      try world.run()
      Issue.record("it must stop")
    } catch let fault as WorkerFault {
      guard case .gap(let named, _, let to, _) = fault else { throw fault }
      #expect(named == partition)
      #expect(to == 9)
    }
    world.worker.close()
    world.options.acceptGap = true
    try world.run()
    #expect(world.worker.status.eventsFolded > 1900)
    #expect(world.regressions.isEmpty)
  }

  @Test func `a topic made again under its name is refused`() throws {
    let world = World()
    try world.run()
    world.log.remake("events.rate", partitions: 3)
    do {
      try world.begin()
      Issue.record("it must be refused")
    } catch let fault as WorkerFault {
      #expect("\(fault)".contains("made again"))
    }
  }

  @Test func `a topic made again and already as long as before is refused too`() throws {
    let world = World()
    try world.run()
    let before = world.log.length(of: TopicPartition("events.rate", 0))
    world.log.remake("events.rate", partitions: 3)
    for n in 0..<before + 50 {
      for partition in 0..<3 as Range<Int32> {
        world.log.append(
          "events.rate", partition, key: nil, value: Array("{\"n\":\(n)}".utf8), timestamp: Timeline.start)
      }
    }
    do {
      try world.begin()
      try world.settle()
      Issue.record("it must be refused")
    } catch let fault as WorkerFault {
      #expect("\(fault)".contains("made again"))
    }
  }

  @Test func `another cluster under the same address is refused`() throws {
    let world = World()
    try world.run()
    world.log.clusterID = "elsewhere"
    do {
      try world.begin()
      Issue.record("it must be refused")
    } catch let fault as WorkerFault {
      #expect("\(fault)".contains("another"))
    }
  }

  @Test func `partitions that were added are read from their beginning after a restart`() throws {
    let world = World()
    try world.run()
    let folded = world.worker.status.eventsFolded
    world.log.create("events.watch", partitions: 4)
    let value =
      #"{"schema":"watch/1","event_id":"new","timestamp":1793600000000,"user_id":"fresh","content_id":"t1","completion_rate":0.5}"#
    world.log.append(
      "events.watch", 3, key: Array("fresh".utf8), value: Array(value.utf8), timestamp: 1_793_600_000_000)
    try world.begin()
    try world.settle()
    #expect(world.worker.status.eventsFolded == folded + 1)
    #expect(world.shelf.contents.hashes[Array("user:fresh".utf8)] != nil)
  }

  @Test(arguments: [-10, 10]) func `a wall clock that is years off changes no state`(years: Int64) throws {
    let world = World(Timeline(hasIdle: false))
    try world.run()
    let other = World(Timeline(hasIdle: false).withWall(offset: years * 365 * 86_400_000))
    other.clock.setWall(ms: Timeline.start + years * 365 * 86_400_000)
    try other.run()
    #expect(world.worker.road.dumpBytes == other.worker.road.dumpBytes)
  }

  @Test func `a topic in which every second record is garbage moves on, and all of it is a dead letter`() throws {
    let clean = World(Timeline(hasFaults: false))
    clean.log.deliveryLimit = 200
    try clean.run()
    let world = World(Timeline(hasFaults: false).poisoned())
    world.log.deliveryLimit = 200
    try world.run()
    var expected = clean.remains()
    expected.letters = world.remains().letters
    let difference = expected.difference(world.remains())
    #expect(difference == nil)
    let letters = world.outlet.delivered.filter { $0.value == Array(Timeline.poison.utf8) }
    #expect(letters.count == world.timeline.phases.flatMap(\.lines).filter { $0.value == Timeline.poison }.count)
    #expect(letters.count >= 2000)
  }
}

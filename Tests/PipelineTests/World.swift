import Events
import Learners
import Ports

@testable import MemoryPort
@testable import Pipeline

/// What outlives a worker: log, state, plans, store, outlet and clock; and how far the traffic has come.
final class World {
  struct Crash: Error {}
  let timeline: Timeline
  let log: MemorySource
  let outlet: MemoryOutlet
  let state: MemoryState
  let plans: MemoryPlans
  let shelf = MemoryStore.Shelf()
  let clock = ManualClock(wallMs: Timeline.start - 120_000)
  let faults: Faults
  var options: WorkerOptions
  private var phase = 0
  private var isProduced = false
  private(set) var worker: Worker!
  private(set) var store: MemoryStore!
  /// Keys whose version went backwards, as somebody who reads all the time would have seen.
  private(set) var regressions: [String] = []
  private var seen: [[UInt8]: Version] = [:]
  /// Called after every step.
  var eachStep: (Worker) -> Void = { _ in }
  /// Shards and saver on threads of their own.
  var usesThreads = false
  /// Viewers and titles for which there is room at the start.
  var expectedIDs = 64
  /// Most steps one phase may take.
  var patience = 2000

  init(_ timeline: Timeline = Timeline(), faults: Faults = Faults(), options: WorkerOptions = World.options()) {
    self.timeline = timeline
    self.faults = faults
    self.options = options
    log = MemorySource(faults: faults)
    outlet = MemoryOutlet(faults: faults)
    state = MemoryState(faults: faults, keepsUndo: true)
    plans = MemoryPlans(faults: faults)
    for topic in Timeline.topics { log.create(topic, partitions: 3) }
    log.deliveryLimit = 60
    log.burst = 4
    shelf.observer = { [unowned self] key, version in
      if let before = seen[key], version < before { regressions.append(String(decoding: key, as: UTF8.self)) }
      seen[key] = version
    }
  }

  static func options(shards: Int = 1) -> WorkerOptions {
    var options = WorkerOptions()
    options.inputs = Envelope.mapping.inputs.enumerated().map {
      InputTopic(name: $1.topic, input: $0, isReference: $1.isReference)
    }
    options.shards = shards
    options.learn.viewerIdleMs = 40 * 60_000
    options.learn.drift.bucketMs = 60_000
    options.learn.drift.currentBuckets = 10
    options.learn.drift.hourMs = 600_000
    options.learn.drift.baselineHours = 6
    options.learn.drift.minimumSamples = 30
    options.learn.sweepThreshold = 1e-9
    options.dedupMaxBytes = 1 << 16
    options.fingerprint = 7
    options.decisions?.observed = .all
    return options
  }

  /// A new process over what is there.
  func begin() throws {
    let ids = Identities(viewers: expectedIDs, titles: expectedIDs)
    store = MemoryStore(shelf: shelf, faults: faults)
    worker = Worker(
      options: options, decoder: Decoder(mapping: Envelope.mapping, options: DecodeOptions(), ids: ids), ids: ids,
      source: log, store: store, outlet: outlet, state: state, plans: plans, clock: clock, onOneThread: !usesThreads)
    try worker.start()
    try checkAlive()
  }

  /// Runs the rest of the traffic; throws ``Crash`` where the faults let the process die.
  func run() throws {
    do {
      try begin()
      while phase < timeline.phases.count {
        if !isProduced {
          timeline.produce(phase, to: log)
          if clock.wallMs < timeline.phases[phase].wall { clock.setWall(ms: timeline.phases[phase].wall) }
          isProduced = true
        }
        try settle()
        phase += 1
        isProduced = false
      }
      try settle()
      _ = try worker.stop(deadlineMs: 5000)
      try checkAlive()
    } catch {
      if faults.isDead { throw Crash() }
      throw error
    }
  }

  /// Steps until nothing is left to read, fold or publish.
  func settle() throws {
    var quiet = 0
    var steps = 0
    while quiet < 3 {
      steps += 1
      guard steps < patience else { throw Stuck(phase: phase, turn: worker.status.turn) }
      let before = worker.status.turn
      _ = try worker.step(waitMs: 0)
      try checkAlive()
      eachStep(worker)
      clock.advance(ms: 100)
      let isBusy =
        worker.status.turn != before || worker.road.hasUnpublished || !worker.publisherIsIdle || worker.isReplaying
        || !worker.referenceIsComplete || worker.mustCheckpointFirst || worker.lag().contains { $0.records > 0 }
      quiet = isBusy ? 0 : quiet + 1
    }
  }
  /// A rollback of the store that is not the worker's doing.
  func forgetSeen() { seen.removeAll() }

  /// What the store forgot after the last batch is noticed with the next one.
  func settleAfterForgetting() throws {
    eachStep = { _ in }
    try begin()
    try settle()
    _ = try worker.stop(deadlineMs: 5000)
  }

  struct Stuck: Error {
    var phase: Int
    var turn: UInt64
  }

  private func checkAlive() throws { if faults.isDead { throw Crash() } }

  /// Runs to the end over any number of deaths; `faults.revive` after the first.
  func runThroughCrash(delivering: Bool) throws {
    do { try run() } catch is Crash {
      if delivering { outlet.deliverWaiting() } else { outlet.loseWaiting() }
      faults.decide = { _, _ in .proceed }
      faults.revive()
      try run()
    }
  }

  /// What a run leaves behind, comparable.
  struct Remains: Equatable {
    var dump: [UInt8]
    /// Key and fields but the version.
    var features: [String]
    var alerts: [String]
    var letters: [String]
    var counters: [UInt64]
    var folded: UInt64
  }

  func remains() -> Remains {
    var alerts: Set<String> = []
    var letters: Set<String> = []
    for record in outlet.delivered {
      let value = String(decoding: record.value ?? [], as: UTF8.self)
      if record.topic == options.alertsTopic {
        alerts.insert(value)
      } else {
        letters.insert(
          record.headers.map { "\($0.name)=\(String(decoding: $0.value, as: UTF8.self))" }.joined(separator: " ")
            + value)
      }
    }
    // A snapshot says when it was taken, which depends on the clock; what it was taken from stands in the dump.
    let others = ["meta:", "model:"].map { Array($0.utf8) }
    let features = shelf.contents.hashes.filter { row in !others.contains { row.key.starts(with: $0) } }.map {
      key, fields in
      let rest = fields.filter { $0.name != [118] }.map { "\(String(decoding: $0.name, as: UTF8.self))=\($0.value)" }
      return String(decoding: key, as: UTF8.self) + " " + rest.sorted().joined(separator: " ")
    }
    return Remains(
      dump: worker.road.dumpBytes, features: features.sorted(), alerts: alerts.sorted(), letters: letters.sorted(),
      counters: worker.road.totals.saved, folded: worker.status.eventsFolded)
  }
}

extension World.Remains {
  /// The first thing in which another one differs; nil = none.
  func difference(_ other: Self) -> String? {
    if dump != other.dump {
      let a = dump.split(separator: 10)
      let b = other.dump.split(separator: 10)
      for (x, y) in zip(a, b) where x != y {
        return "dump: \(String(decoding: x, as: UTF8.self))\n  against \(String(decoding: y, as: UTF8.self))"
      }
      return "dump: \(a.count) rows against \(b.count)"
    }
    func first(_ name: String, _ a: [String], _ b: [String]) -> String? {
      guard a != b else { return nil }
      let missing = a.filter { !b.contains($0) }
      let surplus = b.filter { !a.contains($0) }
      return
        "\(name): \(missing.count) missing \(missing.first?.prefix(300) ?? ""), \(surplus.count) surplus \(surplus.first?.prefix(300) ?? "")"
    }
    return first("features", features, other.features) ?? first("alerts", alerts, other.alerts)
      ?? first("dead letters", letters, other.letters)
      ?? (counters != other.counters ? "counters \(counters) against \(other.counters)" : nil)
      ?? (folded != other.folded ? "folded \(folded) against \(other.folded)" : nil)
  }
}

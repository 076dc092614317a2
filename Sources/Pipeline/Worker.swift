import Events
import Glibc
import Kernels
import Learners
import Ports
import Telemetry

/// The loop: poll, align, plan, fold, publish, checkpoint. One thread calls it; time, log, stores and outlet are
/// injected, so a test can stop it before and after each thing it does outside.
///
/// The order of effects is the promise (`docs/GUARANTEES.md`): a plan is durable before anything of its turn is
/// visible; rows and position are saved in one transaction; the group's offsets follow.
public final class Worker {
  let options: WorkerOptions
  let source: any EventSource
  let store: any FeatureStore
  let outlet: any RecordOutlet
  let state: any StateStore
  let plans: any PlanLog
  let clock: any WorkerClock
  let intake: Intake
  public let road: Road
  let alignment: Alignment
  var merge = TurnMerge()
  /// Folds long turns while the road's thread reads on; nil = one thread does both.
  let folder: BackgroundThread?
  var order: [UnsafeMutablePointer<Entry>] = []
  /// Indices of inputs in the order (topic, partition).
  var rank: [Int] = []

  /// What the next checkpoint will say; positions are those of the last folded turn.
  var manifest = Manifest()
  /// Planned by an earlier start and not in the state yet.
  var pending: [TurnPlan] = []
  var isReplaying: Bool { !pending.isEmpty }
  /// Rows that wait to take effect at the next turn's start.
  var referenceIsComplete = false
  public internal(set) var hasCaughtUp = false
  var saver: SaverThread
  let publisher: Publisher
  public internal(set) var status = WorkerCounters()
  var lastCheckpointNs: Int64 = 0
  /// What the last save took, and what of a processor.
  var checkpointCostNs: Int64 = 0
  var checkpointBusyNs: Int64 = 0
  var changedSinceCheckpoint = false
  var committedTurn: UInt64 = 0
  /// Nothing is planned or published before the next checkpoint is durable.
  var mustCheckpointFirst = false
  /// The checkpoint under way is that one.
  var savesFirst = false
  /// Turns since the last one that took all there was: more than a few mean a backlog.
  var fullTurns = 0
  /// The feature store answered, at the start or since.
  var storeIsOpen = false
  /// Reading ended while a turn folded: said once the turn is whole.
  var readingFault: WorkerFault?
  /// Since when the log has only given errors; 0 = it does not.
  var logTroubleSince: Int64 = 0
  var savingOffsets: [(source: UInt16, next: Int64)] = []
  var spareSnapshot = Snapshot()
  /// When plans that are too old are looked for next, monotonic ns; 0 = a minute after the first checkpoint.
  var pruneNs: Int64 = 0
  /// Replays by plans: the last turn whose plan was read.
  var plansRead: UInt64 = 0
  /// The newest version the feature store had when it was opened.
  var storeMark: Version?
  /// Why the last checkpoint failed; nil = it did not.
  public internal(set) var checkpointFault: String?
  var breaker: DeadLetterBreaker
  /// Why no new turn is planned at the moment; nil = all is well.
  public internal(set) var pauseReason: String?
  /// A plan failed, and nobody knows whether it stands in the log.
  var planIsInDoubt = false
  /// Alerts and dead letters the outlet had no room for.
  var waitingOut: [OutRecord] = []
  var outletFullSince: Int64 = 0
  /// Why turns wait for the outlet; nil = they do not, or not for long.
  var outletReason: String?
  /// Since when a due checkpoint waits for acknowledgements; 0 = none does.
  var checkpointHeldSince: Int64 = 0
  /// When the first of a row of checkpoints failed.
  var checkpointFaultSince: Int64 = 0
  var watch: TrafficWatch

  public init(
    options: WorkerOptions, decoder: consuming Decoder, ids: Identities, source: any EventSource,
    store: any FeatureStore, outlet: any RecordOutlet, state: any StateStore, plans: any PlanLog,
    clock: any WorkerClock, onOneThread: Bool = false
  ) {
    self.options = options
    self.source = source
    self.store = store
    self.outlet = outlet
    self.state = state
    self.plans = plans
    self.clock = clock
    intake = Intake(decoder: decoder, sha256: options.sha256)
    road = Road(options: options, ids: ids, onOneThread: onOneThread)
    road.views.storeForgets = store.forgetsRows
    folder = road.hasThreads ? BackgroundThread() : nil
    ids.waitForReaders = folder.map { folder in { folder.wait() } }
    alignment = Alignment(maxWaitNs: Int64(options.alignMaxWaitMs) * 1_000_000)
    saver = SaverThread(store: state, clock: clock, inline: onOneThread)
    breaker = DeadLetterBreaker(share: options.deadLetterShare)
    watch = TrafficWatch(now: clock.monotonicNs, since: Tally())
    publisher = Publisher(store: store, clock: clock, maxDelayMs: options.publishMaxDelayMs)
  }

  /// Called once, when the first record is in hand: where a measurement begins.
  public func whenFirstRecordArrives(_ body: @escaping () -> Void) { intake.onFirstRecord = body }

  /// Touches the memory that so many records will take, `waiting` of them at once, before the clock of a measurement
  /// starts.
  public func prefault(records: Int, waiting: Int, titles: Int = 0) {
    intake.pool.prefault(waiting / Chunk.capacity + 64)
    road.dedup.prefault(records)
    road.arms?.prefault(titles: titles)
    // Rows of viewers and of the ring; a save is a part of a run.
    spareSnapshot.prefault(min(records * 10, 256 << 20))
  }

  /// Nothing is under way to the feature store.
  public var publisherIsIdle: Bool { publisher.isIdle }

  var version: Version { Version(lineage: manifest.lineage, epoch: manifest.epoch, turn: manifest.turn) }

  /// One round of the loop. Returns false once a run that ends by itself is done.
  public func step(waitMs: Int) throws(WorkerFault) -> Bool {
    let isIdle = publisher.isIdle && !saver.isBusy && !road.hasUnpublished && !road.rankings.isUnderWay
    // Where the last turn left some, the next one waits for nothing.
    let polled = try poll(timeoutMs: fullTurns > 0 ? 0 : isIdle ? waitMs : min(waitMs, 1))
    // The store works on what is encoded meanwhile.
    if publisher.isWaiting { try publish(force: false, encoding: false) }
    try collectCheckpoint(waiting: false)
    if !referenceIsComplete { try completeReference() }
    if breaker.isOpen || opensBreaker() {
      // Nothing is planned any more; what was folded before is still published and saved.
    } else if try outletHasRoom(), referenceIsComplete, !mustCheckpointFirst, try isProven() {
      if isReplaying {
        try replayPlanned()
      } else if options.replay == nil {
        try planAndFold(polled: polled)
      }
    }
    var began = clock.monotonicNs
    let written = publisher.keysWritten
    try publish(force: false)
    if publisher.keysWritten != written { status.stages.add(.publish, clock.monotonicNs - began) }
    holdBackWhereFull()
    began = clock.monotonicNs
    if try checkpointIfDue() {
      changedSinceCheckpoint = false
      status.stages.add(.save, clock.monotonicNs - began)
    }
    noteLag()
    watch.look(self)
    guard options.untilCaughtUp, hasCaughtUp, !isReplaying else { return true }
    return try !isDone()
  }

  func poll(timeoutMs: Int) throws(WorkerFault) -> Int {
    defer { intake.settle() }
    if let fault = readingFault { throw fault }
    do {
      let limit = publisher.isRecovering ? min(options.pollLimit, Self.shortTurn) : options.pollLimit
      let count = try source.poll(timeoutMs: timeoutMs, limit: limit, into: intake)
      if count > 0 { noteLogAnswers() } else if let trouble = source.trouble { noteLogTrouble(trouble) }
      return count
    } catch {
      guard !error.isRetriable else {
        noteLogTrouble(error)
        return 0
      }
      throw WorkerFault.port(error)
    }
  }

  private func noteLogTrouble(_ cause: PortError) {
    guard logTroubleSince == 0 else { return }
    logTroubleSince = max(1, clock.monotonicNs)
    status.kafkaErrors += 1
    status.lastError = cause.message
    Log.shared.warning(
      "Kafka does not answer; what was read is folded, the rest waits",
      mend: "look at the brokers, at kafka.brokers and at the network; the worker goes on by itself",
      ["cause": .text(cause.message)])
  }

  private func noteLogAnswers() {
    guard logTroubleSince != 0 else { return }
    Log.shared.info("Kafka answers again", ["after_s": .real(secondsWithoutLog)])
    logTroubleSince = 0
  }

  /// Stops reading, for good, where too much of what was read is no event.
  private func opensBreaker() -> Bool {
    guard
      let reason = breaker.look(
        records: intake.recordsTaken, letters: intake.recordsRejected, nowNs: clock.monotonicNs)
    else { return false }
    setPaused(true, Array(intake.inputs.indices))
    pauseReason = "reading stopped: " + reason
    Log.shared.error(
      "reading stopped", mend: "look at the producers; a start with a higher limits.dead_letter_share, or off, goes on",
      ["cause": .text(reason)])
    return true
  }

  private func isDone() throws(WorkerFault) -> Bool {
    guard intake.inputs.allSatisfy({ $0.queue.isEmpty }), waitingOut.isEmpty else { return false }
    try publish(force: true)
    return publisher.isIdle && !road.hasUnpublished
  }

  /// Nothing is written under a version that the store has already seen something newer than: turns that replay
  /// catch up first. Nor under an epoch that is not saved.
  private func publish(force: Bool, encoding: Bool = true) throws(WorkerFault) {
    let mayWrite = !mustCheckpointFirst && storeMark.map { version >= $0 } ?? true
    let mark = try publisher.pump(
      road: road, version: version, force: force, mayWrite: mayWrite, hasBacklog: hasBacklog, encoding: encoding)
    if let mark, !storeIsOpen { storeReturned(with: mark) }
  }

  /// More waits than a turn takes, and has for a while.
  var hasBacklog: Bool { !hasCaughtUp || fullTurns > 16 }

  /// Drains, saves and lets go: everything folded is published and in the state when this returns true.
  ///
  /// - Parameter deadlineMs: wall time it may take. Publishing gets five eighths of it: what is not published by then
  ///   is published after the next start, nothing is lost.
  public func stop(deadlineMs: Int64) throws(WorkerFault) -> Bool {
    let end = clock.monotonicNs + deadlineMs * 625_000
    // Once in any case: sorted sets may be older than the rows they were made of.
    repeat {
      try publishNext()
      if publisher.isBroken || mustCheckpointFirst || isReplaying { break }
    } while (hasUnwritten || !publisher.isIdle) && clock.monotonicNs < end
    for _ in 0..<20 where !waitingOut.isEmpty {
      _ = outlet.flush(timeoutMs: 50)
      _ = try outletHasRoom()
    }
    try collectCheckpoint(waiting: true)
    let isSaving = try checkpoint(isClean: pending.isEmpty)
    try collectCheckpoint(waiting: true)
    let isSaved = isSaving && checkpointFault == nil
    Log.shared.info("stopped", ["turn": .integer(Int(manifest.turn)), "saved": .flag(isSaved)])
    close()
    return isSaved
  }

  private var hasUnwritten: Bool { road.hasUnpublished || road.hasUnpublishedModels }

  /// Brings every change to the store and waits for its answer.
  public func publishEverything() throws(WorkerFault) {
    while hasUnwritten || !publisher.isIdle {
      if mustCheckpointFirst {
        try collectCheckpoint(waiting: true)
        if mustCheckpointFirst { _ = try checkpointIfDue() }
      }
      try publishNext()
    }
  }

  /// For who does nothing else: the store needs a processor too while it has what it can take at once.
  private func publishNext() throws(WorkerFault) {
    try publish(force: true)
    if publisher.isWaiting { usleep(50) }
  }

  /// Lets go of everything without saving; what needs no answer from outside first.
  public func close() {
    folder?.stop()
    road.stop()
    plans.close()
    state.close()
    store.close()
    outlet.close()
    source.close()
  }

  /// Partitions that are far ahead wait above the byte limit. Whoever holds the others never does: one that waited goes on
  /// as soon as the others have passed it, whatever is held by then, since nothing else would let it shrink.
  private func holdBackWhereFull() {
    let held = intake.heldBytes
    status.heldBytes = held
    guard !breaker.isOpen else { return }
    let isFull = held > options.alignMaxBytes
    let waiting = intake.inputs.indices.filter { intake.inputs[$0].isPaused }
    guard isFull || !waiting.isEmpty else { return }
    let bound = currentBound()
    let needed = neededByReplay
    func mayWait(_ i: Int) -> Bool {
      !needed.contains(i) && intake.inputs[i].queue.lastTime > bound.time && intake.inputs[i].queue.count > 0
    }
    let going = waiting.filter { held < options.alignMaxBytes / 2 || !mayWait($0) }
    setPaused(false, going)
    guard isFull else { return }
    let stopping = intake.inputs.indices.filter {
      !intake.inputs[$0].isPaused && !intake.inputs[$0].topic.isReference && mayWait($0)
    }
    setPaused(true, stopping)
  }

  private func setPaused(_ isPaused: Bool, _ inputs: [Int]) {
    guard !inputs.isEmpty else { return }
    for i in inputs { intake.inputs[i].isPaused = isPaused }
    let sources = inputs.map { UInt16($0) }
    if isPaused { source.pause(sources) } else { source.resume(sources) }
  }

  /// True once every partition has shown the record that was folded last, or has it no more.
  private func isProven() throws(WorkerFault) -> Bool {
    if let i = intake.foreign {
      let partition = intake.inputs[i].partition
      throw WorkerFault.refused(
        "\(partition.topic)[\(partition.partition)] holds another record at offset \(manifest.sources[i].lastOffset) than the one that was read there: the topic was made again; rebuild the state (thalweg state rebuild) or take another group"
      )
    }
    guard intake.unproven > 0 else { return true }
    for i in intake.inputs.indices where intake.inputs[i].proof != nil && source.endReached(UInt16(i)) != nil {
      intake.inputs[i].proof = nil
      intake.unproven -= 1
    }
    return intake.unproven == 0
  }

  /// Inputs whose records the next planned turn still lacks.
  private var neededByReplay: [Int] {
    guard let plan = pending.first else { return [] }
    return plan.ranges.filter { intake.inputs[Int($0.source)].queue.nextOffset < $0.to }.map { Int($0.source) }
  }

  private func noteLag() {
    status.eventsFolded = manifest.eventsFolded
    status.turn = manifest.turn
    status.epoch = manifest.epoch
    status.lineage = manifest.lineage
  }

  /// Records between each partition's end and what is folded, by input, with the time of the last folded event.
  public func lag() -> [(partition: TopicPartition, records: Int64, lastTime: Int64, folded: Int64)] {
    intake.inputs.indices.map { i in
      let high = source.highWatermark(UInt16(i)) ?? intake.inputs[i].target
      return (
        intake.inputs[i].partition, max(0, high - manifest.sources[i].next), manifest.sources[i].maximum,
        manifest.sources[i].next - intake.inputs[i].began
      )
    }
  }

  /// Partitions of the input topics that exist now and are not read; nil = the log did not answer, which is noted for
  /// ``secondsWithoutLog``.
  public func addedPartitions() -> [TopicPartition]? {
    let found: [TopicPartition]
    do { found = try source.partitions(of: options.inputs.map(\.name)) } catch {
      noteLogTrouble(error)
      return nil
    }
    noteLogAnswers()
    let known = Set(intake.inputs.map(\.partition))
    return found.filter { !known.contains($0) }
  }

  /// Age of the newest event whose features the store has confirmed, seconds; nil before the first.
  public func freshnessSeconds(now wallMs: Int64) -> Double? {
    guard hasCaughtUp, publisher.lastConfirmedRecordTime > 0 else { return nil }
    if publisher.isIdle, !road.hasUnpublished, intake.inputs.allSatisfy({ $0.queue.isEmpty }) { return 0 }
    return Double(max(0, wallMs - publisher.lastConfirmedRecordTime)) / 1000
  }

  /// Seconds from a record's timestamp to its features' confirmation: median and 99th percentile of late.
  public var publishLatency: (p50: Double?, p99: Double?) { publisher.latency }
  /// Latencies seen since the last call.
  public func takeLatencies() -> [Double] { publisher.takeLatencies() }
  /// Times of the road's parts since the last call.
  public func takeStageTimes() -> [(stage: StageTimes.Stage, seconds: Double)] { status.stages.take() }
  /// Records that no rule takes or that ask for nothing, by cause.
  public var recordsSkipped: [String: UInt64] { intake.skipped }
  public var batchesConfirmed: UInt64 { publisher.batchesConfirmed }
  /// Rebalances of the group and commits it refused, since the start.
  public var groupTroubles: (rebalances: Int, commitFailures: Int) { source.groupTroubles }
  public var keysWritten: UInt64 { publisher.keysWritten }
  public var storeErrors: UInt64 { publisher.errors }
  public var secondsWithoutStore: Double { publisher.secondsBroken }
  /// Why nothing can be planned, saved or let out; nil = it can. A failing checkpoint counts after 30 s, or at once
  /// where nothing may be planned before it.
  public var refusal: String? {
    if let reason = pauseReason ?? outletReason { return reason }
    guard let fault = checkpointFault else { return nil }
    let seconds = Double(clock.monotonicNs - checkpointFaultSince) / 1e9
    return mustCheckpointFirst || seconds > 30 ? "the state cannot be saved: \(fault)" : nil
  }
  public var secondsWithoutLog: Double {
    logTroubleSince == 0 ? 0 : Double(clock.monotonicNs - logTroubleSince) / 1e9
  }
}

/// What the worker counts for people and metrics; plain numbers, read between steps.
public struct WorkerCounters: Sendable {
  public var eventsFolded: UInt64 = 0
  public var turn: UInt64 = 0
  public var epoch: UInt32 = 0
  public var lineage: UInt32 = 0
  public var plansWritten: UInt64 = 0
  public var checkpoints: UInt64 = 0
  public var checkpointFailures: UInt64 = 0
  public var lastCheckpointBytes = 0
  public var lastCheckpointNs: Int64 = 0
  /// Size of the last whole state saved.
  public var stateBytes = 0
  public var lastCheckpointAtMs: Int64 = 0
  public var deadLetters: [String: UInt64] = [:]
  /// The same by topic and reason.
  public var deadLettersByTopic: [String: [String: UInt64]] = [:]
  public var latestDeadLetter: [String: LatestDeadLetter] = [:]
  public var alerts: [DriftAlert] = []
  public var alertsFired: UInt64 = 0
  /// Lines sent to the topic of resolved items.
  public internal(set) var itemsResolved: UInt64 = 0
  /// Of all that fired, those that a saved state brought along included.
  public var alertsResolved: UInt64 = 0
  /// By metric and severity as they fired; alerts that a saved state brought along only among those that fire.
  public var drift = DriftCounts()
  public var stages = StageTimes()
  public var kafkaErrors: UInt64 = 0
  public var heldBytes = 0
  public var lastError: String?
  public init() {}
}

/// The newest dead letter of one reason.
public struct LatestDeadLetter: Sendable {
  public var partition: TopicPartition
  public var offset: Int64
  public var field: String?
  /// First bytes of its value, as text.
  public var sample: String
}

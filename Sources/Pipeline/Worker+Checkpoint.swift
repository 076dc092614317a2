import Learners
import Ports
import Telemetry

/// Saving: changed rows and the position in one transaction, then the group's offsets.
extension Worker {
  /// Rows from which on a save begins early while nothing waits to be folded: the copy of more would hold up an event
  /// for longer than ten milliseconds.
  private static let earlyRows = 20_000
  /// Rows of the largest save that lets others first.
  private static let mostQuietRows = 100_000
  /// A save begins so many times what the last one took of a core after that one began, since the fold has it meanwhile,
  /// and so many times what it took in all: the disk has other work too, the plans among it.
  private static let busyApart: Int64 = 8
  private static let costsApart: Int64 = 4
  /// An early one, in all: so many rows seldom change again between two, so coming sooner takes no more of either.
  private static let earlyCostsApart: Int64 = 2

  /// Starts a save when one is due; every second, up to eight times as often where many rows change and nobody waits,
  /// and less often where a save takes a core for more than an eighth of that, or more than a quarter of it in all.
  func checkpointIfDue() throws(WorkerFault) -> Bool {
    let isEarly = !hasBacklog && road.unsavedRows >= Self.earlyRows
    let least = Int64(options.checkpointIntervalMs) * (isEarly ? 125_000 : 1_000_000)
    let cost =
      isEarly
      ? checkpointCostNs * Self.earlyCostsApart
      : max(checkpointBusyNs * Self.busyApart, checkpointCostNs * Self.costsApart)
    let interval = max(least, cost)
    let isUrgent = mustCheckpointFirst && checkpointFault == nil
    guard changedSinceCheckpoint, !saver.isBusy, clock.monotonicNs - lastCheckpointNs >= interval || isUrgent
    else { return false }
    let begun = try checkpoint(isClean: false)
    noteCheckpoint(begun: begun)
    return begun
  }

  /// Copies what changed and hands it to the saver; false = effects of its turns are not acknowledged yet.
  func checkpoint(isClean: Bool) throws(WorkerFault) -> Bool {
    guard outlet.flush(timeoutMs: isClean ? 2000 : 0) || outlet.unacknowledged == 0, waitingOut.isEmpty else {
      return false
    }
    var snapshot = spareSnapshot
    spareSnapshot = Snapshot()
    snapshot.removeAll()
    manifest.isClean = isClean
    manifest.publishedTurn = publisher.publishedTurn(now: manifest.turn, hasUnpublished: road.hasUnpublished)
    road.save(into: &snapshot, manifest: &manifest)
    snapshot.manifest = manifest.encoded
    lastCheckpointNs = clock.monotonicNs
    savesFirst = mustCheckpointFirst
    savingOffsets = manifest.sources.enumerated().map { (UInt16($0), $1.next) }
    // Beside a backlog the state has to keep up, and so it has once a crowded machine made it fall behind; else nobody
    // waits for a save, and many for the features of what is folded meanwhile.
    let isQuiet = !hasBacklog && !mustCheckpointFirst && !isClean && snapshot.rows.count <= Self.mostQuietRows
    saver.start(turn: manifest.turn, snapshot, quietly: isQuiet)
    return true
  }

  func collectCheckpoint(waiting: Bool) throws(WorkerFault) {
    guard let done = saver.collect(waiting: waiting) else { return }
    spareSnapshot = done.snapshot
    if let fault = done.fault {
      status.checkpointFailures += 1
      road.saveFailed(done.snapshot)
      changedSinceCheckpoint = true
      lastCheckpointNs = clock.monotonicNs
      Log.shared.error(
        "a checkpoint failed; the one before it stays valid and the worker goes on",
        mend: "free disk space under state_dir, or look at the disk", ["cause": .text("\(fault)")])
      status.lastError = "\(fault)"
      if checkpointFault == nil { checkpointFaultSince = clock.monotonicNs }
      checkpointFault = "\(fault)"
      return
    }
    if checkpointFault != nil {
      Log.shared.info("checkpoints are saved again", ["turn": .integer(Int(done.turn))])
    }
    checkpointFault = nil
    if savesFirst { mustCheckpointFirst = false }
    checkpointCostNs = done.nanoseconds
    checkpointBusyNs = done.busyNanoseconds
    status.checkpoints += 1
    status.lastCheckpointBytes = done.bytes
    status.stateBytes = max(status.stateBytes, done.bytes)
    status.lastCheckpointNs = done.nanoseconds
    status.lastCheckpointAtMs = clock.wallMs
    committedTurn = done.turn
    if options.commitsOffsets { source.commit(savingOffsets) }
    prunePlans()
  }

  /// Plans older than `plan.keep`, and the oldest of more than `plan.max_bytes`, go once a minute, some at a time; those
  /// behind the last checkpoint always stay.
  private func prunePlans() {
    let now = clock.monotonicNs
    if pruneNs == 0 { pruneNs = now + Self.pruneEveryNs }
    guard now >= pruneNs else { return }
    do throws(StateFault) {
      let isOverfull = try pruneExcess()
      let isMore = try pruneSome(before: clock.wallMs - options.planKeepMs) || isOverfull
      pruneNs = isMore ? now : now + Self.pruneEveryNs
    } catch {
      pruneNs = now + Self.pruneEveryNs
      Log.shared.warning(
        "old plans could not be removed", mend: "look at the disk of state_dir; it is tried again every minute",
        ["cause": .text("\(error)")])
    }
  }

  private static let pruneEveryNs: Int64 = 60_000_000_000
  /// Plans that leave at once: some tens of milliseconds.
  private static let pruneAtOnce: UInt64 = 20_000

  /// Forgets the share of the turns that is above the room; true = it was more than goes at once.
  private func pruneExcess() throws(StateFault) -> Bool {
    let held = plans.bytes
    guard held > options.planMaxBytes, let oldest = try plans.plans(after: 0, limit: 1).first?.turn,
      oldest < committedTurn
    else { return false }
    let share = Double(held - options.planMaxBytes) / Double(held)
    let excess = UInt64(Double(committedTurn - oldest) * share) + 1
    try plans.prune(upTo: oldest + min(excess, Self.pruneAtOnce) - 1)
    return excess > Self.pruneAtOnce
  }

  /// Finds the last plan made before a moment by halving: plans know when they were made, whichever process made them.
  /// True = more of them are left.
  private func pruneSome(before wallMs: Int64) throws(StateFault) -> Bool {
    func isOld(after turn: UInt64) throws(StateFault) -> UInt64? {
      guard let row = try plans.plans(after: turn, limit: 1).first, row.turn <= committedTurn,
        let plan = TurnPlan(decoding: row.plan), plan.wallMs < wallMs
      else { return nil }
      return row.turn
    }
    guard let oldest = try isOld(after: 0) else { return false }
    var low = oldest
    var high = min(committedTurn, oldest + Self.pruneAtOnce)
    while low < high {
      let middle = low + (high - low + 1) / 2
      if let turn = try isOld(after: middle - 1) { low = max(low, min(turn, high)) } else { high = middle - 1 }
    }
    try plans.prune(upTo: low)
    return low == oldest + Self.pruneAtOnce
  }
}

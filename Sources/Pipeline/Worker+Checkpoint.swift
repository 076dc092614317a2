import Learners
import Ports
import Telemetry

/// Saving: changed rows and the position in one transaction, then the group's offsets.
extension Worker {
  /// Starts a save when one is due; every second, or less often where a save takes more than a fifth of that.
  func checkpointIfDue() throws(WorkerFault) -> Bool {
    let interval = max(Int64(options.checkpointIntervalMs) * 1_000_000, checkpointCostNs * 5)
    let isUrgent = mustCheckpointFirst && checkpointFault == nil
    guard changedSinceCheckpoint, !saver.isBusy, clock.monotonicNs - lastCheckpointNs >= interval || isUrgent
    else { return false }
    return try checkpoint(isClean: false)
  }

  /// Copies what changed and hands it to the saver; false = effects of its turns are not acknowledged yet.
  func checkpoint(isClean: Bool) throws(WorkerFault) -> Bool {
    guard outlet.flush(timeoutMs: isClean ? 2000 : 0) || outlet.unacknowledged == 0 else { return false }
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
    saver.start(turn: manifest.turn, snapshot)
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
      checkpointFault = "\(fault)"
      return
    }
    checkpointFault = nil
    if savesFirst { mustCheckpointFirst = false }
    checkpointCostNs = done.nanoseconds
    status.checkpoints += 1
    status.lastCheckpointBytes = done.bytes
    status.stateBytes = max(status.stateBytes, done.bytes)
    status.lastCheckpointNs = done.nanoseconds
    status.lastCheckpointAtMs = clock.wallMs
    committedTurn = done.turn
    if options.commitsOffsets { source.commit(savingOffsets) }
    try prunePlans()
  }

  /// Plans older than `plan.keep` go; those behind the last checkpoint always stay.
  private func prunePlans() throws(WorkerFault) {
    planTimes.append((committedTurn, clock.wallMs))
    var upTo: UInt64 = 0
    while let first = planTimes.first, first.wallMs < clock.wallMs - options.planKeepMs {
      upTo = first.turn
      planTimes.removeFirst()
    }
    guard upTo > 0 else { return }
    do { try plans.prune(upTo: upTo) } catch { throw WorkerFault.state(error) }
  }
}

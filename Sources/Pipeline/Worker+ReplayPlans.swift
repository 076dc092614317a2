import Ports

/// Repeating a run by its plans: the table of sources, the ranges and the moments are those of that run.
extension Worker {
  /// Every planned turn up to the one asked for has been folded.
  public var replayIsDone: Bool { options.replay != nil && referenceIsComplete && pending.isEmpty }

  func loadPlans(of replay: ReplayPlan, hasState: Bool) throws(WorkerFault) {
    let rows: [(turn: UInt64, plan: [UInt8])]
    do { rows = try plans.plans(after: manifest.turn) } catch { throw WorkerFault.state(error) }
    for row in rows where row.turn <= replay.upTo {
      guard let plan = TurnPlan(decoding: row.plan), plan.lineage == replay.manifest.lineage else { continue }
      pending.append(plan)
    }
    guard let first = pending.first else {
      guard manifest.turn >= replay.upTo else { throw WorkerFault.refused("there are no plans to replay") }
      return
    }
    guard first.turn == manifest.turn + 1 else {
      throw WorkerFault.refused(
        "the plans kept begin with turn \(first.turn), the base ends with turn \(manifest.turn): give an older backup with --base, or replay the log without --plans"
      )
    }
    guard first.fingerprint == options.fingerprint else {
      throw WorkerFault.refused("the plans were made under other settings of the folds; replay with those")
    }
    manifest.lineage = replay.manifest.lineage
    manifest.epoch = first.epoch
    if !hasState { takeSources(of: replay) }
  }

  /// Ranges speak of sources by their place in the table of that run.
  private func takeSources(of replay: ReplayPlan) {
    for (i, known) in replay.manifest.sources.enumerated() {
      let from = pending.lazy.compactMap { $0.ranges.first { Int($0.source) == i }?.from }.first
      manifest.sources.append(
        Manifest.SourceState(partition: known.partition, next: from ?? known.next, maximum: .min))
    }
    manifest.hasReference = true  // the first plans hold it
  }
}

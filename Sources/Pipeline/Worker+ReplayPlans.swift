import Ports

/// Repeating a run by its plans: the table of sources, the ranges and the moments are those of that run.
extension Worker {
  /// Every planned turn up to the one asked for has been folded.
  public var replayIsDone: Bool { options.replay != nil && referenceIsComplete && pending.isEmpty }

  func loadPlans(of replay: ReplayPlan, hasState: Bool) throws(WorkerFault) {
    plansRead = manifest.turn
    try loadMorePlans(of: replay)
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
    if !hasState { try takeSources(of: replay) }
  }

  /// Reads on where nothing is pending: a week's plans are more than memory should hold.
  func loadMorePlans(of replay: ReplayPlan) throws(WorkerFault) {
    while pending.isEmpty, plansRead < replay.upTo {
      guard let last = try eachPlan(of: replay, after: plansRead, { pending.append($0) }) else { return }
      plansRead = last
    }
  }

  /// Calls back for some plans of the lineage; the last turn looked at, nil = there is none.
  private func eachPlan(
    of replay: ReplayPlan, after turn: UInt64, _ body: (TurnPlan) -> Void
  ) throws(WorkerFault) -> UInt64? {
    let rows: [(turn: UInt64, plan: [UInt8])]
    do { rows = try plans.plans(after: turn, limit: 1024) } catch { throw WorkerFault.state(error) }
    for row in rows where row.turn <= replay.upTo {
      guard let plan = TurnPlan(decoding: row.plan), plan.lineage == replay.manifest.lineage else { continue }
      body(plan)
    }
    return rows.last?.turn
  }

  /// Ranges speak of sources by their place in the table of that run; each is read from where its first range begins.
  private func takeSources(of replay: ReplayPlan) throws(WorkerFault) {
    var from = [Int64?](repeating: nil, count: replay.manifest.sources.count)
    var read = manifest.turn
    while from.contains(where: { $0 == nil }), read < replay.upTo {
      let last = try eachPlan(of: replay, after: read) { plan in
        for range in plan.ranges where from[Int(range.source)] == nil { from[Int(range.source)] = range.from }
      }
      guard let last else { break }
      read = last
    }
    for (i, known) in replay.manifest.sources.enumerated() {
      manifest.sources.append(
        Manifest.SourceState(partition: known.partition, next: from[i] ?? known.next, maximum: .min))
    }
    manifest.hasReference = true  // the first plans hold it
  }
}

import Events
import Kernels
import Learners
import Ports
import Telemetry

/// Beginning: the state's position, the plans behind it, the log from there on.
extension Worker {
  /// Loads the state, asks the store how far it has come, and begins to read.
  ///
  /// - Parameter catalog: rows of catalog files, taken as if they stood first in the catalog topic.
  public func start(catalog: [ReferenceRow] = []) throws(WorkerFault) {
    let hasState = try loadState()
    let lineage = manifest.lineage
    try openStore(hasState: hasState)
    try loadPlans(hasState: hasState)
    try openLog(isNew: !hasState, mayBeOlder: hasState && manifest.lineage == lineage)
    if hasState { republishWhatMayLack() }
    intake.reference.append(contentsOf: road.changed(catalog).map { Intake.WaitingRow(row: $0) })
    referenceIsComplete = manifest.hasReference || options.replay != nil
    lastCheckpointNs = clock.monotonicNs
    watch = TrafficWatch(now: clock.monotonicNs, since: road.totals)
    Log.shared.info(
      "started",
      [
        "lineage": .integer(Int(manifest.lineage)), "epoch": .integer(Int(manifest.epoch)),
        "turn": .integer(Int(manifest.turn)), "replaying": .integer(pending.count),
        "partitions": .integer(intake.inputs.count),
      ])
    if intake.inputs.isEmpty, options.replay == nil {
      Log.shared.warning(
        "none of the topics exists; there is nothing to read",
        mend: "look at kafka.brokers and the mapping, or make them: thalweg topics apply; they are found by themselves")
    }
  }

  private func loadState() throws(WorkerFault) -> Bool {
    do {
      let bytes = try state.load { table, slot, row in road.load(table, slot, row) }
      manifest = try Manifest(decoding: bytes)
    } catch {
      switch error {
      case .empty: return false
      // A damaged state was set aside by its store; the caller starts anew, from the log.
      case .corrupt, .format, .io: throw WorkerFault.state(error)
      }
    }
    road.finishLoading(manifest)
    status.alerts = road.metricFold.pointee.firing()
    status.alertsFired = UInt64(status.alerts.count)
    for alert in status.alerts { status.drift.restore(alert) }
    status.stateBytes = road.loadedBytes
    if road.foreignModelRows > 0 {
      Log.shared.warning(
        "what models had learned belongs to other settings; they begin anew",
        mend: "nothing, or put bandit.learner, layout and half-lives back before events are folded",
        ["rows": .integer(road.foreignModelRows)])
    }
    if road.arms?.hasForeignRows == true {
      throw WorkerFault.refused(
        "the arms in this state were learned under another bandit.layout or bandit.lambda; put the former back, or rebuild the state (thalweg state rebuild)"
      )
    }
    if manifest.group != options.group, !manifest.group.isEmpty {
      throw WorkerFault.refused(
        "this state belongs to group \(manifest.group), not \(options.group); give this group a state_dir of its own")
    }
    return true
  }

  private func openStore(hasState: Bool) throws(WorkerFault) {
    let mark: StoreMark?
    do { mark = try store.open(group: options.group) } catch {
      guard error.isRetriable else { throw WorkerFault.port(error) }
      // Without a state only the store knows which lineage comes next.
      guard hasState else { throw WorkerFault.storeAway(error) }
      Log.shared.warning(
        "the feature store is not reachable; folding goes on and publishing follows",
        mend: "start it, or check redis.url", ["cause": .text(error.message)])
      publisher.noteUnreachable(
        expecting: Version(lineage: manifest.lineage, epoch: 0, turn: manifest.publishedTurn))
      return
    }
    if !hasState {
      manifest.group = options.group
      manifest.lineage = (mark?.version.lineage ?? 0) + 1
      manifest.epoch = 1
      if let mark {
        Log.shared.info("there is no state; a new lineage begins", ["after": .text(mark.version.text)])
      }
      storeMark = mark?.version
      storeIsOpen = true
      return
    }
    publisher.opened(mark: mark, knownTurn: manifest.publishedTurn)
    if let mark { storeMark = mark.version }
    storeIsOpen = true
  }

  /// Rows that changed after what the store is known to have are not known one by one: after an unclean stop, or
  /// where the store has less than we left it, every row goes out again.
  private func republishWhatMayLack() {
    let isComplete = manifest.isClean && manifest.publishedTurn >= manifest.turn
    guard storeIsOpen else {
      if !isComplete { road.markAllUnpublished() }
      return
    }
    let hasAll = storeMark.map { $0.lineage == manifest.lineage && $0.turn >= manifest.publishedTurn } ?? false
    if !isComplete || !hasAll { road.markAllUnpublished() }
  }

  /// The store, first reached after the start, names its newest version.
  func storeReturned(with mark: Version) {
    storeIsOpen = true
    storeMark = mark
    let last = pending.last.map { Version(lineage: $0.lineage, epoch: $0.epoch, turn: $0.turn) } ?? version
    if mark.lineage > last.lineage || (mark.lineage == last.lineage && mark.turn > last.turn) {
      storeIsAhead(mark, of: last)
    } else if mark.lineage == last.lineage, mark.epoch > manifest.epoch {
      manifest.epoch = mark.epoch
      if pending.isEmpty { beginEpoch() }
    }
  }

  private func storeIsAhead(_ mark: Version, of known: Version) {
    Log.shared.warning(
      "the feature store is ahead of this state: an older one was put back; a new lineage begins",
      mend: "nothing; features are published again",
      ["store": .text(mark.text), "state": .text(known.text)])
    beginLineage(after: mark)
  }

  /// Somebody has seen more than this state and its plans hold: everything goes out again under the next lineage.
  private func beginLineage(after mark: Version) {
    abandonPlans()
    manifest.lineage = mark.lineage + 1
    manifest.epoch = 0
    beginEpoch()
    road.markAllUnpublished()
  }

  private func loadPlans(hasState: Bool) throws(WorkerFault) {
    if let replay = options.replay { return try loadPlans(of: replay, hasState: hasState) }
    guard hasState else {
      // Plans without their state cannot be continued: a new lineage folds the log anew.
      do {
        if try !plans.plans(after: 0, limit: 1).isEmpty { try plans.prune(upTo: UInt64(Int64.max)) }
      } catch { throw WorkerFault.state(error) }
      return
    }
    let rows: [(turn: UInt64, plan: [UInt8])]
    do { rows = try plans.plans(after: manifest.turn) } catch { throw WorkerFault.state(error) }
    for row in rows {
      guard let plan = TurnPlan(decoding: row.plan), plan.lineage == manifest.lineage else { continue }
      pending.append(plan)
    }
    if let first = pending.first, first.fingerprint != options.fingerprint {
      throw WorkerFault.refused(
        "settings of the folds changed while \(pending.count) planned turns are not in the state; start once with the former settings, or rebuild: thalweg state rebuild"
      )
    }
    let last = Version(
      lineage: manifest.lineage, epoch: max(manifest.epoch, pending.last?.epoch ?? 0),
      turn: pending.last?.turn ?? manifest.turn)
    if let first = pending.first, first.turn != manifest.turn + 1 {
      Log.shared.warning(
        "plans between this state and the first one kept are missing: an older state was put back; a new lineage begins",
        mend: "nothing; features are published again",
        ["state": .integer(Int(manifest.turn)), "plan": .integer(Int(first.turn))])
      return beginLineage(after: max(last, storeMark ?? last))
    }
    if let mark = storeMark {
      if mark.lineage > last.lineage || (mark.lineage == last.lineage && mark.turn > last.turn) {
        return storeIsAhead(mark, of: last)
      }
      if mark.lineage == last.lineage { manifest.epoch = max(manifest.epoch, mark.epoch) }
    }
    if pending.isEmpty { beginEpoch() }
  }

  /// New turns after a start carry a new epoch, so that a turn issued again is never taken for an old one. It is
  /// saved before anything is planned or published under it.
  func beginEpoch() {
    manifest.epoch = max(manifest.epoch, storeMark.map { $0.lineage == manifest.lineage ? $0.epoch : 0 } ?? 0) + 1
    manifest.fingerprint = options.fingerprint
    changedSinceCheckpoint = true
    mustCheckpointFirst = true
  }

  private func openLog(isNew: Bool, mayBeOlder: Bool) throws(WorkerFault) {
    do {
      let found = try source.partitions(of: options.inputs.map(\.name))
      try checkIdentity()  // brokers that do not answer are no reason to believe in any
      let logs = Dictionary(uniqueKeysWithValues: zip(found, try source.watermarks(found, timeoutMs: 10_000)))
      var places = Dictionary(uniqueKeysWithValues: manifest.sources.enumerated().map { ($1.partition, $0) })
      for partition in found where places[partition] == nil {
        let topic = options.inputs.first { $0.name == partition.topic }!
        places[partition] = manifest.sources.count
        let next = try startOffset(partition, logs[partition]!, isReference: topic.isReference, isNew: isNew)
        manifest.sources.append(Manifest.SourceState(partition: partition, next: next, maximum: .min))
      }
      if mayBeOlder { noticeOlderState() }
      var hasGap = false
      var started: [(partition: TopicPartition, source: UInt16, input: Int, offset: Int64)] = []
      for (i, known) in manifest.sources.enumerated() {
        let topic = options.inputs.first { $0.name == known.partition.topic }
        // Repeating plans, the reference rows stand in them: their topics may hold others now.
        let isInPlans = options.replay != nil && topic?.isReference == true
        let exists = found.contains(known.partition) && !isInPlans
        var target = known.next
        var low = Int64.max
        if exists {
          let marks = logs[known.partition]!
          if known.next > marks.high {
            throw WorkerFault.refused(
              "\(known.partition.topic)[\(known.partition.partition)] ends at \(marks.high) but the state has read up to \(known.next): the topic was made again or lost its tail; rebuild the state (thalweg state rebuild) or take another group"
            )
          }
          if known.next < marks.low, !(topic?.isReference ?? false) {
            guard options.acceptGap else {
              throw WorkerFault.gap(
                known.partition, from: known.next, to: marks.low, detail: "retention has passed them")
            }
            Log.shared.warning(
              "records are lost to retention and skipped, as --accept-gap says", mend: "lengthen the topic's retention",
              [
                "topic": .text(known.partition.topic), "partition": .integer(Int(known.partition.partition)),
                "from": .integer(Int(known.next)), "to": .integer(Int(marks.low)),
              ])
            manifest.sources[i].next = marks.low
            abandonPlans()
            hasGap = true
          }
          target = marks.high
          low = marks.low
        }
        intake.inputs.append(
          Intake.Input(
            partition: known.partition,
            topic: topic ?? InputTopic(name: known.partition.topic, input: -1, isReference: false),
            queue: PartitionQueue(nextOffset: manifest.sources[i].next, maximum: known.maximum, pool: intake.pool),
            target: target, began: manifest.sources[i].next))
        guard exists, let topic else { continue }
        var offset = manifest.sources[i].next
        if !topic.isReference, known.lastOffset >= 0, known.lastOffset < offset, low <= known.lastOffset,
          target > known.lastOffset
        {
          offset = known.lastOffset
          intake.inputs[i].proof = (known.lastOffset, known.lastHash)
          intake.unproven += 1
        }
        started.append((known.partition, UInt16(i), topic.input, offset))
      }
      rank = intake.inputs.indices.sorted { intake.inputs[$0].partition < intake.inputs[$1].partition }
      try source.start(started)
      if hasGap { beginEpoch() }
    } catch let error as PortError {
      throw WorkerFault.port(error)
    } catch let fault as WorkerFault {
      throw fault
    } catch {
      throw WorkerFault.refused("\(error)")
    }
  }

  /// The group was told more than this state and its plans have read: an older state was put back.
  private func noticeOlderState() {
    guard options.commitsOffsets, options.replay == nil else { return }
    let partitions = manifest.sources.map(\.partition)
    let ends = manifest.sources.indices.map { i in
      pending.reduce(manifest.sources[i].next) { end, plan in
        plan.ranges.reduce(end) { $1.source == UInt16(i) ? max($0, $1.to) : $0 }
      }
    }
    let told = source.committed(partitions, timeoutMs: 2_000)
    guard let i = told.indices.first(where: { (told[$0] ?? 0) > ends[$0] }) else { return }
    Log.shared.warning(
      "the group has committed more than this state has read: an older state was put back; a new lineage begins",
      mend: "nothing; features are published again",
      [
        "topic": .text(partitions[i].topic), "partition": .integer(Int(partitions[i].partition)),
        "committed": .integer(Int(told[i] ?? 0)), "state": .integer(Int(ends[i])),
      ])
    beginLineage(after: max(version, storeMark ?? version))
  }

  /// The log must be the one this state has read. A log that does not tell who it is, is believed.
  private func checkIdentity() throws(WorkerFault) {
    guard let identity = try? source.identity() else { return }
    guard manifest.logIdentity.isEmpty || manifest.logIdentity == identity else {
      throw WorkerFault.refused(
        "this state has read the log \(manifest.logIdentity), the brokers are of another one, \(identity): point kafka.brokers back, or rebuild the state (thalweg state rebuild)"
      )
    }
    manifest.logIdentity = identity
  }

  private func startOffset(
    _ partition: TopicPartition, _ marks: Watermarks, isReference: Bool, isNew: Bool
  ) throws(PortError) -> Int64 {
    if isReference || !isNew { return marks.low }  // partitions added later are read from their beginning
    switch options.startAt {
    case .earliest: return marks.low
    case .latest: return marks.high
    case .timestamp(let time): return try source.offset(partition, at: time) ?? marks.high
    }
  }

  /// Once the reference topics were read to the end they had at this start, their rows take effect, as the first turns
  /// of this lineage: their plans keep the rows, so that a replay needs no compacted topic. Saved before anything else
  /// is planned.
  func completeReference() throws(WorkerFault) {
    let open = intake.inputs.indices.contains {
      intake.inputs[$0].topic.isReference && !hasReached($0, intake.inputs[$0].target)
    }
    guard !open else { return }
    while !intake.reference.isEmpty || !intake.referenceNext.isEmpty {
      guard try planFirstRead() else { return }
    }
    manifest.hasReference = true
    manifest.fingerprint = options.fingerprint
    referenceIsComplete = true
    changedSinceCheckpoint = true
    lastCheckpointNs = .min / 2  // at once
    mustCheckpointFirst = true
  }

  /// Plans and folds the next 16 MiB or so of the rows that wait; false = the plan could not be written yet.
  private func planFirstRead() throws(WorkerFault) -> Bool {
    var plan = emptyPlan()
    var taken = 0
    while taken < intake.reference.count, plan.reference.count < 16 << 20 {
      ReferenceRows.append(intake.reference[taken].row, to: &plan.reference)
      taken += 1
    }
    var isLast = taken == intake.reference.count
    if isLast { plan.ranges = referenceRanges() }
    if planIsInDoubt, !settleDoubt() {
      guard let standing = pending.popLast() else { return false }
      plan = standing
      taken = ReferenceRows.read(plan.reference).count
      isLast = taken == intake.reference.count
    } else {
      guard append(plan) else { return false }
    }
    intake.reference.removeFirst(taken)
    let letters = isLast ? intake.referenceDeadLetters : []
    if isLast {
      intake.referenceDeadLetters.removeAll()
      intake.referenceNext.removeAll()
    }
    // The checkpoint that follows stands behind the dead letters: they leave before it.
    try fold(plan, takes: [Int](repeating: 0, count: rank.count), referenceLetters: letters)
    return true
  }
}

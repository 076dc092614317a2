import Events
import Ports
import Telemetry

/// Planning a turn: what of the waiting entries it takes, made durable before it folds (`Worker+Fold`).
extension Worker {
  /// How far partitions may fold now.
  func currentBound() -> FoldBound {
    let now = clock.monotonicNs
    return alignment.bound(
      rank.lazy.map { i -> PartitionState in
        let input = self.intake.inputs[i]
        guard !input.topic.isReference else {
          return PartitionState(lastTime: .max, hasCaughtUp: true, isBehind: false, behindNs: 0)
        }
        return PartitionState(
          lastTime: input.queue.lastTime, hasCaughtUp: self.hasReached(i, input.target),
          isBehind: input.behindSince > 0, behindNs: input.behindSince > 0 ? now - input.behindSince : 0)
      })
  }

  /// Everything before this offset has been read, or does not exist.
  func hasReached(_ i: Int, _ offset: Int64) -> Bool {
    let input = intake.inputs[i]
    if input.queue.nextOffset >= offset { return true }
    guard let end = source.endReached(UInt16(i)) else { return false }
    return end >= offset
  }

  private func noteWhoIsBehind() {
    let now = clock.monotonicNs
    for i in intake.inputs.indices {
      let high = source.highWatermark(UInt16(i)) ?? 0
      let isBehind = !intake.inputs[i].isPaused && !hasReached(i, high)
      if !isBehind {
        intake.inputs[i].behindSince = 0
      } else if intake.inputs[i].behindSince == 0 {
        intake.inputs[i].behindSince = max(1, now)
      }
    }
  }

  /// Folds what may be folded. Small turns at once while the log is quiet, larger ones under load.
  func planAndFold(polled: Int) throws(WorkerFault) {
    if planIsInDoubt, !settleDoubt() { return }
    noteWhoIsBehind()
    if !hasCaughtUp {
      hasCaughtUp = intake.inputs.indices.allSatisfy { hasReached($0, intake.inputs[$0].target) }
    }
    let bound = currentBound()
    var takes = self.takes(upTo: bound)
    let eligible = takes.reduce(0, +)
    if eligible > 0, eligible < options.turnLimit / 4, polled == options.pollLimit, hasCaughtUp == false { return }
    // A turn is as long as the publisher waits for its next batch: short ones while a store that came back is filled.
    let long = fullTurns >= Self.deepTurns ? options.turnLimit * 2 : options.turnLimit
    let limit = publisher.isRecovering ? min(options.turnLimit, Self.shortTurn) : long
    fullTurns = eligible > limit ? fullTurns + 1 : 0
    if eligible > limit { takes = limited(takes, of: eligible, to: limit) }
    var plan = emptyPlan()
    plan.idleFrontier = idleFrontier(hasRecords: eligible > 0)
    for waiting in intake.reference { ReferenceRows.append(waiting.row, to: &plan.reference) }
    guard eligible > 0 || plan.idleFrontier != .min || !intake.reference.isEmpty || !intake.referenceDeadLetters.isEmpty
    else { return }
    for (place, i) in rank.enumerated() {
      if takes[place] > 0 { plan.ranges.append(range(i, takes[place])) }
    }
    plan.ranges += referenceRanges()
    guard append(plan) else { return }
    let letters = intake.referenceDeadLetters
    intake.referenceDeadLetters.removeAll()
    intake.reference.removeAll()
    intake.referenceNext.removeAll()
    try fold(plan, takes: takes, referenceLetters: letters)
  }

  static let shortTurn = 2048
  /// Full turns one after the other from which on a backlog is deep.
  private static let deepTurns = 4

  /// The next turn's plan, without what it takes.
  func emptyPlan() -> TurnPlan {
    var plan = TurnPlan()
    plan.turn = manifest.turn + 1
    plan.lineage = manifest.lineage
    plan.epoch = manifest.epoch
    plan.wallMs = clock.wallMs
    plan.fingerprint = options.fingerprint
    return plan
  }

  /// How far the reference topics were read for the rows that wait.
  func referenceRanges() -> [TurnPlan.Range] {
    intake.referenceNext.sorted(by: { $0.key < $1.key }).map { source, next in
      TurnPlan.Range(source: source, from: manifest.sources[Int(source)].next, to: next, count: 0, checksum: 0)
    }
  }

  /// Makes a plan durable. False = it could not be: without a plan no turn; intake goes on up to its byte limit, and
  /// the next step tries again.
  func append(_ plan: TurnPlan) -> Bool {
    let began = clock.monotonicNs
    do { try plans.append(turn: plan.turn, plan.encoded) } catch {
      if pauseReason == nil {
        Log.shared.error(
          "a turn could not be planned", mend: "free disk space under state_dir; the worker goes on by itself",
          ["cause": .text("\(error)")])
      }
      pauseReason = "plans cannot be written: \(error)"
      planIsInDoubt = true
      return false
    }
    if pauseReason != nil { Log.shared.info("turns are planned again", ["turn": .integer(Int(plan.turn))]) }
    pauseReason = nil
    status.plansWritten += 1
    status.stages.add(.plan, clock.monotonicNs - began)
    return true
  }

  /// A plan whose append failed may stand in the log all the same: then its turn is folded as it says.
  ///
  /// - Returns: False = it does, or nobody can tell yet.
  func settleDoubt() -> Bool {
    let rows: [(turn: UInt64, plan: [UInt8])]
    do { rows = try plans.plans(after: manifest.turn) } catch {
      pauseReason = "plans cannot be written: \(error)"
      return false
    }
    planIsInDoubt = false
    pending = rows.compactMap { TurnPlan(decoding: $0.plan) }.filter { $0.lineage == manifest.lineage }
    if !pending.isEmpty { pauseReason = nil }
    return pending.isEmpty
  }

  /// Waiting entries that lie before the bound, by rank.
  private func takes(upTo bound: FoldBound) -> [Int] {
    rank.enumerated().map { place, i in
      guard !intake.inputs[i].queue.isEmpty else { return 0 }
      if bound == .unlimited { return intake.inputs[i].queue.count }
      return whole(intake.inputs[i].queue.count(upTo: bound.time, orEqual: place <= bound.source), of: i)
    }
  }

  /// Never splits the events of one record.
  private func whole(_ count: Int, of i: Int) -> Int {
    var n = count
    while n > 0, n < intake.inputs[i].queue.count, !intake.inputs[i].queue.entry(n).pointee.isFirst { n += 1 }
    return n
  }

  /// About the first `limit` of them in the order, by cutting at a moment: at least half as many, or those of the
  /// first moment.
  private func limited(_ takes: [Int], of eligible: Int, to limit: Int) -> [Int] {
    var from = Int64.max
    var to = Int64.min
    for (place, i) in rank.enumerated() where takes[place] > 0 {
      from = min(from, intake.inputs[i].queue.firstTime)
      to = max(to, intake.inputs[i].queue.entry(takes[place] - 1).pointee.event.mergeTime)
    }
    func counts(_ time: Int64) -> (takes: [Int], sum: Int) {
      var sum = 0
      let some = rank.enumerated().map { place, i in
        guard takes[place] > 0 else { return 0 }
        let n = min(takes[place], whole(intake.inputs[i].queue.count(upTo: time, orEqual: true), of: i))
        sum += n
        return n
      }
      return (some, sum)
    }
    var best = counts(from)
    // Events come about evenly: the first guess is nearly always near enough.
    var share = 0.75 * Double(limit) / Double(eligible)
    while from < to, best.sum < limit / 2 {
      // What precedes a partition's first event stands at the beginning of time: the span may exceed Int64.
      let span = UInt64(bitPattern: to &- from)
      let step = min(span, max(1, UInt64(Double(span) * share)))
      let middle = from &+ Int64(bitPattern: step)
      let some = counts(middle)
      if some.sum <= limit {
        from = middle
        best = some
      } else {
        to = middle - 1
      }
      share = 0.5
    }
    return best.takes
  }

  private func range(_ i: Int, _ n: Int) -> TurnPlan.Range {
    var count: UInt32 = 0
    var checksum: UInt64 = 0
    intake.inputs[i].queue.forEach(first: n) { entry in
      if entry.pointee.isFirst { count += 1 }
      checksum &+= entry.pointee.hash
    }
    let end = intake.inputs[i].queue.entry(n - 1).pointee.event.offset + 1
    return TurnPlan.Range(
      source: UInt16(i), from: manifest.sources[i].next, to: end, count: count, checksum: checksum)
  }

  /// Where all topics are idle, time goes on at the wall's pace from the last merge time, so that timers run.
  private func idleFrontier(hasRecords: Bool) -> Int64 {
    guard !hasRecords, hasCaughtUp, !options.untilCaughtUp, manifest.lastMergeTime != .min,
      let due = road.nextTimer, intake.inputs.allSatisfy({ $0.queue.isEmpty || $0.topic.isReference })
    else { return .min }
    let frontier = manifest.lastMergeTime + max(0, clock.wallMs - manifest.lastMergeWall)
    return frontier >= due ? frontier : .min
  }
}

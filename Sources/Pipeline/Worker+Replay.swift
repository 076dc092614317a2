import Ports
import Telemetry

/// Turns that were planned before the last stop and are not in the state: the same ranges again, bit for bit.
extension Worker {
  func replayPlanned() throws(WorkerFault) {
    var replayed = 0
    while let plan = pending.first {
      guard let takes = try takes(of: plan) else { break }
      pending.removeFirst()
      manifest.epoch = plan.epoch
      try fold(plan, takes: takes, referenceLetters: dropReference(upTo: plan))
      replayed += 1
      if pending.isEmpty, let replay = options.replay {
        try loadMorePlans(of: replay)
        if let next = pending.first, next.turn != manifest.turn + 1 {
          throw WorkerFault.refused(
            "the plan of turn \(manifest.turn + 1) is missing, the next is that of \(next.turn)")
        }
      }
      if pending.isEmpty {
        Log.shared.info("replayed what was planned", ["turn": .integer(Int(plan.turn))])
        beginEpoch()
      }
      if replayed == 16 { break }  // publish and save in between
    }
  }

  /// Entries the plan's ranges take, by rank; nil = not all of them have arrived yet.
  private func takes(of plan: TurnPlan) throws(WorkerFault) -> [Int]? {
    var takes = [Int](repeating: 0, count: rank.count)
    for range in plan.ranges {
      let i = Int(range.source)
      if intake.inputs[i].topic.isReference {
        // The rows stand in the plan; what was wrong with others is said again from the topic, as far as it has them.
        if options.replay == nil, intake.inputs[i].queue.nextOffset < range.to, source.endReached(range.source) == nil {
          return nil
        }
        continue
      }
      guard intake.inputs[i].queue.nextOffset >= range.to else {
        if let end = source.endReached(UInt16(i)), end < range.to {
          return try missing(range, "the log now ends at \(end)")
        }
        return nil
      }
      let queue = intake.inputs[i].queue
      var low = 0
      var high = queue.count
      while low < high {
        let middle = (low + high) / 2
        if queue.entry(middle).pointee.event.offset < range.to { low = middle + 1 } else { high = middle }
      }
      var count: UInt32 = 0
      var checksum: UInt64 = 0
      for k in 0..<low {
        if queue.entry(k).pointee.isFirst { count += 1 }
        checksum &+= queue.entry(k).pointee.hash
      }
      if count != range.count || checksum != range.checksum {
        return try missing(range, "read differently now (\(count) records where \(range.count) were, or other bytes)")
      }
      takes[rank.firstIndex(of: i)!] = low
    }
    return takes
  }

  private func missing(_ range: TurnPlan.Range, _ detail: String) throws(WorkerFault) -> [Int]? {
    let partition = intake.inputs[Int(range.source)].partition
    guard options.acceptGap else {
      throw WorkerFault.gap(partition, from: range.from, to: range.to, detail: detail)
    }
    Log.shared.warning(
      "a planned range reads differently; going on in a new epoch, as --accept-gap says",
      mend: "check retention and elections of the topic",
      [
        "topic": .text(partition.topic), "partition": .integer(Int(partition.partition)),
        "from": .integer(Int(range.from)), "to": .integer(Int(range.to)),
      ])
    abandonPlans()
    beginEpoch()
    return nil
  }

  /// Lets go of planned turns that cannot be folded. Their numbers are not used again: the log of plans only grows.
  func abandonPlans() {
    if let last = pending.last { manifest.turn = max(manifest.turn, last.turn) }
    pending.removeAll()
  }

  /// Reference rows that the plan carried are not read from their topic again; dead letters among them are.
  private func dropReference(
    upTo plan: TurnPlan
  ) -> [(source: UInt16, offset: Int64, letter: DeadLetter)] {
    var letters: [(source: UInt16, offset: Int64, letter: DeadLetter)] = []
    for range in plan.ranges where intake.inputs[Int(range.source)].topic.isReference {
      letters += intake.takeReferenceLetters(source: range.source, upTo: range.to)
      intake.supersedeReference(source: range.source, upTo: range.to)
    }
    return letters
  }
}

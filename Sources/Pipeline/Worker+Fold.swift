import Events
import Learners
import Ports

/// Folding a planned turn, beside reading where shards have threads, and sending what follows from it.
extension Worker {
  /// Folds a planned turn and lets its effects out.
  func fold(
    _ plan: TurnPlan, takes: [Int], referenceLetters: [(source: UInt16, offset: Int64, letter: DeadLetter)]
  ) throws(WorkerFault) {
    manifest.turn = plan.turn
    if !plan.reference.isEmpty { road.apply(ReferenceRows.read(plan.reference), lastMergeTime: manifest.lastMergeTime) }
    let outcome = foldWhileReading(plan, takes)
    for (source, offset, letter) in referenceLetters { try send(letter, source: source, offset: offset) }
    for entry in outcome.deadLetters {
      let chunk = Chunk.holding(entry)
      if let letter = DeadLetter(decoding: UnsafeRawBufferPointer(chunk.payload(of: entry.event).bytes)) {
        try send(letter, source: entry.event.pointee.source, offset: entry.event.pointee.offset)
      }
    }
    for alert in outcome.alerts { try send(alert) }
    if let encoder = options.decisions?.resolvedEncoder {
      for item in outcome.resolved { try send(item, encoder) }
    }
    for (place, i) in rank.enumerated() where takes[place] > 0 {
      var last = takes[place] - 1
      manifest.sources[i].maximum = intake.inputs[i].queue.entry(last).pointee.event.mergeTime
      while last > 0, !intake.inputs[i].queue.entry(last).pointee.isFirst { last -= 1 }
      manifest.sources[i].lastOffset = intake.inputs[i].queue.entry(last).pointee.event.offset
      manifest.sources[i].lastHash = intake.inputs[i].queue.entry(last).pointee.hash
      intake.inputs[i].queue.drop(takes[place])
    }
    for range in plan.ranges { manifest.sources[Int(range.source)].next = range.to }
    if outcome.lastMergeTime > manifest.lastMergeTime {
      manifest.lastMergeTime = outcome.lastMergeTime
      manifest.lastMergeWall = plan.wallMs
    }
    manifest.eventsFolded += UInt64(outcome.events)
    publisher.noteFolded(recordTime: outcome.lastRecordTime)
    changedSinceCheckpoint = true
  }

  /// Where shards have threads, the first one has its own too for a long turn, and this one reads on: what it reads stands
  /// behind the turn's entries and has no row yet, so neither sees the other.
  private func foldWhileReading(_ plan: TurnPlan, _ takes: [Int]) -> Road.Outcome {
    road.makeRoom()
    let queues = rank.map { intake.inputs[$0].queue }
    var outcome = Road.Outcome()
    var spent: Int64 = 0
    defer { status.stages.add(.fold, spent) }
    func fold() {
      let began = clock.monotonicNs
      merge.merge(queues, take: takes, into: &order)
      outcome = road.fold(order, idleFrontier: plan.idleFrontier, turn: plan.turn)
      spent = clock.monotonicNs - began
    }
    guard let folder, takes.reduce(0, +) >= options.leastAside else {
      fold()
      return outcome
    }
    withoutActuallyEscaping(fold) { fold in
      folder.start(fold)
      do throws(WorkerFault) {
        while !folder.isFree, intake.heldBytes < options.alignMaxBytes, try poll(timeoutMs: 0) > 0 {}
      } catch { readingFault = error }
      folder.wait()
    }
    return outcome
  }

  func send(_ letter: DeadLetter, source: UInt16, offset: Int64) throws(WorkerFault) {
    let from = intake.inputs[Int(source)].partition
    status.deadLetters[letter.reason.rawValue, default: 0] += 1
    status.deadLettersByTopic[from.topic, default: [:]][letter.reason.rawValue, default: 0] += 1
    status.latestDeadLetter[letter.reason.rawValue] = LatestDeadLetter(
      partition: from, offset: offset, field: letter.field,
      sample: String(decoding: letter.value.prefix(120), as: UTF8.self))
    try send(letter.record(topic: options.deadLetterTopic, from: from, offset: offset, group: options.group))
  }

  private func send(_ alert: DriftAlert) throws(WorkerFault) {
    if alert.state == .firing { status.alertsFired += 1 } else { status.alertsResolved += 1 }
    status.drift.note(alert)
    status.alerts.append(alert)
    if status.alerts.count > 200 { status.alerts.removeFirst(100) }
    let event = AlertEvent(alert, group: options.group)
    try send(
      OutRecord(
        topic: options.alertsTopic, key: Array(alert.alertID.utf8), value: event.json, headers: AlertEvent.headers))
    publisher.note(alert: event.json)
  }

  private func send(_ item: ResolvedItem, _ encoder: any ResolvedEncoder) throws(WorkerFault) {
    guard let topic = options.decisions?.resolvedTopic, !topic.isEmpty, let line = encoder.encode(item) else { return }
    status.itemsResolved += 1
    try send(OutRecord(topic: topic, key: Array(item.userID.utf8), value: line, headers: []))
  }

  /// What the outlet has no room for waits here, in order: no more than a turn's.
  private func send(_ record: OutRecord) throws(WorkerFault) {
    guard waitingOut.isEmpty else { return waitingOut.append(record) }
    do { try outlet.send(record) } catch {
      status.kafkaErrors += 1
      guard error.isRetriable else { throw WorkerFault.port(error) }
      waitingOut.append(record)
    }
  }
}

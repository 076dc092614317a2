import Events
import Kernels
import Learners

/// What each of the four stages does with a block.
extension Road {
  // MARK: S

  func sequence(_ block: Block, _ outcome: inout Outcome) {
    let order = block.entries
    for i in order.indices {
      if i + Self.entriesAhead < order.count {
        prefetch(order[i + Self.entriesAhead], bytes: MemoryLayout<Entry>.stride)
      }
      if i + DedupRing.ahead < order.count {
        let coming = order[i + DedupRing.ahead].event
        dedup.prefetch(coming.pointee.idHash)
        if shards > 1, coming.pointee.viewer != Event.none { ids.viewers.prefetchHash(of: coming.pointee.viewer) }
      }
      let entry = order[i]
      if shards > 1 {
        entry.pointee.owner = owner(ofViewer: entry.event.pointee.viewer)
        entry.pointee.titleOwner = owner(ofTitle: entry.event.pointee.title)
      }
      switch entry.pointee.role {
      case .nothing: continue
      case .deadLetter: outcome.deadLetters.append(entry)
      case .event:
        if lacksCompletion(entry) {
          entry.pointee.role = .deadLetter
          outcome.deadLetters.append(entry)
          continue
        }
        outcome.events += 1
        outcome.lastMergeTime = max(outcome.lastMergeTime, entry.event.pointee.mergeTime)
        outcome.lastRecordTime = max(outcome.lastRecordTime, entry.event.pointee.recordTime)
        if dedup.isRepeated(entry.event.pointee.idHash, at: entry.event.pointee.mergeTime) {
          entry.newEvent.pointee.flags.insert(.duplicate)
        }
      }
    }
    if sweep.next == .max, let first = order.first(where: { $0.pointee.role == .event }) {
      sweep.begin(at: first.event.pointee.mergeTime)
    }
    sweeps[block.sweep] = sweep
    sweep.advance(beyond: outcome.lastMergeTime == .min ? .min : outcome.lastMergeTime - 1)
  }

  /// Events without a viewer are shard 0's.
  private func owner(ofViewer slot: UInt32) -> UInt8 { slot == Event.none ? 0 : UInt8(shard(ofViewer: slot)) }

  private func owner(ofTitle slot: UInt32) -> UInt8 { slot == Event.none ? 0 : UInt8(shard(ofTitle: slot)) }

  /// A watch that says only how long, of a title whose length nobody knows: no completion follows from it. Judged
  /// here, where the catalog is the plan's, and not while decoding.
  private func lacksCompletion(_ entry: UnsafeMutablePointer<Entry>) -> Bool {
    let event = entry.event
    guard event.pointee.kind == .watch, event.pointee.payloadCount > 0, Intake.needsRuntime(event) else { return false }
    return catalog.title(event.pointee.title).pointee.runtimeMinutes <= 0
  }

  // MARK: U

  func foldViewers(_ block: Block, _ shard: Int) {
    let order = block.entries
    let fold = viewerFolds + shard
    let pending = pendingFolds.map { $0 + shard }
    var tally = shardTallies[shard]
    for i in order.indices {
      ask(order, i)
      if i + Self.rowsAhead < order.count, isOwn(order[i + Self.rowsAhead], shard) {
        fold.pointee.prefetchRows(order[i + Self.rowsAhead].event)
      }
      if i + Self.vectorsAhead < order.count, isOwn(order[i + Self.vectorsAhead], shard) {
        fold.pointee.prefetchVector(order[i + Self.vectorsAhead].event)
      }
      if i + Self.endsAhead < order.count, isOwn(order[i + Self.endsAhead], shard) {
        fold.pointee.prefetchEnds(order[i + Self.endsAhead].event)
      }
      let entry = order[i]
      guard entry.pointee.role == .event else { continue }
      if let due = fold.pointee.nextTimer, due < entry.event.pointee.mergeTime {
        _ = fold.pointee.advance(to: entry.event.pointee.mergeTime)
      }
      if let pending, let due = pending.pointee.nextTimer, due < entry.event.pointee.mergeTime {
        pending.pointee.advance(to: entry.event.pointee.mergeTime, entry: block.start + i, &tally)
      }
      guard isOwn(entry, shard) else { continue }
      arms?.note(block.start + i, entry.event, viewers, catalog)
      let effect = block.effects + i
      fold.pointee.fold(entry.event, payload(of: entry), into: &effect.pointee, tally: &tally)
      arms?.complete(block.start + i, entry.event, effect.pointee, viewers, ids)
      if let pending {
        pending.pointee.fold(entry.event, payload(of: entry), effect.pointee, entry: block.start + i, &tally)
      }
    }
    let until = block.until
    if let due = fold.pointee.nextTimer, due <= until { _ = fold.pointee.advance(to: until + 1) }
    if let pending, let due = pending.pointee.nextTimer, due <= until {
      pending.pointee.advance(to: until + 1, entry: block.start + order.count, &tally)
    }
    shardTallies[shard] = tally
  }

  /// How many events before its own a row, a title's vector, and the ends of lists are asked for.
  private static let rowsAhead = 16
  private static let vectorsAhead = 8
  private static let endsAhead = 4
  private static let entriesAhead = 48

  /// Asks for an entry well before anybody looks at it: it was written by another core, or went through another stage
  /// long ago.
  @inline(__always)
  private func ask(_ order: UnsafeBufferPointer<UnsafeMutablePointer<Entry>>, _ i: Int) {
    if i + Self.entriesAhead < order.count {
      prefetchShared(order[i + Self.entriesAhead], bytes: MemoryLayout<Entry>.stride)
    }
  }

  @inline(__always)
  private func isOwn(_ entry: UnsafeMutablePointer<Entry>, _ shard: Int) -> Bool {
    shards == 1 || Int(entry.pointee.owner) == shard
  }

  @inline(__always)
  private func ownsTitle(_ entry: UnsafeMutablePointer<Entry>, _ shard: Int) -> Bool {
    shards == 1 || Int(entry.pointee.titleOwner) == shard
  }

  @inline(__always)
  private func payload(of entry: UnsafeMutablePointer<Entry>) -> Payload {
    entry.event.pointee.payloadCount == 0 ? .empty : Chunk.holding(entry).payload(of: entry.event)
  }

  // MARK: C

  func foldTitles(_ block: Block, _ shard: Int) {
    let order = block.entries
    let fold = titleFolds + shard
    var timer = sweeps[block.sweep]
    for i in order.indices {
      ask(order, i)
      if i + Self.rowsAhead < order.count, ownsTitle(order[i + Self.rowsAhead], shard) {
        fold.pointee.prefetchRow(order[i + Self.rowsAhead].event)
      }
      let entry = order[i]
      guard entry.pointee.role == .event else { continue }
      while let due = timer.due(before: entry.event.pointee.mergeTime) { run(sweepAt: due, fold, shard) }
      if entry.event.pointee.kind == .impression {
        foldItems(entry, block.effects[i].flags, fold)
      } else if entry.event.pointee.title != Event.none {
        guard ownsTitle(entry, shard) else { continue }
        fold.pointee.fold(entry.event, payload(of: entry), block.effects + i)
      }
    }
    while let due = timer.due(before: block.until == .min ? .min : block.until + 1) { run(sweepAt: due, fold, shard) }
  }

  private func foldItems(
    _ entry: UnsafeMutablePointer<Entry>, _ flags: Effect.Flags, _ fold: UnsafeMutablePointer<TitleFold>
  ) {
    guard flags.contains(.folded), let bytes = payload(of: entry).field(.items) else { return }
    var at = 0
    while at + ShownItem.byteCount <= bytes.count {
      let item = ShownItem(reading: UnsafeRawPointer(bytes.baseAddress! + at))
      if shards == 1 || fold.pointee.owns(item.title) { fold.pointee.foldItem(entry.event, item) }
      at += ShownItem.byteCount
    }
  }

  private func run(sweepAt time: Int64, _ fold: UnsafeMutablePointer<TitleFold>, _ shard: Int) {
    shardSweeps[shard] = fold.pointee.sweep(at: time)
  }

  // MARK: M

  /// Models learn what decisions taught, in the one order.
  func foldModels() -> [ResolvedItem] {
    guard let pendingFolds, let models else { return [] }
    guard (0..<shards).contains(where: { !pendingFolds[$0].taught.lessons.isEmpty }) else { return [] }
    let resolved = models.learn((0..<shards).map { pendingFolds[$0].taught }, catalog: catalog, ids: ids)
    for shard in 0..<shards { pendingFolds[shard].taught.removeAll() }
    return resolved
  }

  func foldMetrics(_ block: Block, _ alerts: inout [DriftAlert]) {
    guard options.learn.folds.contains(.metrics) else { return }
    let order = block.entries
    let fold = metricFold
    let effects = UnsafePointer(block.effects)
    for i in order.indices {
      ask(order, i)
      if i + Self.rowsAhead < order.count { fold.pointee.prefetchNode(order[i + Self.rowsAhead].event) }
      if i + Self.vectorsAhead < order.count { fold.pointee.prefetchCell(order[i + Self.vectorsAhead].event) }
      let entry = order[i]
      guard entry.pointee.role == .event else { continue }
      let time = entry.event.pointee.mergeTime
      if fold.pointee.isDue(before: time) { alerts += fold.pointee.advance(to: time, tally: &tally) }
      fold.pointee.fold(entry.event, payload(of: entry), effects + i, tally: &tally)
    }
    if let due = metricFold.pointee.nextBoundary, due <= block.until {
      alerts += metricFold.pointee.advance(to: block.until + 1, tally: &tally)
    }
  }
}

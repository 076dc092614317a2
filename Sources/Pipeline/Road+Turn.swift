import Events
import Glibc
import Kernels
import Learners
import Ports
import Synchronization

/// A turn through the four stages, block by block.
extension Road {
  /// Blocks by which C stays behind U where shards fold side by side: some milliseconds, for so long a thread may have
  /// to leave its processor to others before the next one waits for it.
  private static let blocksBehind = 8
  /// Blocks whose effects are kept. Whoever writes those of block k has met all shards at k - 1 - ``blocksBehind``; each
  /// of them had then folded its titles up to ``blocksBehind`` + 1 before that. For metrics it waits.
  private static let blocksKept = 2 * blocksBehind + 2
  /// Fewer blocks are not worth waking the other shards' threads.
  private static let leastBlocks = 3

  /// A run of a turn's entries with their effects, as all stages see it.
  private struct Block {
    var entries: UnsafeBufferPointer<UnsafeMutablePointer<Entry>>
    var effects: UnsafeMutablePointer<Effect>
    /// Index in the turn of its first entry.
    var start: Int
    /// Behind it timers run up to here: the turn's idle frontier in its last block.
    var until: Int64
  }

  private struct Blocks {
    var order: UnsafeBufferPointer<UnsafeMutablePointer<Entry>>
    var effects: UnsafeMutablePointer<Effect>
    var idleFrontier: Int64
    var blockLimit: Int
    /// One at least: timers run without entries too.
    var count: Int { max(1, (order.count + blockLimit - 1) / blockLimit) }

    subscript(number: Int) -> Block {
      let start = number * blockLimit
      let end = min(start + blockLimit, order.count)
      return Block(
        entries: UnsafeBufferPointer(rebasing: order[start..<end]),
        effects: effects + number % Road.blocksKept * blockLimit, start: start,
        until: end == order.count ? idleFrontier : .min)
    }
  }

  /// Folds a turn in its order.
  func fold(_ order: [UnsafeMutablePointer<Entry>], idleFrontier: Int64, turn: UInt64) -> Outcome {
    makeRoom()
    if effects.isEmpty { effects = Array(repeating: Effect(), count: Self.blocksKept * options.blockLimit) }
    if sweeps.isEmpty { sweeps = Array(repeating: sweep, count: Self.blocksKept) }
    var outcome = Outcome()
    arms?.begin(order.count)
    order.withUnsafeBufferPointer { order in
      effects.withUnsafeMutableBufferPointer { effects in
        let blocks = Blocks(
          order: order, effects: effects.baseAddress.unsafelyUnwrapped, idleFrontier: idleFrontier,
          blockLimit: options.blockLimit)
        if shards > 1, exchange.shards == shards, blocks.count >= Self.leastBlocks {
          foldSideBySide(blocks, turn, &outcome)
        } else {
          foldAlone(blocks, &outcome)
        }
      }
    }
    arms?.end()
    lastMergeTime = max(lastMergeTime, outcome.lastMergeTime, idleFrontier)
    sweep.advance(beyond: max(outcome.lastMergeTime == .min ? .min : outcome.lastMergeTime - 1, idleFrontier))
    return outcome
  }

  /// Every block through all stages before the next enters the first, all on the road's thread.
  private func foldAlone(_ blocks: Blocks, _ outcome: inout Outcome) {
    for number in 0..<blocks.count {
      let block = blocks[number]
      sequence(block, number, &outcome)
      for shard in 0..<shards { foldViewers(block, shard) }
      for shard in 0..<shards { foldTitles(block, number, shard) }
      foldMetrics(block, &outcome.alerts)
      if pendingFolds != nil { outcome.resolved += foldModels() }
    }
    if let arms, arms.foldsHere { for shard in 0..<shards { arms.fold(shard: shard) } }
  }

  /// Each shard goes through the blocks by itself; the road's thread also brings them into order. Data runs one way, so
  /// nobody waits but for what others leave, and who has to wait folds metrics meanwhile.
  private func foldSideBySide(_ blocks: Blocks, _ turn: UInt64, _ outcome: inout Outcome) {
    let metrics = MetricBlocks()
    exchange.run(turn: turn) { shard in
      for step in 0..<(blocks.count + Self.blocksBehind) {
        if step < blocks.count {
          let block = blocks[step]
          wait(blocks, metrics) { metrics.folded.load(ordering: .acquiring) > step - Self.blocksKept }
          if shard == 0 {
            sequence(block, step, &outcome)
            exchange.leave(.order, by: 0)
          } else {
            wait(blocks, metrics) { exchange.blocks(.order) > step }
          }
          foldViewers(block, shard)
          exchange.leave(.viewer, by: shard)
        }
        let behind = step - Self.blocksBehind
        guard behind >= 0 else { continue }
        wait(blocks, metrics) { exchange.blocks(.viewer) > behind }
        foldTitles(blocks[behind], behind, shard)
      }
      wait(blocks, metrics) { metrics.folded.load(ordering: .acquiring) == blocks.count }
      if let arms, arms.foldsHere { arms.fold(shard: shard) }
    }
    outcome.alerts += metrics.alerts
    if pendingFolds != nil { outcome.resolved += foldModels() }
  }

  /// Metrics of a turn's blocks: one at a time in their order, by whichever shard comes.
  private final class MetricBlocks {
    let folded = Atomic<Int>(0)
    let isTaken = Atomic<Bool>(false)
    var alerts: [DriftAlert] = []
  }

  private func wait(_ blocks: Blocks, _ metrics: MetricBlocks, until isThere: () -> Bool) {
    var looks = 0
    while !isThere() {
      if foldNextMetrics(blocks, metrics) {
        looks = 0
      } else if looks < Self.looksBeforeSleep {
        looks += 1
        if looks % Self.looksBeforeYield == 0 { sched_yield() } else { pauseBriefly() }
      } else {
        usleep(20)
      }
    }
  }
  /// Some microseconds: then whoever else wants the processor may have it.
  private static let looksBeforeYield = 128
  /// As long as a block takes about: a sleep takes no shorter.
  private static let looksBeforeSleep = 8192

  private func foldNextMetrics(_ blocks: Blocks, _ metrics: MetricBlocks) -> Bool {
    func isReady() -> Bool {
      let next = metrics.folded.load(ordering: .acquiring)
      return next < blocks.count && exchange.blocks(.viewer) > next
    }
    guard isReady(), !metrics.isTaken.exchange(true, ordering: .acquiring) else { return false }
    defer { metrics.isTaken.store(false, ordering: .releasing) }
    guard isReady() else { return false }
    foldMetrics(blocks[metrics.folded.load(ordering: .relaxed)], &metrics.alerts)
    metrics.folded.add(1, ordering: .releasing)
    return true
  }

  private func makeRoom() {
    viewers.reserve(ids.viewers.count)
    titles.reserve(ids.titles.count)
    catalog.reserve(ids.titles.count)
  }

  // MARK: S

  private func sequence(_ block: Block, _ number: Int, _ outcome: inout Outcome) {
    let order = block.entries
    for i in order.indices {
      if i + Self.entriesAhead < order.count { prefetch(order[i + Self.entriesAhead], bytes: 128) }
      if i + Self.idsAhead < order.count { dedup.prefetch(order[i + Self.idsAhead].event.pointee.idHash) }
      let entry = order[i]
      if shards > 1 { entry.pointee.owner = owner(ofViewer: entry.event.pointee.viewer) }
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
    sweeps[number % Self.blocksKept] = sweep
    sweep.advance(beyond: outcome.lastMergeTime == .min ? .min : outcome.lastMergeTime - 1)
  }

  /// Events without a viewer are shard 0's.
  private func owner(ofViewer slot: UInt32) -> UInt8 { slot == Event.none ? 0 : UInt8(shard(ofViewer: slot)) }

  /// A watch that says only how long, of a title whose length nobody knows: no completion follows from it. Judged
  /// here, where the catalog is the plan's, and not while decoding.
  private func lacksCompletion(_ entry: UnsafeMutablePointer<Entry>) -> Bool {
    let event = entry.event
    guard event.pointee.kind == .watch, event.pointee.payloadCount > 0, Intake.needsRuntime(event) else { return false }
    return catalog.title(event.pointee.title).pointee.runtimeMinutes <= 0
  }

  // MARK: U

  private func foldViewers(_ block: Block, _ shard: Int) {
    let order = block.entries
    let fold = viewerFolds + shard
    let pending = pendingFolds.map { $0 + shard }
    var tally = shardTallies[shard]
    for i in order.indices {
      if i + Self.rowsAhead < order.count, isOwn(order[i + Self.rowsAhead], shard) {
        fold.pointee.prefetchRows(order[i + Self.rowsAhead].event)
      }
      if i + Self.vectorsAhead < order.count, isOwn(order[i + Self.vectorsAhead], shard) {
        fold.pointee.prefetchVector(order[i + Self.vectorsAhead].event)
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

  /// How many events before its own a row, and a title's vector, are asked for.
  private static let rowsAhead = 16
  private static let vectorsAhead = 8
  private static let idsAhead = 12
  private static let entriesAhead = 24

  @inline(__always)
  private func isOwn(_ entry: UnsafeMutablePointer<Entry>, _ shard: Int) -> Bool {
    shards == 1 || Int(entry.pointee.owner) == shard
  }

  @inline(__always)
  private func payload(of entry: UnsafeMutablePointer<Entry>) -> Payload {
    entry.event.pointee.payloadCount == 0 ? .empty : Chunk.holding(entry).payload(of: entry.event)
  }

  // MARK: C

  private func foldTitles(_ block: Block, _ number: Int, _ shard: Int) {
    let order = block.entries
    let fold = titleFolds + shard
    var timer = sweeps[number % Self.blocksKept]
    for i in order.indices {
      if i + Self.rowsAhead < order.count { fold.pointee.prefetchRow(order[i + Self.rowsAhead].event) }
      let entry = order[i]
      guard entry.pointee.role == .event else { continue }
      while let due = timer.due(before: entry.event.pointee.mergeTime) { run(sweepAt: due, fold, shard) }
      if entry.event.pointee.kind == .impression {
        foldItems(entry, block.effects[i].flags, fold)
      } else if entry.event.pointee.title != Event.none {
        guard shards == 1 || fold.pointee.owns(entry.event.pointee.title) else { continue }
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
  private func foldModels() -> [ResolvedItem] {
    guard let pendingFolds, let models else { return [] }
    guard (0..<shards).contains(where: { !pendingFolds[$0].taught.lessons.isEmpty }) else { return [] }
    let resolved = models.learn((0..<shards).map { pendingFolds[$0].taught }, catalog: catalog, ids: ids)
    for shard in 0..<shards { pendingFolds[shard].taught.removeAll() }
    return resolved
  }

  private func foldMetrics(_ block: Block, _ alerts: inout [DriftAlert]) {
    guard options.learn.folds.contains(.metrics) else { return }
    let order = block.entries
    let fold = metricFold
    let effects = UnsafePointer(block.effects)
    for i in order.indices {
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

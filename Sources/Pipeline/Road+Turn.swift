import Events
import Glibc
import Kernels
import Learners
import Synchronization

/// A turn through the four stages, block by block.
extension Road {
  /// Blocks by which C stays behind U where shards fold side by side: some milliseconds, for so long a thread may have
  /// to leave its processor to others before the next one waits for it.
  private static let blocksBehind = 8
  /// Blocks whose effects are kept. Whoever writes those of block k has met all shards at k - 1 - ``blocksBehind``; each
  /// of them had then folded its titles up to ``blocksBehind`` + 1 before that. For metrics it waits.
  static let blocksKept = 2 * blocksBehind + 2
  /// Fewer blocks are not worth waking the other shards' threads.
  private static let leastBlocks = 3

  /// A run of a turn's entries with their effects, as all stages see it.
  struct Block {
    var entries: UnsafeBufferPointer<UnsafeMutablePointer<Entry>>
    var effects: UnsafeMutablePointer<Effect>
    /// Index in the turn of its first entry.
    var start: Int
    /// Where ``Road/sweeps`` holds the sweep as it began.
    var sweep: Int
    /// Behind it timers run up to here: the turn's idle frontier in its last block.
    var until: Int64
  }

  private struct Blocks {
    var order: UnsafeBufferPointer<UnsafeMutablePointer<Entry>>
    var effects: UnsafeMutablePointer<Effect>
    var idleFrontier: Int64
    var blockLimit: Int
    /// Blocks whose effects are kept; one where each goes through all stages before the next.
    var kept: Int
    /// One at least: timers run without entries too.
    var count: Int { max(1, (order.count + blockLimit - 1) / blockLimit) }

    subscript(number: Int) -> Block {
      let start = number * blockLimit
      let end = min(start + blockLimit, order.count)
      return Block(
        entries: UnsafeBufferPointer(rebasing: order[start..<end]),
        effects: effects + number % kept * blockLimit, start: start, sweep: number % kept,
        until: end == order.count ? idleFrontier : .min)
    }
  }

  /// Folds a turn in its order; every id of it has its room (``makeRoom()``).
  func fold(_ order: [UnsafeMutablePointer<Entry>], idleFrontier: Int64, turn: UInt64) -> Outcome {
    var outcome = Outcome()
    arms?.begin(order.count)
    order.withUnsafeBufferPointer { order in
      effects.withUnsafeMutableBufferPointer { effects in
        var blocks = Blocks(
          order: order, effects: effects.baseAddress.unsafelyUnwrapped, idleFrontier: idleFrontier,
          blockLimit: options.blockLimit, kept: 1)
        if hasThreads, blocks.count >= Self.leastBlocks {
          blocks.kept = Self.blocksKept
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
      sequence(block, &outcome)
      for shard in 0..<shards { foldViewers(block, shard) }
      for shard in 0..<shards { foldTitles(block, shard) }
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
            sequence(block, &outcome)
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
        foldTitles(blocks[behind], shard)
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

  /// Rows for every id met so far, those of the next turn among them.
  func makeRoom() {
    viewers.reserve(ids.viewers.count)
    titles.reserve(ids.titles.count)
    catalog.reserve(ids.titles.count)
  }
}

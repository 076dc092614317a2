import Events
import Kernels
import Learners
import Ports

/// The road of one event, stage under stage:
///
///     S  sequence   de-duplicate, count, dead-letter          (road's thread, in order)
///     U  viewer     profile, session, decisions, late rewards  (by viewer)
///     C  content    trust, popularity, trend                  (by title)
///     M  metric     windows, drift alerts, models             (road's thread, in order)
///
/// Data runs one way: U leaves an ``Effect`` beside each event, C and M read only that. A stage that several shards
/// fold touches only rows its shard owns, so one thread and sixteen leave the same bytes. Timers run at their place
/// in the order, between the records before and after them.
public final class Road {
  public let ids: Identities
  public let catalog: Catalog
  public let viewers: ViewerTable
  public let titles: TitleTable
  let options: WorkerOptions
  let shards: Int
  let viewerFolds: UnsafeMutablePointer<ViewerFold>
  let titleFolds: UnsafeMutablePointer<TitleFold>
  let metricFold: UnsafeMutablePointer<MetricFold>
  /// Decisions that wait for rewards, by shard; nil where nobody learns from decisions: then they cost nothing.
  let pendingFolds: UnsafeMutablePointer<PendingFold>?
  /// The models that learn from them.
  let models: ModelTable?
  let dedup: DedupRing
  /// Arms that learn from events; nil = none do.
  let arms: ArmStage?
  var sweep: SweepTimer
  private let exchange: any Exchange
  private var effects: [Effect] = []
  /// Totals of the sequencer and, from ``Manifest``, of earlier starts.
  var tally = Tally()
  var shardTallies: [Tally]
  /// Titles and rows of reference tables that changed since the last save.
  var catalogSaving = DirtySet()
  var sourcesChanged = false
  var savedTitles = 0
  var ringRows: [[UInt8]] = []
  var pendingViewers: [(slot: UInt32, id: [UInt8])] = []
  public internal(set) var loadedBytes = 0
  /// Rows of the batch made last and not handed over yet, and of the one under way to the store.
  var encodedKeys = BatchKeys()
  var inFlightKeys = BatchKeys()
  /// Batches made so far: who comes first in the next one.
  var publishRound = 0
  /// What the latest sweep found to have moved.
  public internal(set) var latestSweep: [UInt32] = []
  let views: FeatureViews
  let historyReader: HistoryReader
  var rankings: Rankings
  /// Greatest merge time folded.
  var lastMergeTime = Int64.min

  struct Outcome {
    var events = 0
    var lastMergeTime = Int64.min
    var lastRecordTime = Int64.min
    var alerts: [DriftAlert] = []
    var deadLetters: [UnsafeMutablePointer<Entry>] = []
    var resolved: [ResolvedItem] = []
  }

  init(options: WorkerOptions, ids: Identities, onOneThread: Bool) {
    self.options = options
    self.ids = ids
    shards = max(1, options.shards)
    catalog = Catalog(dimension: options.learn.dimension)
    viewers = ViewerTable(options: options.learn)
    titles = TitleTable()
    viewerFolds = .allocate(capacity: shards)
    titleFolds = .allocate(capacity: shards)
    metricFold = .allocate(capacity: 1)
    for shard in 0..<shards {
      (viewerFolds + shard).initialize(
        to: ViewerFold(
          table: viewers, catalog: catalog, ids: ids, options: options.learn, shard: shard, of: shards))
      (titleFolds + shard).initialize(
        to: TitleFold(table: titles, catalog: catalog, ids: ids, options: options.learn, shard: shard, of: shards))
    }
    metricFold.initialize(to: MetricFold(catalog: catalog, ids: ids, options: options.learn))
    if let decisions = options.decisions, options.learn.folds.contains(.decisions) {
      let folds = UnsafeMutablePointer<PendingFold>.allocate(capacity: shards)
      for shard in 0..<shards {
        (folds + shard).initialize(
          to: PendingFold(
            decisions, learn: options.learn, ids: ids, catalog: catalog, viewers: viewers, shard: shard, of: shards))
      }
      pendingFolds = folds
      models = ModelTable(decisions)
    } else {
      pendingFolds = nil
      models = nil
    }
    exchange = LocalExchange(shards: onOneThread ? 1 : shards)
    shardTallies = Array(repeating: Tally(), count: shards)
    dedup = DedupRing(windowMs: options.dedupWindowMs, maxBytes: options.dedupMaxBytes)
    arms = options.arms.map {
      ArmStage(
        $0, shards: max(1, options.shards), turnLimit: options.turnLimit,
        expecting: min(options.expectedTitles, $0.most),
        onOneThread: onOneThread)
    }
    sweep = SweepTimer(minute: options.sweepMinute)
    views = FeatureViews(options: options)
    historyReader = HistoryReader(catalog: catalog, options: options.learn)
    rankings = Rankings()
  }

  deinit {
    for shard in 0..<shards {
      (viewerFolds + shard).deinitialize(count: 1)
      (titleFolds + shard).deinitialize(count: 1)
    }
    metricFold.deinitialize(count: 1)
    if let pendingFolds {
      for shard in 0..<shards { (pendingFolds + shard).deinitialize(count: 1) }
      pendingFolds.deallocate()
    }
    viewerFolds.deallocate()
    titleFolds.deallocate()
    metricFold.deallocate()
  }

  func stop() {
    exchange.stop()
    arms?.stop()
  }

  public var learn: LearnOptions { options.learn }
  /// Viewers met so far.
  public var viewerCount: Int { ids.viewers.count }
  /// Titles met so far, in the catalog or in events.
  public var titleCount: Int { ids.titles.count }

  /// The first titles by trust and by trend at a time, ties by id. O(titles).
  public func topTitles(at time: Int64, count: Int) -> (trust: [UInt32], trend: [UInt32]) {
    var trust = FirstTitles(count)
    var trend = FirstTitles(count)
    for slot in 0..<UInt32(min(titles.slots, ids.titles.count)) where titles.row(slot).pointee.isAlive {
      let row = titles.row(slot)
      trust.offer(slot, row.pointee.trust(at: time, catalog.title(slot).pointee, learn.trust).overall, ids)
      trend.offer(slot, row.pointee.trend(at: time, learn), ids)
    }
    return (trust.sorted(ids).map(\.slot), trend.sorted(ids).map(\.slot))
  }

  /// All counters since the state began.
  public var totals: Tally {
    var all = tally
    for shard in shardTallies { all += shard }
    return all
  }

  /// The earliest timer that is due, merge time; nil = none is set.
  var nextTimer: Int64? {
    var due = sweep.next == .max ? nil : sweep.next
    func earliest(_ time: Int64?) { if let time { due = min(due ?? time, time) } }
    earliest(metricFold.pointee.nextBoundary)
    for shard in 0..<shards {
      earliest(viewerFolds[shard].nextTimer)
      if let pendingFolds { earliest(pendingFolds[shard].nextTimer) }
    }
    return due
  }

  /// Entries of a block: theirs and their effects stay in the nearest cache from stage to stage.
  private static let blockSize = 1024

  /// Folds a turn in its order.
  func fold(_ order: [UnsafeMutablePointer<Entry>], idleFrontier: Int64, turn: UInt64) -> Outcome {
    makeRoom()
    var outcome = Outcome()
    // Stages run one way, so a block may have gone through all of them before the next enters the first. Several
    // shards take the turn whole: they wait for each other once a stage.
    let size = shards == 1 ? Self.blockSize : max(1, order.count)
    if effects.count < size { effects = Array(repeating: Effect(), count: max(size, options.turnLimit)) }
    arms?.begin(order.count)
    order.withUnsafeBufferPointer { order in
      effects.withUnsafeMutableBufferPointer { effects in
        var start = 0
        repeat {
          let end = min(start + size, order.count)
          arms?.beginBlock(at: start)
          let block = UnsafeBufferPointer(rebasing: order[start..<end])
          fold(block, effects, until: end == order.count ? idleFrontier : .min, turn, &outcome)
          start = end
        } while start < order.count
      }
    }
    if let arms {
      if arms.foldsHere { eachShard(.title, turn) { arms.fold(shard: $0) } }
      arms.end()
    }
    lastMergeTime = max(lastMergeTime, outcome.lastMergeTime, idleFrontier)
    sweep.advance(beyond: max(outcome.lastMergeTime == .min ? .min : outcome.lastMergeTime - 1, idleFrontier))
    return outcome
  }

  /// One block through all stages; `idleFrontier` is that of the turn in its last block.
  private func fold(
    _ block: UnsafeBufferPointer<UnsafeMutablePointer<Entry>>, _ effects: UnsafeMutableBufferPointer<Effect>,
    until idleFrontier: Int64, _ turn: UInt64, _ outcome: inout Outcome
  ) {
    sequence(block, &outcome)
    if sweep.next == .max, let first = block.first(where: { $0.pointee.role == .event }) {
      sweep.begin(at: first.event.pointee.mergeTime)
    }
    eachShard(.viewer, turn) { self.foldViewers(block, effects, shard: $0, until: idleFrontier) }
    eachShard(.title, turn) { self.foldTitles(block, effects, shard: $0, until: idleFrontier) }
    foldMetrics(block, effects, until: idleFrontier, &outcome.alerts)
    if pendingFolds != nil { outcome.resolved += foldModels() }
    sweep.advance(beyond: outcome.lastMergeTime == .min ? .min : outcome.lastMergeTime - 1)
  }

  private func eachShard(_ stage: ExchangeStage, _ turn: UInt64, _ work: (Int) -> Void) {
    if exchange.shards == shards { return exchange.run(stage, turn: turn, work) }
    for shard in 0..<shards { work(shard) }
  }

  private func makeRoom() {
    viewers.reserve(ids.viewers.count)
    titles.reserve(ids.titles.count)
    catalog.reserve(ids.titles.count)
  }

  // MARK: S

  private func sequence(
    _ order: UnsafeBufferPointer<UnsafeMutablePointer<Entry>>, _ outcome: inout Outcome
  ) {
    for i in order.indices {
      if i + Self.entriesAhead < order.count { prefetch(order[i + Self.entriesAhead], bytes: 128) }
      if i + Self.idsAhead < order.count { dedup.prefetch(order[i + Self.idsAhead].event.pointee.idHash) }
      let entry = order[i]
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
        outcome.lastMergeTime = max(outcome.lastMergeTime, entry.pointee.event.mergeTime)
        outcome.lastRecordTime = max(outcome.lastRecordTime, entry.pointee.event.recordTime)
        if dedup.isRepeated(entry.pointee.event.idHash, at: entry.pointee.event.mergeTime) {
          entry.pointee.event.flags.insert(.duplicate)
        }
      }
    }
  }

  /// A watch that says only how long, of a title whose length nobody knows: no completion follows from it. Judged
  /// here, where the catalog is the plan's, and not while decoding.
  private func lacksCompletion(_ entry: UnsafeMutablePointer<Entry>) -> Bool {
    let event = entry.event
    guard event.pointee.kind == .watch, event.pointee.payloadCount > 0, Intake.needsRuntime(event) else { return false }
    return catalog.title(event.pointee.title).pointee.runtimeMinutes <= 0
  }

  // MARK: U

  private func foldViewers(
    _ order: UnsafeBufferPointer<UnsafeMutablePointer<Entry>>, _ effects: UnsafeMutableBufferPointer<Effect>,
    shard: Int, until idleFrontier: Int64
  ) {
    let fold = viewerFolds + shard
    let pending = pendingFolds.map { $0 + shard }
    var tally = shardTallies[shard]
    for i in order.indices {
      if i + Self.rowsAhead < order.count { fold.pointee.prefetchRows(order[i + Self.rowsAhead].event) }
      if i + Self.vectorsAhead < order.count { fold.pointee.prefetchVector(order[i + Self.vectorsAhead].event) }
      let entry = order[i]
      guard entry.pointee.role == .event else { continue }
      if let due = fold.pointee.nextTimer, due < entry.event.pointee.mergeTime {
        _ = fold.pointee.advance(to: entry.event.pointee.mergeTime)
      }
      if let pending, let due = pending.pointee.nextTimer, due < entry.event.pointee.mergeTime {
        pending.pointee.advance(to: entry.event.pointee.mergeTime, entry: i, &tally)
      }
      guard shards == 1 || owns(entry.event.pointee.viewer, shard) else { continue }
      arms?.note(i, entry.event, viewers, catalog)
      fold.pointee.fold(entry.event, payload(of: entry), into: &effects[i], tally: &tally)
      arms?.complete(i, entry.event, effects[i], viewers, ids)
      if let pending { pending.pointee.fold(entry.event, payload(of: entry), effects[i], entry: i, &tally) }
    }
    if let due = fold.pointee.nextTimer, due <= idleFrontier { _ = fold.pointee.advance(to: idleFrontier + 1) }
    if let pending, let due = pending.pointee.nextTimer, due <= idleFrontier {
      pending.pointee.advance(to: idleFrontier + 1, entry: order.count, &tally)
    }
    shardTallies[shard] = tally
  }

  /// How many events before its own a row, and a title's vector, are asked for.
  private static let rowsAhead = 16
  private static let vectorsAhead = 8
  private static let idsAhead = 12
  private static let entriesAhead = 24

  @inline(__always)
  private func payload(of entry: UnsafeMutablePointer<Entry>) -> Payload {
    entry.event.pointee.payloadCount == 0 ? .empty : Chunk.holding(entry).payload(of: entry.event)
  }

  /// Events without a viewer are shard 0's.
  private func owns(_ slot: UInt32, _ shard: Int) -> Bool {
    slot == Event.none ? shard == 0 : viewerFolds[shard].owns(slot)
  }

  // MARK: C

  private func foldTitles(
    _ order: UnsafeBufferPointer<UnsafeMutablePointer<Entry>>, _ effects: UnsafeMutableBufferPointer<Effect>,
    shard: Int, until idleFrontier: Int64
  ) {
    let fold = titleFolds + shard
    var timer = sweep
    for i in order.indices {
      if i + Self.rowsAhead < order.count { fold.pointee.prefetchRow(order[i + Self.rowsAhead].event) }
      let entry = order[i]
      guard entry.pointee.role == .event else { continue }
      while let due = timer.due(before: entry.event.pointee.mergeTime) { run(sweepAt: due, fold, shard) }
      if entry.event.pointee.kind == .impression {
        foldItems(entry, effects[i].flags, fold)
      } else if entry.event.pointee.title != Event.none {
        guard shards == 1 || fold.pointee.owns(entry.event.pointee.title) else { continue }
        fold.pointee.fold(entry.event, payload(of: entry), effects.baseAddress.unsafelyUnwrapped + i)
      }
    }
    while let due = timer.due(before: idleFrontier == .min ? .min : idleFrontier + 1) { run(sweepAt: due, fold, shard) }
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
    let moved = fold.pointee.sweep(at: time)
    if shards == 1 { latestSweep = moved }
  }

  // MARK: M

  /// Models learn what the turn's decisions taught, in the one order.
  private func foldModels() -> [ResolvedItem] {
    guard let pendingFolds, let models else { return [] }
    guard (0..<shards).contains(where: { !pendingFolds[$0].taught.lessons.isEmpty }) else { return [] }
    let resolved = models.learn((0..<shards).map { pendingFolds[$0].taught }, catalog: catalog, ids: ids)
    for shard in 0..<shards { pendingFolds[shard].taught.removeAll() }
    return resolved
  }

  private func foldMetrics(
    _ order: UnsafeBufferPointer<UnsafeMutablePointer<Entry>>, _ effects: UnsafeMutableBufferPointer<Effect>,
    until idleFrontier: Int64, _ alerts: inout [DriftAlert]
  ) {
    guard options.learn.folds.contains(.metrics) else { return }
    let fold = metricFold
    let effects = UnsafePointer(effects.baseAddress.unsafelyUnwrapped)
    for i in order.indices {
      if i + Self.rowsAhead < order.count { fold.pointee.prefetchNode(order[i + Self.rowsAhead].event) }
      if i + Self.vectorsAhead < order.count { fold.pointee.prefetchCell(order[i + Self.vectorsAhead].event) }
      let entry = order[i]
      guard entry.pointee.role == .event else { continue }
      let time = entry.event.pointee.mergeTime
      if fold.pointee.isDue(before: time) { alerts += fold.pointee.advance(to: time, tally: &tally) }
      fold.pointee.fold(entry.event, payload(of: entry), effects + i, tally: &tally)
    }
    if let due = metricFold.pointee.nextBoundary, due <= idleFrontier {
      alerts += metricFold.pointee.advance(to: idleFrontier + 1, tally: &tally)
    }
  }
}

/// When the daily sweep of trust runs: at one minute of the UTC day, by merge time.
struct SweepTimer {
  private static let day: Int64 = 86_400_000
  private let minute: Int64?
  /// Next time it is due; `Int64.max` = not before the first event, or never.
  var next = Int64.max

  init(minute: Int?) { self.minute = minute.map(Int64.init) }

  /// Sets the first one from the first event's merge time.
  mutating func begin(at time: Int64) {
    guard next == .max, let minute else { return }
    let start = time - ((time % Self.day) + Self.day) % Self.day
    next = start + minute * 60_000
    if next < time { next += Self.day }
  }

  /// The last one due before this time, if any is; a jump over several sweeps once, at the last.
  mutating func due(before time: Int64) -> Int64? {
    guard next != .max, next < time else { return nil }
    let due = next + (time - 1 - next) / Self.day * Self.day
    next = due + Self.day
    return due
  }

  /// Takes over what the shards have run.
  mutating func advance(beyond time: Int64) {
    guard time != .min else { return }
    _ = due(before: time == .max ? time : time + 1)
  }
}

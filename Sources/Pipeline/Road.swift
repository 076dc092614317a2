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
  let exchange: any Exchange
  var effects: [Effect]
  /// The sweep as each block under way began with it.
  var sweeps: [SweepTimer]
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
  /// What the shards behind the first one encode of a batch.
  var publishParts: [PublishPart]
  /// What the latest sweep found to have moved, by shard.
  var shardSweeps: [[UInt32]]
  var views: FeatureViews
  /// One a shard.
  let historyReaders: [HistoryReader]
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
    shardSweeps = Array(repeating: [], count: shards)
    dedup = DedupRing(windowMs: options.dedupWindowMs, maxBytes: options.dedupMaxBytes)
    arms = options.arms.map {
      ArmStage(
        $0, shards: max(1, options.shards), turnLimit: options.turnLimit,
        expecting: min(options.expectedTitles, $0.most),
        onOneThread: onOneThread)
    }
    sweep = SweepTimer(minute: options.sweepMinute)
    let blocks = shards == 1 ? 1 : Self.blocksKept
    effects = Array(repeating: Effect(), count: blocks * options.blockLimit)
    sweeps = Array(repeating: sweep, count: blocks)
    views = FeatureViews(options: options)
    let catalog = catalog
    historyReaders = (0..<shards).map { _ in HistoryReader(catalog: catalog, options: options.learn) }
    publishParts = Array(repeating: PublishPart(), count: shards - 1)
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
  /// Shards have a thread each; else the road's thread does the work of all of them, one after the other.
  var hasThreads: Bool { shards > 1 && exchange.shards == shards }
  /// Fewer rows are not worth waking the other shards' threads.
  static let rowsSideBySide = 512
  /// The same for rows that are encoded instead of copied, which takes ten times as long.
  static let encodedSideBySide = 128
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

  /// Titles that the latest sweep found to have moved, ascending.
  public var latestSweep: [UInt32] { shardSweeps.joined().sorted() }

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

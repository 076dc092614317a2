import Events
import Kernels

/// Stage M: metrics per global, genre and title in buckets of merge time, judged at every bucket's border (F1,
/// decision 37), and the trend of genres.
///
/// One owner. Before an event is folded, ``advance(to:tally:)`` must have run with its merge time where
/// ``isDue(before:)`` says so.
///
/// - Complexity: O(genres) an event; a boundary costs O(live scopes).
public struct MetricFold: ~Copyable {
  public let options: LearnOptions
  let drift: DriftOptions
  let catalog: Catalog
  let ids: Identities
  /// By number; those that left are not live, and their numbers are given out again.
  let nodes = RowChunks<MetricNode>()
  var nodeCount: UInt32 = 0
  var free: [UInt32] = []
  let global: UInt32 = 0
  /// Numbers of nodes by symbol and by slot, `.max` = none.
  var genres = Run<UInt32>()
  var titles = Run<UInt32>()
  var touches: UInt64 = 0
  var bytes = 0
  /// Who leaves next, once anybody has to.
  var leaving = LeavingTitles()
  /// Next border to judge, unix ms; 0 before the first event.
  var boundary: Int64 = 0
  var lastBucket: Int64 = 0
  /// The bucket of the latest event and its first and last moment: most events fall into it.
  private var bucket: (index: UInt32, from: Int64, to: Int64) = (0, 0, -1)
  var genreTrends = Run<GenreTrend>()
  var saving = DirtySet()
  var deleted: [UInt64] = []
  var headIsDirty = true

  public init(catalog: Catalog, ids: Identities, options: LearnOptions) {
    self.options = options
    drift = options.drift
    self.catalog = catalog
    self.ids = ids
    _ = make(0)
  }

  deinit {
    for number in 0..<nodeCount { nodes.row(number).pointee.free() }
    nodes.free()
    var (titles, genres, trends) = (titles, genres, genreTrends)
    titles.free()
    genres.free()
    trends.free()
  }

  /// The border that is judged next: a timer of the total order, run after every record at its time. Unix ms.
  public var nextBoundary: Int64? { mutating get { boundary > 0 ? boundary : nil } }

  /// Bytes that titles' series take.
  public var byteCount: Int { bytes }

  /// Folds what an event means for the metrics.
  public mutating func fold(
    _ event: UnsafePointer<Event>, _ payload: Payload, _ effect: UnsafePointer<Effect>, tally: inout Tally
  ) {
    guard effect.pointee.flags.contains(.folded) else { return }
    switch event.pointee.kind {
    case .impression:
      guard let items = payload.field(.items), let base = items.baseAddress else { return }
      let sample = MetricCell(index: bucket(of: event.pointee.mergeTime), count: 1)
      for index in 0..<(items.count / ShownItem.byteCount) {
        let item = ShownItem(reading: base + index * ShownItem.byteCount)
        if item.counted { add(sample, .ctr, item.title, &tally) }
      }
    case .click:
      if effect.pointee.flags.contains(.countedClick) {
        let sample = MetricCell(index: bucket(of: event.pointee.mergeTime), sum: 1, squares: 1)
        add(sample, .ctr, event.pointee.title, &tally)
      }
      if event.pointee.title != Event.none { trend(event, effect) }
    case .watch:
      guard effect.pointee.flags.contains(.watch) else { return }
      let fine = Int64(Elementary.nearest(effect.pointee.completion * 16_777_216))
      let coarse = Int64(Elementary.nearest(effect.pointee.completion * 65_536))
      let sample = MetricCell(
        index: bucket(of: event.pointee.mergeTime), count: 1, sum: fine, squares: coarse * coarse)
      add(sample, .completionRate, event.pointee.title, &tally)
      trend(event, effect)
    case .rate:
      let half = Int64(event.pointee.rate)
      let sample = MetricCell(index: bucket(of: event.pointee.mergeTime), count: 1, sum: half, squares: half * half)
      add(sample, .averageRating, event.pointee.title, &tally)
    default: break
    }
  }

  /// The same for an event in hand.
  public mutating func fold(_ event: Event, _ payload: Payload, _ effect: Effect, tally: inout Tally) {
    withUnsafePointer(to: event) { event in
      withUnsafePointer(to: effect) { fold(event, payload, $0, tally: &tally) }
    }
  }

  /// Asks for the node of an event's title and for the series that it will change, some events ahead.
  @inline(__always)
  public mutating func prefetchNode(_ event: UnsafePointer<Event>) {
    guard let (node, metric) = target(event) else { return }
    prefetch(node.head, bytes: 32)
    prefetch(node.series(metric), bytes: 32)
    prefetchShared(catalog.title(event.pointee.title), bytes: 32)
  }

  /// Asks for the cell of that series, and for the genres: a few events ahead, when the node and the facts have come.
  @inline(__always)
  public mutating func prefetchCell(_ event: UnsafePointer<Event>) {
    guard let (node, metric) = target(event) else { return }
    if let genres = catalog.title(event.pointee.title).pointee.genreSymbols.baseAddress {
      prefetchShared(genres, bytes: 16)
    }
    guard let newest = node.series(metric).pointee.newest else { return }
    prefetch(newest, bytes: 24)
  }

  /// Decayed clicks and watches of a genre's titles at a time.
  public func trend(genre symbol: UInt16, at time: Int64) -> Double {
    guard Int(symbol) < genreTrends.count else { return 0 }
    let trend = genreTrends[Int(symbol)]
    return trend.sum * Elementary.exp(-Double(time - trend.at) / options.trendTauMs)
  }

  /// Whether ``advance(to:tally:)`` has anything to do at this merge time.
  @inline(__always)
  public mutating func isDue(before mergeTime: Int64) -> Bool { boundary < mergeTime || boundary == 0 }

  /// Runs every border before `mergeTime` and gives the alerts that fire or resolve, by border, then by alert id.
  ///
  /// Borders at which nothing can be judged are stepped over in one.
  public mutating func advance(to mergeTime: Int64, tally: inout Tally) -> [DriftAlert] {
    let width = drift.bucketMs
    if boundary == 0 {
      boundary = (mergeTime / width + 1) * width
      headIsDirty = true
    }
    guard boundary < mergeTime else { return [] }
    headIsDirty = true
    var alerts: [DriftAlert] = []
    while boundary < mergeTime {
      let step = boundary
      if step / width <= lastBucket + Int64(drift.currentBuckets) + 1 {
        judge(at: step, &alerts)
        boundary = step + width
        continue
      }
      // Every current window is empty: only an alert left unjudged for too long can still change.
      guard let due = oldestJudged().map({ $0 + drift.unjudgedMs }) else {
        boundary = (mergeTime + width - 1) / width * width
        break
      }
      boundary = max(step, (due + width - 1) / width * width)
      guard boundary < mergeTime else {
        boundary = (mergeTime + width - 1) / width * width
        break
      }
      judge(at: boundary, &alerts)
      boundary += width
    }
    return alerts
  }

  /// The node and the series that an event will change, where its title has one.
  @inline(__always)
  private mutating func target(
    _ event: UnsafePointer<Event>
  ) -> (UnsafeMutablePointer<MetricNode>, DriftMetric)? {
    let metric: DriftMetric
    switch event.pointee.kind {
    case .click: metric = .ctr
    case .watch: metric = .completionRate
    case .rate: metric = .averageRating
    default: return nil
    }
    guard Int(event.pointee.title) < titles.count else { return nil }
    let number = titles[Int(event.pointee.title)]
    return number == .max ? nil : (nodes.row(number), metric)
  }

  /// Merge time over the width of a bucket.
  @inline(__always)
  private mutating func bucket(of time: Int64) -> UInt32 {
    if time >= bucket.from, time <= bucket.to { return bucket.index }
    let index = time / drift.bucketMs
    bucket.index = UInt32(truncatingIfNeeded: index)
    // Times before 1970 are rounded towards it: they share no bucket's span.
    bucket.from = time >= 0 ? index * drift.bucketMs : 0
    bucket.to = time >= 0 ? bucket.from + drift.bucketMs - 1 : -1
    return bucket.index
  }

  private mutating func trend(_ event: UnsafePointer<Event>, _ effect: UnsafePointer<Effect>) {
    guard effect.pointee.trendWeight > 0 else { return }
    for genre in catalog.title(event.pointee.title).pointee.genreSymbols {
      while genreTrends.count <= Int(genre) { genreTrends.append(GenreTrend()) }
      let trend = genreTrends.base.unsafelyUnwrapped + Int(genre)
      TitleRow.decayed(
        &trend.pointee.sum, &trend.pointee.at, add: effect.pointee.trendWeight, time: event.pointee.time,
        tau: options.trendTauMs)
    }
    headIsDirty = true
  }

  /// Adds to the scopes that a title belongs to: all, its genres, itself.
  private mutating func add(_ sample: MetricCell, _ metric: DriftMetric, _ title: UInt32, _ tally: inout Tally) {
    lastBucket = max(lastBucket, Int64(sample.index))
    _ = put(sample, metric, global)
    guard title != Event.none else { return }
    for genre in catalog.title(title).pointee.genreSymbols { _ = put(sample, metric, node(ofGenre: genre)) }
    let number = node(ofTitle: title)
    bytes += put(sample, metric, number)
    touches += 1
    nodes.row(number).pointee.touched = touches
    if bytes > drift.maxBytes { evict(sparing: number, &tally) }
  }

  /// Bytes by which the node has grown.
  @inline(__always)
  private mutating func put(_ sample: MetricCell, _ metric: DriftMetric, _ number: UInt32) -> Int {
    let node = nodes.row(number)
    node.pointee.bucket = sample.index
    saving.mark(number)
    return node.series(metric).pointee.add(sample) ? MemoryLayout<MetricCell>.stride : 0
  }

  @inline(__always)
  private mutating func node(ofGenre symbol: UInt16) -> UInt32 {
    if Int(symbol) < genres.count, genres[Int(symbol)] != .max { return genres[Int(symbol)] }
    while genres.count <= Int(symbol) { genres.append(.max) }
    genres[Int(symbol)] = make(1 << 32 | UInt64(symbol))
    return genres[Int(symbol)]
  }

  @inline(__always)
  private mutating func node(ofTitle slot: UInt32) -> UInt32 {
    if Int(slot) < titles.count, titles[Int(slot)] != .max { return titles[Int(slot)] }
    while titles.count <= Int(slot) { titles.append(.max) }
    titles[Int(slot)] = make(2 << 32 | UInt64(slot))
    bytes += MetricNode.rowBudget
    return titles[Int(slot)]
  }

  @inline(never)
  mutating func make(_ key: UInt64) -> UInt32 {
    let number = free.popLast() ?? nodeCount
    if number == nodeCount {
      _ = nodes.make(Int(number >> 12))
      nodeCount += 1
    }
    nodes.row(number).initialize(to: MetricNode(key: key))
    return number
  }
}

/// Decayed clicks and watches of a genre's titles.
struct GenreTrend: BitwiseCopyable {
  var sum = 0.0
  /// Where the sum stands, unix ms; 0 = nothing yet.
  var at: Int64 = 0
}

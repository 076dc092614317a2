import Events
import Kernels

/// Stage M: metrics per global, genre and title in buckets of merge time, judged at every bucket's border (F1,
/// decision 37), and the trend of genres.
///
/// One owner. Before an event is folded, ``advance(to:tally:)`` must have run with its merge time.
///
/// - Complexity: O(genres) an event; a boundary costs O(live scopes).
public struct MetricFold: ~Copyable {
  public let options: LearnOptions
  let drift: DriftOptions
  let catalog: Catalog
  let ids: Identities
  var nodes: ContiguousArray<MetricNode> = []
  var free: [UInt32] = []
  var global: UInt32
  var genres: ContiguousArray<UInt32> = []
  var titles: ContiguousArray<UInt32> = []
  /// Titles' nodes from the longest untouched to the newest.
  var oldest = UInt32.max
  var newest = UInt32.max
  var touches: UInt64 = 0
  var bytes = 0
  /// Next border to judge, unix ms; 0 before the first event.
  var boundary: Int64 = 0
  var lastBucket: Int64 = 0
  var genreTrends: ContiguousArray<(sum: Double, at: Int64)> = []
  var saving = DirtySet()
  var deleted: [UInt64] = []
  var headIsDirty = true

  public init(catalog: Catalog, ids: Identities, options: LearnOptions) {
    self.options = options
    drift = options.drift
    self.catalog = catalog
    self.ids = ids
    nodes.append(MetricNode(key: 0))
    global = 0
  }

  deinit {
    for var node in nodes { node.free() }
  }

  /// The border that is judged next: a timer of the total order, run after every record at its time. Unix ms.
  public var nextBoundary: Int64? { mutating get { boundary > 0 ? boundary : nil } }

  /// Bytes that titles' series take.
  public var byteCount: Int { bytes }

  /// Folds what an event means for the metrics.
  public mutating func fold(_ event: Event, _ payload: Payload, _ effect: Effect, tally: inout Tally) {
    guard effect.flags.contains(.folded) else { return }
    let bucket = UInt32(truncatingIfNeeded: event.mergeTime / drift.bucketMs)
    switch event.kind {
    case .impression:
      guard let items = payload.field(.items), let base = items.baseAddress else { return }
      for index in 0..<(items.count / ShownItem.byteCount) {
        let item = ShownItem(reading: base + index * ShownItem.byteCount)
        if item.counted { add(.ctr, item.title, bucket, count: 1, sum: 0, squares: 0, &tally) }
      }
    case .click:
      if effect.flags.contains(.countedClick) { add(.ctr, event.title, bucket, count: 0, sum: 1, squares: 1, &tally) }
      if event.title != Event.none { trend(event, effect) }
    case .watch:
      guard effect.flags.contains(.watch) else { return }
      let fine = Int64((effect.completion * 16_777_216).rounded(.toNearestOrEven))
      let coarse = Int64((effect.completion * 65_536).rounded(.toNearestOrEven))
      add(.completionRate, event.title, bucket, count: 1, sum: fine, squares: coarse * coarse, &tally)
      trend(event, effect)
    case .rate:
      let half = Int64(event.rate)
      add(.averageRating, event.title, bucket, count: 1, sum: half, squares: half * half, &tally)
    default: break
    }
  }

  /// Decayed clicks and watches of a genre's titles at a time.
  public func trend(genre symbol: UInt16, at time: Int64) -> Double {
    guard Int(symbol) < genreTrends.count else { return 0 }
    let trend = genreTrends[Int(symbol)]
    return trend.sum * Elementary.exp(-Double(time - trend.at) / options.trendTauMs)
  }

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

  private mutating func trend(_ event: Event, _ effect: Effect) {
    guard effect.trendWeight > 0 else { return }
    for genre in catalog.title(event.title).pointee.genreSymbols {
      while genreTrends.count <= Int(genre) { genreTrends.append((0, 0)) }
      var trend = genreTrends[Int(genre)]
      TitleRow.decayed(
        &trend.sum, &trend.at, add: effect.trendWeight, time: event.time, tau: options.trendTauMs)
      genreTrends[Int(genre)] = trend
    }
    headIsDirty = true
  }

  private mutating func add(
    _ metric: DriftMetric, _ title: UInt32, _ bucket: UInt32, count: UInt32, sum: Int64, squares: Int64,
    _ tally: inout Tally
  ) {
    lastBucket = max(lastBucket, Int64(bucket))
    put(global, metric, bucket, count, sum, squares)
    guard title != Event.none else { return }
    for genre in catalog.title(title).pointee.genreSymbols {
      while genres.count <= Int(genre) { genres.append(.max) }
      if genres[Int(genre)] == .max { genres[Int(genre)] = make(1 << 32 | UInt64(genre)) }
      put(genres[Int(genre)], metric, bucket, count, sum, squares)
    }
    while titles.count <= Int(title) { titles.append(.max) }
    if titles[Int(title)] == .max {
      titles[Int(title)] = make(2 << 32 | UInt64(title))
      bytes += MemoryLayout<MetricNode>.stride
    } else {
      unlink(titles[Int(title)])
    }
    let node = titles[Int(title)]
    let before = nodes[Int(node)].byteCount
    put(node, metric, bucket, count, sum, squares)
    bytes += nodes[Int(node)].byteCount - before
    touches += 1
    nodes[Int(node)].touched = touches
    link(node)
    if bytes > drift.maxBytes { evict(sparing: node, &tally) }
  }

  private mutating func put(
    _ node: UInt32, _ metric: DriftMetric, _ bucket: UInt32, _ count: UInt32, _ sum: Int64, _ squares: Int64
  ) {
    nodes[Int(node)].bucket = bucket
    nodes[Int(node)].with(metric) { $0.add(bucket, count: count, sum: sum, squares: squares) }
    saving.mark(node)
  }

  mutating func make(_ key: UInt64) -> UInt32 {
    if let node = free.popLast() {
      nodes[Int(node)] = MetricNode(key: key)
      return node
    }
    nodes.append(MetricNode(key: key))
    return UInt32(nodes.count - 1)
  }

  mutating func link(_ node: UInt32) {
    nodes[Int(node)].older = newest
    nodes[Int(node)].newer = .max
    if newest != .max { nodes[Int(newest)].newer = node } else { oldest = node }
    newest = node
  }

  private mutating func unlink(_ node: UInt32) {
    let (older, newer) = (nodes[Int(node)].older, nodes[Int(node)].newer)
    if older != .max { nodes[Int(older)].newer = newer } else { oldest = newer }
    if newer != .max { nodes[Int(newer)].older = older } else { newest = older }
  }

  /// Over the bound the title untouched for longest leaves; one whose alert fires stays until it has resolved.
  private mutating func evict(sparing kept: UInt32, _ tally: inout Tally) {
    var node = oldest
    while bytes > drift.maxBytes, node != .max {
      let next = nodes[Int(node)].newer
      if node != kept, !nodes[Int(node)].isFiring {
        drop(node)
        tally.add(.driftEvicted)
      }
      node = next
    }
  }

  mutating func drop(_ node: UInt32) {
    unlink(node)
    let key = nodes[Int(node)].key
    bytes -= nodes[Int(node)].byteCount
    titles[Int(UInt32(truncatingIfNeeded: key))] = .max
    nodes[Int(node)].free()
    nodes[Int(node)].isLive = false
    deleted.append(key)
    free.append(node)
  }
}

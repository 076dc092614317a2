import Kernels

/// Sums of one bucket or hour, 24 bytes.
struct MetricCell: BitwiseCopyable {
  /// Time over the width of the cell.
  var index: UInt32
  var count: UInt32 = 0
  /// Units of the metric.
  var sum: Int64 = 0
  /// Of squares, coarser units.
  var squares: Int64 = 0
}

/// Count, mean and spread of a window.
struct MetricSum: Equatable {
  var count: Int64 = 0
  var sum: Int64 = 0
  var squares: Int64 = 0

  static func += (left: inout MetricSum, cell: MetricCell) {
    left.count += Int64(cell.count)
    left.sum += cell.sum
    left.squares += cell.squares
  }

  func mean(_ metric: DriftMetric) -> Double { count > 0 ? Double(sum) / metric.unit / Double(count) : 0 }

  /// Variance of one sample.
  func variance(_ metric: DriftMetric) -> Double {
    guard count > 0 else { return 0 }
    let mean = mean(metric)
    return max(0, Double(squares) / metric.squareUnit / Double(count) - mean * mean)
  }
}

extension DriftMetric {
  /// Sum units in 1.
  var unit: Double {
    switch self {
    case .ctr: 1
    case .completionRate: 16_777_216
    case .averageRating: 2
    }
  }

  /// Units of squares in 1: for completions coarser, so that two thousand million of them fit.
  var squareUnit: Double {
    switch self {
    case .ctr: 1
    case .completionRate: 4_294_967_296
    case .averageRating: 4
    }
  }
}

/// One metric of one scope: recent buckets, older whole hours, and its alert. 64 bytes.
struct MetricSeries: BitwiseCopyable {
  var recent = Run<MetricCell>()
  /// Samples in the recent buckets: a window of them cannot hold more. Beside them, in one line of the cache.
  private(set) var held: Int64 = 0
  var hours = Run<MetricCell>()
  /// Boundary at which its alert fired, 0 = not firing. Unix ms.
  var firedAt: Int64 = 0
  /// Last boundary at which a firing alert was judged. Unix ms.
  var judgedAt: Int64 = 0
  /// 0 degradation, 1 improvement; 0 relative, 1 undefined baseline.
  var direction: UInt8 = 0
  var kind: UInt8 = 0

  init() {}

  /// As it was saved.
  init(recent: Run<MetricCell>, hours: Run<MetricCell>) {
    self.recent = recent
    self.hours = hours
    for cell in recent.values { held += Int64(cell.count) }
  }

  /// By what it holds, not by what is allocated: a restart must evict the same.
  var byteCount: Int { (recent.count + hours.count) * MemoryLayout<MetricCell>.stride }

  /// The cell that the next event changes, if it falls into the bucket of the latest.
  @inline(__always)
  var newest: UnsafeMutablePointer<MetricCell>? { recent.base.map { $0 + max(0, recent.count - 1) } }

  /// Asks for the cells that ``roll(to:_:)`` reads and the one it adds to.
  @inline(__always)
  func prefetchRuns() {
    if let base = recent.base { prefetch(base, bytes: min(256, recent.count * MemoryLayout<MetricCell>.stride)) }
    if let base = hours.base { prefetch(base + max(0, hours.count - 1), bytes: 24) }
  }

  /// Takes a sample into the bucket it names, the latest or a later one; true where that bucket is new.
  @inline(__always)
  mutating func add(_ sample: MetricCell) -> Bool {
    held += Int64(sample.count)
    guard !recent.isEmpty, let cell = newest, cell.pointee.index == sample.index else {
      recent.append(sample)
      return true
    }
    cell.pointee.count += sample.count
    cell.pointee.sum += sample.sum
    cell.pointee.squares += sample.squares
    return false
  }

  /// Moves buckets that lie wholly before hour `hour` into hours, and drops hours before the baseline; true if there
  /// were any.
  mutating func roll(to hour: Int64, _ options: DriftOptions) -> Bool {
    var moved = 0
    while moved < recent.count {
      let cell = recent[moved]
      let start = Int64(cell.index) * options.bucketMs
      guard start + options.bucketMs <= hour * options.hourMs else { break }
      let index = UInt32(start / options.hourMs)
      if hours.isEmpty || hours[hours.count - 1].index != index { hours.append(MetricCell(index: index)) }
      var whole = hours[hours.count - 1]
      whole.count += cell.count
      whole.sum += cell.sum
      whole.squares += cell.squares
      hours[hours.count - 1] = whole
      held -= Int64(cell.count)
      moved += 1
    }
    recent.removeFirst(moved)
    let first = hour - Int64(options.baselineHours)
    var expired = 0
    while expired < hours.count, Int64(hours[expired].index) < first { expired += 1 }
    hours.removeFirst(expired)
    return moved + expired > 0
  }

  /// Sum of the buckets in [from, to).
  func current(_ from: Int64, _ to: Int64) -> MetricSum {
    var sum = MetricSum()
    for cell in recent.values where Int64(cell.index) >= from && Int64(cell.index) < to { sum += cell }
    return sum
  }

  func baseline(_ from: Int64, _ to: Int64) -> MetricSum {
    var sum = MetricSum()
    for cell in hours.values where Int64(cell.index) >= from && Int64(cell.index) < to { sum += cell }
    return sum
  }

  mutating func free() {
    recent.free()
    hours.free()
  }
}

/// A scope with its three metrics. 224 bytes.
struct MetricNode: BitwiseCopyable {
  /// Bytes of it, its cells aside: what a title counts for under `drift.max_bytes`.
  static let rowBudget = 224

  /// One a metric, by its number: they come first, so that ``series(_:)`` finds them.
  var series = (MetricSeries(), MetricSeries(), MetricSeries())
  /// Kind << 32 | symbol or slot; kind 0 global, 1 genre, 2 content.
  var key: UInt64
  /// Counts touches of titles: the order in which they leave.
  var touched: UInt64 = 0
  /// Hour that its series were rolled to last; not saved, as rolling again changes nothing.
  var rolledTo = Int64.min
  /// Last bucket touched.
  var bucket: UInt32 = 0
  var isLive = true

  init(key: UInt64) { self.key = key }

  var isTitle: Bool { key >> 32 == 2 }
  var isFiring: Bool { series.0.firedAt != 0 || series.1.firedAt != 0 || series.2.firedAt != 0 }
  /// Nothing recent, and no alert.
  var isIdle: Bool { series.0.recent.isEmpty && series.1.recent.isEmpty && series.2.recent.isEmpty && !isFiring }
  var byteCount: Int { Self.rowBudget + series.0.byteCount + series.1.byteCount + series.2.byteCount }

  /// Whether a window of any of its metrics can hold so many samples.
  func holds(_ samples: Int64) -> Bool {
    series.0.held >= samples || series.1.held >= samples || series.2.held >= samples
  }

  /// Asks for what rolling reads.
  @inline(__always)
  func prefetchRuns() {
    series.0.prefetchRuns()
    series.1.prefetchRuns()
    series.2.prefetchRuns()
  }

  mutating func free() {
    series.0.free()
    series.1.free()
    series.2.free()
  }
}

extension UnsafeMutablePointer where Pointee == MetricNode {
  /// What stands behind the series: key, touch, bucket.
  var head: UnsafeRawPointer { UnsafeRawPointer(self) + 3 * MemoryLayout<MetricSeries>.stride }

  @inline(__always)
  func series(_ metric: DriftMetric) -> UnsafeMutablePointer<MetricSeries> {
    UnsafeMutableRawPointer(self).assumingMemoryBound(to: MetricSeries.self) + metric.rawValue
  }
}

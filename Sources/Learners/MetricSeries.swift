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

/// One metric of one scope: recent buckets, older whole hours, and its alert.
struct MetricSeries: BitwiseCopyable {
  var recent = Run<MetricCell>()
  var hours = Run<MetricCell>()
  /// Boundary at which its alert fired, 0 = not firing. Unix ms.
  var firedAt: Int64 = 0
  /// Last boundary at which a firing alert was judged. Unix ms.
  var judgedAt: Int64 = 0
  /// 0 degradation, 1 improvement; 0 relative, 1 undefined baseline.
  var direction: UInt8 = 0
  var kind: UInt8 = 0
  var spare: (UInt16, UInt32) = (0, 0)

  /// By what it holds, not by what is allocated: a restart must evict the same.
  var byteCount: Int { (recent.count + hours.count) * MemoryLayout<MetricCell>.stride }

  mutating func add(_ bucket: UInt32, count: UInt32, sum: Int64, squares: Int64) {
    if recent.isEmpty || recent[recent.count - 1].index != bucket { recent.append(MetricCell(index: bucket)) }
    var cell = recent[recent.count - 1]
    cell.count += count
    cell.sum += sum
    cell.squares += squares
    recent[recent.count - 1] = cell
  }

  /// Moves buckets that lie wholly before hour `hour` into hours, and drops hours before the baseline.
  mutating func roll(to hour: Int64, _ options: DriftOptions) {
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
      moved += 1
    }
    recent.removeFirst(moved)
    let first = hour - Int64(options.baselineHours)
    var expired = 0
    while expired < hours.count, Int64(hours[expired].index) < first { expired += 1 }
    hours.removeFirst(expired)
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

/// A scope with its three metrics, and its place among titles by last touch.
struct MetricNode: BitwiseCopyable {
  /// Kind << 32 | symbol or slot; kind 0 global, 1 genre, 2 content.
  var key: UInt64
  /// Counts touches of titles: the order in which they leave.
  var touched: UInt64 = 0
  /// Last bucket touched.
  var bucket: UInt32 = 0
  var older: UInt32 = .max
  var newer: UInt32 = .max
  var isLive = true
  var series = (MetricSeries(), MetricSeries(), MetricSeries())

  init(key: UInt64) { self.key = key }

  var isFiring: Bool { series.0.firedAt != 0 || series.1.firedAt != 0 || series.2.firedAt != 0 }
  var byteCount: Int {
    MemoryLayout<MetricNode>.stride + series.0.byteCount + series.1.byteCount + series.2.byteCount
  }

  mutating func with<R>(_ metric: DriftMetric, _ body: (inout MetricSeries) -> R) -> R {
    switch metric {
    case .ctr: body(&series.0)
    case .completionRate: body(&series.1)
    case .averageRating: body(&series.2)
    }
  }

  mutating func free() {
    series.0.free()
    series.1.free()
    series.2.free()
  }
}

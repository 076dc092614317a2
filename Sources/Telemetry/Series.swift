/// A counter by labels.
public struct CounterFamily: Sendable {
  private let family: Family
  init(_ family: Family) { self.family = family }
  /// The series with these label values, in the order of the labels; made at 0 when new. Keep it.
  public func with(_ values: String...) -> Counter { Counter(family.cells(values)) }
  public func forget(_ values: String...) { family.forget(values) }
}

/// A gauge by labels.
public struct GaugeFamily: Sendable {
  private let family: Family
  init(_ family: Family) { self.family = family }
  /// The series with these label values, in the order of the labels; made at 0 when new. Keep it.
  public func with(_ values: String...) -> Gauge { Gauge(family.cells(values)) }
  public func forget(_ values: String...) { family.forget(values) }
}

/// A histogram by labels.
public struct HistogramFamily: Sendable {
  private let family: Family
  init(_ family: Family) { self.family = family }
  /// The series with these label values, in the order of the labels; made at 0 when new. Keep it.
  public func with(_ values: String...) -> Histogram { Histogram(family.cells(values), family.bounds) }
  public func forget(_ values: String...) { family.forget(values) }
}

/// One counted series.
public struct Counter: Sendable {
  private let cells: Cells
  init(_ cells: Cells) { self.cells = cells }
  public func add(_ count: Int = 1) {
    precondition(count >= 0, "a counter only rises")
    cells.add(0, UInt64(count))
  }
  public var value: Int { Int(truncatingIfNeeded: cells.count(0)) }
}

/// One measured series.
public struct Gauge: Sendable {
  private let cells: Cells
  init(_ cells: Cells) { self.cells = cells }
  public func set(_ value: Double) { cells.set(0, value) }
  public func add(_ value: Double) { cells.addValue(0, value) }
  public var value: Double { cells.value(0) }
}

/// One distribution.
public struct Histogram: Sendable {
  private let cells: Cells
  public let bounds: [Double]
  init(_ cells: Cells, _ bounds: [Double]) {
    self.cells = cells
    self.bounds = bounds
  }

  /// Counts a value, `count` times at once when a batch shares it. A NaN is left out.
  public func observe(_ value: Double, count: Int = 1) {
    guard count > 0, !value.isNaN else { return }
    var bucket = 0
    while bucket < bounds.count && value > bounds[bucket] { bucket += 1 }
    cells.add(bucket, UInt64(count))
    cells.addValue(bounds.count + 1, value * Double(count))
  }

  public var count: Int { (0...bounds.count).reduce(0) { $0 + Int(truncatingIfNeeded: cells.count($1)) } }
  public var sum: Double { cells.value(bounds.count + 1) }

  /// Estimate of a quantile as Prometheus' `histogram_quantile` makes it: linear within the bucket; the
  /// highest bound for what lies above it; nil while nothing was counted.
  public func quantile(_ q: Double) -> Double? {
    let counts = (0...bounds.count).map { Double(cells.count($0)) }
    let total = counts.reduce(0, +)
    guard total > 0 else { return nil }
    let rank = q * total
    var below = 0.0
    for (index, count) in counts.enumerated() {
      if below + count >= rank && count > 0 {
        if index == bounds.count { return bounds[bounds.count - 1] }
        let low = index == 0 ? 0 : bounds[index - 1]
        return low + (bounds[index] - low) * max(0, rank - below) / count
      }
      below += count
    }
    return bounds[bounds.count - 1]
  }
}

import Synchronization

/// One metric name and its series. A series is a run of atomic cells: one for a counter or gauge; for a
/// histogram the buckets, then the overflow, then the sum.
final class Family: Sendable {
  enum Kind: String {
    case counter, gauge, histogram
    /// A counter with a fraction, read elsewhere.
    case total
    var exposed: String { self == .total ? "counter" : rawValue }
  }

  let name: String
  let help: String
  let kind: Kind
  let labels: [String]
  let bounds: [Double]
  private let series = Locked([String: Cells]())

  init(name: String, help: String, kind: Kind, labels: [String], bounds: [Double]) {
    precondition(Self.isName(name, colons: true), "not a metric name: \(name)")
    for label in labels {
      precondition(Self.isName(label, colons: false) && !label.hasPrefix("__"), "not a label name: \(label)")
    }
    precondition(Set(labels).count == labels.count, "labels of \(name) repeat")
    precondition(!help.isEmpty, "\(name) says what it is")
    self.name = name
    self.help = help
    self.kind = kind
    self.labels = labels
    self.bounds = bounds
  }

  /// Cells of one series, made at 0 when first asked for.
  func cells(_ values: [String]) -> Cells {
    precondition(values.count == labels.count, "\(name) has \(labels.count) labels, got \(values.count)")
    let key = Exposition.labels(labels, values)
    return series.withLock { series in
      if let known = series[key] { return known }
      let made = Cells(count: kind == .histogram ? bounds.count + 2 : 1)
      series[key] = made
      return made
    }
  }

  /// A partition or topic that is gone takes its series with it.
  func forget(_ values: [String]) {
    let key = Exposition.labels(labels, values)
    series.withLock { _ = $0.removeValue(forKey: key) }
  }

  func write(into text: inout [UInt8]) {
    let all = series.withLock { $0.sorted { $0.key < $1.key } }
    if all.isEmpty { return }
    text.append(contentsOf: "# HELP \(name) \(Exposition.help(help))\n# TYPE \(name) \(kind.exposed)\n".utf8)
    for (labels, cells) in all {
      switch kind {
      case .counter: Exposition.line(name, labels, "\(cells.count(0))", into: &text)
      case .gauge, .total: Exposition.line(name, labels, Exposition.number(cells.value(0)), into: &text)
      case .histogram: writeHistogram(labels, cells, into: &text)
      }
    }
  }

  /// Buckets are read once each and summed here, so that `_count` is the +Inf bucket even while others count.
  private func writeHistogram(_ labels: String, _ cells: Cells, into text: inout [UInt8]) {
    var total: UInt64 = 0
    for (index, bound) in (bounds + [.infinity]).enumerated() {
      total &+= cells.count(index)
      let le = "le=\"\(Exposition.number(bound))\""
      let inner = labels.isEmpty ? "{\(le)}" : "\(labels.dropLast()),\(le)}"
      Exposition.line(name + "_bucket", inner, "\(total)", into: &text)
    }
    Exposition.line(name + "_sum", labels, Exposition.number(cells.value(bounds.count + 1)), into: &text)
    Exposition.line(name + "_count", labels, "\(total)", into: &text)
  }

  private static func isName(_ text: String, colons: Bool) -> Bool {
    for (index, byte) in text.utf8.enumerated() {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"): continue
      case UInt8(ascii: "0")...UInt8(ascii: "9") where index > 0: continue
      case UInt8(ascii: ":") where colons: continue
      default: return false
      }
    }
    return !text.isEmpty
  }
}

/// A fixed run of atomic 64-bit cells; whole numbers or the bits of a Double.
final class Cells: @unchecked Sendable {
  private let base: UnsafeMutablePointer<Atomic<UInt64>>
  private let size: Int

  init(count: Int) {
    size = count
    base = .allocate(capacity: count)
    for index in 0..<count { (base + index).initialize(to: Atomic(0)) }
  }

  deinit {
    base.deinitialize(count: size)
    base.deallocate()
  }

  func add(_ index: Int, _ count: UInt64) { base[index].wrappingAdd(count, ordering: .relaxed) }
  func count(_ index: Int) -> UInt64 { base[index].load(ordering: .relaxed) }
  func set(_ index: Int, _ value: Double) { base[index].store(value.bitPattern, ordering: .relaxed) }
  func value(_ index: Int) -> Double { Double(bitPattern: base[index].load(ordering: .relaxed)) }

  func addValue(_ index: Int, _ value: Double) {
    var seen = base[index].load(ordering: .relaxed)
    while true {
      let next = (Double(bitPattern: seen) + value).bitPattern
      let (won, now) = base[index].weakCompareExchange(expected: seen, desired: next, ordering: .relaxed)
      if won { return }
      seen = now
    }
  }
}

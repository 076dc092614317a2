/// Every metric of the process: families by name, their series by label values, and the text that a
/// scrape reads.
///
/// Ask for a family once and keep it; ask a family for a series once and keep that too: `add` and `set`
/// then are one relaxed atomic operation (6 ns) and may come from any thread. Labels have few values:
/// topics, kinds, reasons; never a viewer or a title.
public final class Metrics: Sendable {
  private let state = Locked(State())

  private struct State {
    var families: [String: Family] = [:]
    var beforeScrape: [@Sendable () -> Void] = []
  }

  public init() {}

  /// A value that only rises. Its name ends in `_total`. Without labels its one series stands at 0 at once.
  public func counter(_ name: String, _ help: String, labels: [String] = [], series: [[String]] = []) -> CounterFamily {
    precondition(name.hasSuffix("_total"), "a counter's name ends in _total: \(name)")
    return CounterFamily(family(name, help, .counter, labels, [], series))
  }

  /// A counter whose value somebody else keeps (the kernel, a library): it is set, and only ever to more.
  public func total(_ name: String, _ help: String, labels: [String] = [], series: [[String]] = []) -> GaugeFamily {
    precondition(name.hasSuffix("_total"), "a counter's name ends in _total: \(name)")
    return GaugeFamily(family(name, help, .total, labels, [], series))
  }

  /// A value that rises and falls, in the unit its name ends with.
  public func gauge(_ name: String, _ help: String, labels: [String] = [], series: [[String]] = []) -> GaugeFamily {
    precondition(!name.hasSuffix("_total"), "only a counter's name ends in _total: \(name)")
    return GaugeFamily(family(name, help, .gauge, labels, [], series))
  }

  /// A distribution over rising bounds; the bound +Inf is added.
  public func histogram(
    _ name: String, _ help: String, bounds: [Double], labels: [String] = [], series: [[String]] = []
  ) -> HistogramFamily {
    precondition(!bounds.isEmpty && zip(bounds, bounds.dropFirst()).allSatisfy(<), "bounds rise: \(name)")
    precondition(!labels.contains("le"), "a histogram owns the label le: \(name)")
    return HistogramFamily(family(name, help, .histogram, labels, bounds, series))
  }

  /// Called at the start of every scrape, on its thread, to set gauges that are read and not counted.
  public func beforeScrape(_ body: @escaping @Sendable () -> Void) {
    state.withLock { $0.beforeScrape.append(body) }
  }

  /// Names of all families, sorted. A histogram also exports `_bucket`, `_sum` and `_count`.
  public var names: [String] { state.withLock { $0.families.keys.sorted() } }

  /// The exposition in Prometheus' text format 0.0.4, families and series sorted.
  public func exposition() -> [UInt8] {
    for read in state.withLock({ $0.beforeScrape }) { read() }
    let families = state.withLock { $0.families.values.sorted { $0.name < $1.name } }
    var text: [UInt8] = []
    text.reserveCapacity(16384)
    for family in families { family.write(into: &text) }
    return text
  }

  private func family(
    _ name: String, _ help: String, _ kind: Family.Kind, _ labels: [String], _ bounds: [Double], _ series: [[String]]
  ) -> Family {
    let family = state.withLock { state in
      if let known = state.families[name] {
        precondition(
          known.kind == kind && known.labels == labels && known.bounds == bounds,
          "\(name) is registered with another kind, labels or bounds")
        return known
      }
      let made = Family(name: name, help: help, kind: kind, labels: labels, bounds: bounds)
      state.families[name] = made
      return made
    }
    if labels.isEmpty { _ = family.cells([]) }
    for values in series { _ = family.cells(values) }
    return family
  }
}

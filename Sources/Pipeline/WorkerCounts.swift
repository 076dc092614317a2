import Learners

/// How often drift fired, and what fires now, by metric and severity.
public struct DriftCounts: Sendable {
  public struct Name: Hashable, Comparable, Sendable {
    public var metric: String
    public var severity: String
    public static func < (a: Self, b: Self) -> Bool { (a.metric, a.severity) < (b.metric, b.severity) }
  }
  /// Since the start.
  public private(set) var fired: [Name: Int] = [:]
  /// Newest relative change by metric, as alerts told it.
  public private(set) var score: [String: Double] = [:]
  private var active: [String: Name] = [:]

  /// Alerts that fire now.
  public var firing: [Name: Int] {
    active.values.reduce(into: fired.mapValues { _ in 0 }) { $0[$1, default: 0] += 1 }
  }

  mutating func note(_ alert: DriftAlert) {
    score[alert.metric.name] = alert.signed
    guard alert.state == .firing else {
      active[alert.alertID] = nil
      return
    }
    restore(alert)
    fired[Name(metric: alert.metric.name, severity: alert.severity), default: 0] += 1
  }

  /// One that fired before this start.
  mutating func restore(_ alert: DriftAlert) {
    active[alert.alertID] = Name(metric: alert.metric.name, severity: alert.severity)
  }
}

/// How long the road's parts took, one entry a turn, kept until somebody takes them; what nobody takes is dropped.
public struct StageTimes: Sendable {
  public enum Stage: String, CaseIterable, Sendable { case plan, fold, publish, save }
  private var entries: [(stage: Stage, seconds: Double)] = []

  mutating func add(_ stage: Stage, _ nanoseconds: Int64) {
    if entries.count >= 4096 { entries.removeAll(keepingCapacity: true) }
    entries.append((stage, Double(nanoseconds) / 1e9))
  }

  mutating func take() -> [(stage: Stage, seconds: Double)] {
    defer { entries.removeAll(keepingCapacity: true) }
    return entries
  }
}

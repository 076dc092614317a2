/// Metrics that are watched.
public enum DriftMetric: Int, Sendable, CaseIterable {
  case ctr = 0
  case completionRate
  case averageRating

  public var name: String {
    switch self {
    case .ctr: "ctr"
    case .completionRate: "completion_rate"
    case .averageRating: "avg_rating"
    }
  }
}

/// A drift alert that fires or resolves: everything its CloudEvent needs (decision 30). Times in unix ms.
public struct DriftAlert: Sendable, Equatable {
  public enum State: String, Sendable { case firing, resolved }
  public enum Reason: String, Sendable {
    case deviates, recovered
    /// Could not be judged for `drift.unjudged`.
    case unjudged
  }

  public var state: State
  public var reason: Reason
  /// `relative:{scope}:{metric}:{boundary}` of the boundary at which it fired; the same over its life.
  public var alertID: String
  public var metric: DriftMetric
  /// `global`, `genre` or `content`.
  public var scopeKind: String
  /// The genre's name or the title's id; empty for `global`.
  public var scopeID: String
  public var kind: DriftRule.Kind
  public var direction: DriftRule.Direction
  public var current: Double
  public var baseline: Double
  public var relative: Double
  public var signed: Double
  public var threshold: Double
  public var sigmas: Double
  public var standardError: Double
  public var currentCount: Int64
  public var baselineCount: Int64
  public var currentStart: Int64
  public var currentEnd: Int64
  public var baselineStart: Int64
  public var baselineEnd: Int64
  /// The boundary at which it fired.
  public var firedAt: Int64
  /// The boundary of this change.
  public var time: Int64

  public var scope: String { scopeID.isEmpty ? scopeKind : scopeKind + ":" + scopeID }

  /// `info` for improvements, `warning`, `critical` beyond three times the threshold.
  public var severity: String {
    if direction == .improvement { return "info" }
    return kind == .relative && relative <= 3 * threshold ? "warning" : "critical"
  }

  public var suggestedAction: String {
    switch metric {
    case .ctr: "check where the titles of this scope are shown, and their artwork"
    case .completionRate: "check playback, length and metadata of the titles of this scope"
    case .averageRating: "check recent reviews and changes of the titles of this scope"
    }
  }

  public var message: String {
    let values = "\(DriftAlert.text(current)) vs \(DriftAlert.text(baseline))"
    switch state {
    case .firing: return "Performance drift detected in \(metric.name) of \(scope): \(values)"
    case .resolved where reason == .unjudged:
      return "Drift in \(metric.name) of \(scope) ended: too few events to judge"
    case .resolved: return "Drift in \(metric.name) of \(scope) resolved: \(values)"
    }
  }

  /// Four decimals.
  private static func text(_ value: Double) -> String {
    let units = Int64((abs(value) * 10_000).rounded())
    let fraction = String(units % 10_000)
    let zeros = String(repeating: "0", count: 4 - fraction.count)
    return (value < 0 && units > 0 ? "-" : "") + "\(units / 10_000).\(zeros)\(fraction)"
  }
}

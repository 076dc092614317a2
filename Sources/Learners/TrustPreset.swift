import Kernels

/// Coefficients of the trust score and what counts as what: `v2` (default), `seed`, `seed-clamped`, `w1` are tables
/// of this kind (spec 2.1, 2.2; decisions 14 and 29).
public struct TrustPreset: Sendable, Equatable {
  /// From where a title's freshness is counted.
  public enum Freshness: UInt8, Sendable {
    /// The catalog's `last_updated`, up to now.
    case lastUpdated
    /// The title's previous event, up to its last one.
    case previousEvent
  }

  // Overall (C1).
  public var weights = SIMD8<Double>(0.25, 0.25, 0.20, 0.15, 0.15, 0, 0, 0)
  // Source reliability (C2).
  public var uptimeWeight = 0.4
  public var freshWeight = 0.6
  public var officialBonus = 0.1
  /// Per day.
  public var freshRate = 1.0 / 30
  public var freshness = Freshness.lastUpdated
  /// A time ahead of now counts as now; the seed lets it rise above 1.
  public var clampsAges = true
  // Metadata accuracy (C3).
  public var correctionStep = 0.05
  public var correctionLimit = 0.3
  // Availability (C4).
  /// Per day.
  public var checkRate = 0.1
  /// Recency of a title never checked.
  public var neverChecked = 0.5
  /// Counts checks from this moment instead of the title's own; `Int64.min` = the title's own. Unix ms.
  public var checkedSince = Int64.min
  // Quality (C5).
  public var clampsClicks = true
  public var clampsCompletions = true
  /// Completions are divided by max(1, clicks), not dropped while there are no clicks.
  public var completionsWithoutClicks = false
  /// Impressions' worth of 0.5 that a title starts with.
  public var priorImpressions = 50.0
  // Preference confidence (C6).
  public var clicksCountAsInteractions = true
  // What counts.
  /// Per viewer, title and UTC day; 0 = no cap, at most 31.
  public var impressionCap: UInt16 = 5
  public var clickCap: UInt16 = 3
  public var completionCap: UInt16 = 1
  public var replacesRatings = true
  /// A watch counts an impression, a click too.
  public var watchIsImpression = false
  public var clickIsImpression = false
  /// Below this evidence a title is unproven; 0 = no gate.
  public var gate: Int64 = 50
  public var filter = 0.6
  // Metrics of a title that the catalog does not know them of (C8).
  public var defaultUptime = 0.95
  public var defaultValidation = 0.8
  public var defaultCompleteness = 0.7

  public init() {}

  public static let v2 = TrustPreset()

  /// As written in the seed: nothing clamped, capped, replaced or gated.
  public static let seed: TrustPreset = {
    var preset = TrustPreset()
    preset.clampsAges = false
    preset.neverChecked = 0
    preset.clampsClicks = false
    preset.clampsCompletions = false
    preset.priorImpressions = 0
    preset.impressionCap = 0
    preset.clickCap = 0
    preset.completionCap = 0
    preset.replacesRatings = false
    preset.gate = 0
    return preset
  }()

  public static let seedClamped: TrustPreset = {
    var preset = seed
    preset.clampsCompletions = true
    return preset
  }()

  /// Workload W1.
  public static let w1: TrustPreset = {
    var preset = seedClamped
    preset.clampsAges = true
    preset.freshRate = 0.03
    preset.freshness = .previousEvent
    preset.checkedSince = 1_763_683_200_000
    preset.completionsWithoutClicks = true
    preset.clicksCountAsInteractions = false
    preset.watchIsImpression = true
    preset.clickIsImpression = true
    return preset
  }()

  public static func named(_ name: String) -> TrustPreset? {
    switch name {
    case "v2": v2
    case "seed": seed
    case "seed-clamped": seedClamped
    case "w1": w1
    default: nil
    }
  }

  /// True if some counter is capped.
  public var isCapped: Bool { impressionCap > 0 || clickCap > 0 || completionCap > 0 }
}

/// The five components of a trust score and their weighted sum.
public struct TrustScore: Sendable, Equatable {
  public var source = 0.0
  public var metadata = 0.0
  public var availability = 0.0
  public var quality = 0.0
  public var preference = 0.0
  public var overall = 0.0

  public init() {}
}

extension TrustPreset {
  /// C2; `ageDays` since the last refresh.
  public func source(uptime: Double, ageDays: Double, official: Bool) -> Double {
    let age = clampsAges ? max(0, ageDays) : ageDays
    let fresh = freshWeight * Elementary.exp(-freshRate * age)
    return min(1, uptimeWeight * uptime + fresh + (official ? officialBonus : 0))
  }

  /// C3
  public func metadata(validation: Double, completeness: Double, corrections: Double) -> Double {
    max(0, 0.5 * validation + 0.5 * completeness - min(correctionStep * corrections, correctionLimit))
  }

  /// C4; `ageDays` since the last check, nil = never checked.
  public func availability(deepLink: Bool, available: Double, unavailable: Double, ageDays: Double?) -> Double {
    let votes = available + unavailable
    var recency = neverChecked
    if let ageDays { recency = Elementary.exp(-checkRate * (clampsAges ? max(0, ageDays) : ageDays)) }
    return 0.4 * (deepLink ? 1 : 0.5) + 0.3 * (votes > 0 ? available / votes : 0.7) + 0.3 * recency
  }

  /// C5; `mean` in stars, used while `ratings` > 0.
  public func quality(impressions: Double, clicks: Double, completions: Double, mean: Double, ratings: Double) -> Double
  {
    guard impressions > 0 else { return 0.5 }
    var through = clicks / impressions
    if clampsClicks { through = min(1, through) }
    var completed = clicks > 0 ? completions / clicks : completionsWithoutClicks ? completions : 0
    if clampsCompletions { completed = min(1, completed) }
    let raw = 0.25 * through + 0.35 * completed + 0.40 * (ratings > 0 ? (mean - 1) / 4 : 0.5)
    return (impressions * raw + priorImpressions * 0.5) / (impressions + priorImpressions)
  }

  /// C6
  public func preference(impressions: Double, clicks: Double, ratings: Double) -> Double {
    let interactions = impressions + (clicksCountAsInteractions ? clicks : 0) + ratings
    return 0.6 * min(interactions / 1000, 1) + 0.4 * (ratings > 10 ? 1 : ratings / 10)
  }

  /// C1
  public func overall(_ score: TrustScore) -> Double {
    weights[0] * score.source + weights[1] * score.metadata + weights[2] * score.availability
      + weights[3] * score.quality + weights[4] * score.preference
  }
}

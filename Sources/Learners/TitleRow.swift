import Events
import Kernels

/// Voters of one day of a title.
struct VoteDay: BitwiseCopyable {
  var day: Int64 = .min
  var voters = KeySet()
}

/// What is learned of a title. All counts are sums; what decays is kept with the time it stands at.
///
/// Budget: 216 bytes a title, and 11 to 21 bytes a voter of its last two days.
public struct TitleRow: BitwiseCopyable {
  /// Bytes of the row itself; a test compares it with what the compiler lays out.
  public static let rowBudget = 216

  struct Scalars: BitwiseCopyable {
    var impressions: Int64 = 0
    var clicks: Int64 = 0
    var completions: Int64 = 0
    var ratingCount: Int64 = 0
    var ratingHalfStars: Int64 = 0
    /// Event time of the last event, and of the one before it. Unix ms.
    var lastEvent: Int64 = 0
    var previousEvent: Int64 = 0
    /// Merge time of the last change; what the row was last published as of. Unix ms.
    var changedAt: Int64 = 0
    /// The sweep compares with the score at this time. Unix ms.
    var comparedAt: Int64 = 0
    /// Event time of the first event. Unix ms.
    var firstEvent: Int64 = 0
    var watches: Int64 = 0
    /// Sum of completions, units of 2^-32.
    var completionUnits: Int64 = 0
    var available: Int64 = 0
    var unavailable: Int64 = 0
    var corrections: Int64 = 0
    /// Unix ms; `Int64.min` = never.
    var lastCheck = Int64.min
    var trend = 0.0
    var trendAt: Int64 = 0
    var popularity = 0.0
    var popularityAt: Int64 = 0
    var bits: UInt64 = 0
  }
  var s = Scalars()
  var votes = (VoteDay(), VoteDay())

  public init() {}

  /// True once something was folded into it or the catalog named it.
  public internal(set) var isAlive: Bool {
    get { s.bits & 1 != 0 }
    set { s.bits = newValue ? s.bits | 1 : s.bits & ~1 }
  }
  /// True once an event was folded into it; the catalog alone does not count.
  public internal(set) var hasEvents: Bool {
    get { s.bits & 2 != 0 }
    set { s.bits = newValue ? s.bits | 2 : s.bits & ~2 }
  }
  public internal(set) var deepLink: Bool {
    get { s.bits & 4 != 0 }
    set { s.bits = newValue ? s.bits | 4 : s.bits & ~4 }
  }

  public var impressions: Int64 { s.impressions }
  public var clicks: Int64 { s.clicks }
  public var completions: Int64 { s.completions }
  public var ratingCount: Int64 { s.ratingCount }
  public var ratingHalfStars: Int64 { s.ratingHalfStars }
  public var watches: Int64 { s.watches }
  public var lastEvent: Int64 { s.lastEvent }
  public var updatedAt: Int64 { s.changedAt }
  public var corrections: Int64 { s.corrections }
  /// Stars; 3.5 while nobody rated.
  public var averageRating: Double { s.ratingCount > 0 ? Double(s.ratingHalfStars) / 2 / Double(s.ratingCount) : 3.5 }
  /// Mean completion of its watches, 0 without one.
  public var completionMean: Double {
    s.watches > 0 ? Double(s.completionUnits) / 4_294_967_296 / Double(s.watches) : 0
  }
  public var evidence: Int64 { s.impressions + s.clicks + s.ratingCount }

  /// Decayed clicks and watches at a time.
  public func trend(at time: Int64, _ options: LearnOptions) -> Double {
    s.trend * Elementary.exp(-Double(time - s.trendAt) / options.trendTauMs)
  }

  /// Decayed watches at a time (G9).
  public func popularity(at time: Int64, _ options: LearnOptions) -> Double {
    s.popularity * Elementary.exp(-Double(time - s.popularityAt) / options.popularityTauMs)
  }

  /// `last_updated`: the catalog's, else the time of the title's first event.
  public func lastUpdated(_ facts: TitleFacts) -> Int64 { facts.isInCatalog ? facts.lastUpdated : s.firstEvent }

  /// The five components and their sum as of a time.
  public func trust(at time: Int64, _ facts: TitleFacts, _ preset: TrustPreset) -> TrustScore {
    let day = 86_400_000.0
    var score = TrustScore()
    let age =
      switch preset.freshness {
      case .lastUpdated: Double(time - lastUpdated(facts)) / day
      case .previousEvent: Double(s.lastEvent - s.previousEvent) / day
      }
    score.source = preset.source(
      uptime: facts.uptime.isNaN ? preset.defaultUptime : facts.uptime, ageDays: age, official: facts.isOfficial)
    score.metadata = preset.metadata(
      validation: facts.validation.isNaN ? preset.defaultValidation : facts.validation,
      completeness: facts.completeness.isNaN ? preset.defaultCompleteness : facts.completeness,
      corrections: Double(s.corrections))
    var checked: Double?
    if preset.checkedSince != .min {
      checked = Double(time - preset.checkedSince) / day
    } else if s.lastCheck != .min {
      checked = Double(time - s.lastCheck) / day
    }
    score.availability = preset.availability(
      deepLink: deepLink, available: Double(s.available), unavailable: Double(s.unavailable), ageDays: checked)
    score.quality = preset.quality(
      impressions: Double(s.impressions), clicks: Double(s.clicks), completions: Double(s.completions),
      mean: averageRating, ratings: Double(s.ratingCount))
    score.preference = preset.preference(
      impressions: Double(s.impressions), clicks: Double(s.clicks), ratings: Double(s.ratingCount))
    score.overall = preset.overall(score)
    return score
  }

  /// Adds to a decayed sum that stands at `at`; an earlier time counts by its own age.
  static func decayed(_ sum: inout Double, _ at: inout Int64, add weight: Double, time: Int64, tau: Double) {
    if time >= at {
      sum = sum * Elementary.exp(-Double(time - at) / tau) + weight
      at = time
    } else {
      sum += weight * Elementary.exp(-Double(at - time) / tau)
    }
  }

  mutating func free() {
    votes.0.voters.free()
    votes.1.voters.free()
  }
}

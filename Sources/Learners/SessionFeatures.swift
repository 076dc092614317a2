import Kernels

/// The six session features (E7): [hours, page views, interactions, conversions, bounce rate, position].
public struct SessionFeatures: Sendable, Equatable {
  public var hours = 0.0
  public var pageViews = 0.0
  public var interactions = 0.0
  public var conversions = 0.0
  public var bounceRate = 0.0
  public var position = 0.0

  public init() {}

  /// As the seed counts them.
  public var plain: [6 of Double] { [hours, pageViews, interactions, conversions, bounceRate, position] }

  /// Each in [0, 1], counts by logarithm (spec 2.5).
  public var scaled: [6 of Double] {
    [
      min(hours / 4, 1), Self.share(pageViews, of: 100), Self.share(interactions, of: 50),
      Self.share(conversions, of: 10), min(bounceRate, 1), min(position / 50, 1),
    ]
  }

  private static func share(_ count: Double, of limit: Double) -> Double {
    min(1, Elementary.ln(1 + count) / Elementary.ln(1 + limit))
  }
}

extension ViewerRow {
  /// Of the latest session.
  public var session: SessionFeatures {
    var features = SessionFeatures()
    features.hours = Double(s.sessionLast - s.sessionStarted) / 3_600_000
    features.pageViews = Double(s.pageViews)
    features.interactions = Double(s.interactions)
    features.conversions = Double(s.conversions)
    features.bounceRate = s.sessionCount > 1 ? Double(s.bounces) / Double(s.sessionCount - 1) : 0
    features.position = Double(s.sessionPosition)
    return features
  }

  public var sessionCount: Int { Int(s.sessionCount) }

  /// (1 + accepted) / (10 + shown) of explored items.
  public var explorationTendency: Double { (1 + Double(s.exploredAccepted)) / (10 + Double(s.exploredShown)) }

  /// EMA of the release years of watched titles, 0-1.
  public var recencyBias: Double { s.recency }

  /// Some event of the viewer named this platform.
  public func uses(platform: UInt16) -> Bool {
    values(.counts, of: UInt64.self).contains { $0 >> 32 == UInt64(platform) }
  }

  /// raw / (1 - decay^updates) of a genre, 0 for one never met.
  public func affinity(_ genre: UInt16, decay: Double) -> Double {
    let affinities = values(.affinities, of: Affinity.self)
    return affinities.first { $0.genre == genre }?.corrected(decay) ?? 0
  }

  /// Entropy of the corrected affinities above 0, over ln of their number; 0 below two genres.
  public func diversityTolerance(decay: Double) -> Double {
    var sum = 0.0
    var count = 0
    let affinities = values(.affinities, of: Affinity.self)
    for affinity in affinities where affinity.raw > 0 {
      sum += affinity.corrected(decay)
      count += 1
    }
    guard count > 1 else { return 0 }
    var entropy = 0.0
    for affinity in affinities where affinity.raw > 0 {
      entropy += Entropy.term(affinity.corrected(decay) / sum)
    }
    return clamp01(entropy / Elementary.ln(Double(count)))
  }
}

extension Affinity {
  func corrected(_ decay: Double) -> Double {
    updates > 0 && decay < 1 ? raw / (1 - Elementary.power(decay, updates)) : 0
  }
}

/// Shannon entropy in nats.
public enum Entropy {
  static func term(_ share: Double) -> Double { share > 0 ? -share * Elementary.ln(share) : 0 }

  public static func nats(_ counts: [Double]) -> Double {
    let sum = counts.reduce(0, +)
    return sum > 0 ? counts.reduce(0) { $0 + term($1 / sum) } : 0
  }
}

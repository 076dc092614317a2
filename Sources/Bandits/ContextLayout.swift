import Kernels

/// What one slot range of a context holds.
public struct ContextBlock: Sendable, Equatable {
  public enum Source: Sendable, Equatable {
    /// The constant 1.
    case bias
    /// A range of the viewer's profile vector.
    case profile(Range<Int>)
    /// A range of the title's vector.
    case content(Range<Int>)
    /// Viewer's affinity times the title's genre, one slot per genre.
    case affinityGenre(Int)
    /// Cosine of viewer and title.
    case cosine
    /// Five trust parts and the overall score.
    case trust
    case popularity, freshness, rating, runtime, platform, fitsTime
    /// Hour and weekday as sine and cosine.
    case clock
    case weekend
    case season
    /// tv, mobile, web, other.
    case device
    /// mobile, tv, web, tablet; any other device is none of them.
    case screen
    /// Quarter of the UTC day.
    case dayPart
    case session
    case mood
    case companions
    case experience
    case traits
    /// Reward of the viewer's previous event.
    case previousReward
    /// Products of two slots, signed and hashed into so many.
    case crosses(Int)
    /// All pairs across groups of one-hot slots.
    case pairs([Int])
  }
  public var name: String
  public var source: Source
  /// Largest magnitude of its slots; larger values are clamped and counted.
  public var limit: Double

  public init(_ name: String, _ source: Source, limit: Double = 1) {
    self.name = name
    self.source = source
    self.limit = limit
  }

  public var count: Int {
    switch source {
    case .bias, .cosine, .popularity, .freshness, .rating, .runtime, .platform, .fitsTime, .weekend, .experience,
      .previousReward:
      1
    case .profile(let range), .content(let range): range.count
    case .affinityGenre(let n), .crosses(let n): n
    case .trust, .session: 6
    case .clock, .season, .device, .screen, .dayPart, .companions: 4
    case .mood: 5
    case .traits: 3
    case .pairs(let groups): ContextLayout.pairCount(groups)
    }
  }
}

/// A context as a list of named blocks: configuration, with a fingerprint that fixes its int16 scale.
public struct ContextLayout: Sendable, Equatable {
  public let name: String
  public let blocks: [ContextBlock]
  /// First slot of each block.
  public let starts: [Int]
  public let dimension: Int

  public init(name: String, _ blocks: [ContextBlock]) {
    self.name = name
    self.blocks = blocks
    var starts: [Int] = []
    var at = 0
    for block in blocks {
      starts.append(at)
      at += block.count
    }
    self.starts = starts
    dimension = at
  }

  public func range(_ block: String) -> Range<Int>? {
    blocks.firstIndex { $0.name == block }.map { starts[$0]..<(starts[$0] + blocks[$0].count) }
  }

  public var scale: ContextScale {
    ContextScale(limits: blocks.flatMap { Array(repeating: $0.limit, count: $0.count) })
  }

  /// FNV-1a over names, sources and limits: sums of two layouts add up only where it is equal.
  public var fingerprint: UInt64 {
    fnv1a(blocks.map { "\($0.name)|\($0.source)|\($0.limit);" }.joined())
  }

  /// The default for titles: 100 slots.
  ///
  /// - SeeAlso: docs/BANDITS.md, "Layouts".
  public static let media100 = ContextLayout(
    name: "media-100",
    [
      ContextBlock("bias", .bias), ContextBlock("affinity", .affinityGenre(30)), ContextBlock("cosine", .cosine),
      ContextBlock("trust", .trust), ContextBlock("popularity", .popularity), ContextBlock("freshness", .freshness),
      ContextBlock("rating", .rating), ContextBlock("runtime", .runtime), ContextBlock("platform", .platform),
      ContextBlock("fits", .fitsTime), ContextBlock("clock", .clock), ContextBlock("weekend", .weekend),
      ContextBlock("season", .season), ContextBlock("device", .device), ContextBlock("session", .session),
      ContextBlock("mood", .mood), ContextBlock("companions", .companions), ContextBlock("experience", .experience),
      ContextBlock("traits", .traits), ContextBlock("crosses", .crosses(24), limit: 2),
    ])

  /// Workload W1: `[p[0..<64], e[0..<26], device[4], day part[4], 1, r_prev]`.
  public static let w1 = ContextLayout(
    name: "w1",
    [
      ContextBlock("profile", .profile(0..<64)), ContextBlock("content", .content(0..<26)),
      ContextBlock("device", .screen), ContextBlock("daypart", .dayPart), ContextBlock("bias", .bias),
      ContextBlock("previous_reward", .previousReward),
    ])

  /// Size of what one-hot slots are in a `pairs` layout: a category is one slot of many, so its coefficient gets a
  /// wider prior than a graded one's (1/9 of the precision).
  public static let pairsGain = 3.0

  /// Bias, every category, and every pair of categories of two groups: small contexts whose main effects alone
  /// cannot say who wants what when.
  public static func pairs(groups: [Int]) -> ContextLayout {
    ContextLayout(name: "pairs", [ContextBlock("pairs", .pairs(groups), limit: pairsGain)])
  }

  static func pairCount(_ groups: [Int]) -> Int {
    var count = 1 + groups.reduce(0, +)
    for (i, a) in groups.enumerated() { for b in groups[(i + 1)...] { count += a * b } }
    return count
  }

  /// The context of a `pairs` layout for one category per group (negative = unknown).
  public func pairs(_ categories: [Int]) -> [Double] {
    guard case .pairs(let groups) = blocks[0].source else { return [] }
    precondition(categories.count == groups.count, "one category per group")
    var x = [Double](repeating: 0, count: dimension)
    x[0] = Self.pairsGain
    var at = 1
    for (group, category) in zip(groups, categories) {
      if category >= 0 { x[at + category] = Self.pairsGain }
      at += group
    }
    for i in groups.indices {
      for j in (i + 1)..<max(i + 1, groups.count) {
        if categories[i] >= 0, categories[j] >= 0 { x[at + categories[i] * groups[j] + categories[j]] = Self.pairsGain }
        at += groups[i] * groups[j]
      }
    }
    return x
  }

  /// Adds products of two filled slots into the `crosses` block, by a signed hash of their numbers.
  public func cross(_ x: UnsafeMutablePointer<Double>, _ pairs: [(Int, Int)]) {
    guard let range = range("crosses") else { return }
    for (a, b) in pairs {
      let hash = Draws.mix(UInt64(a) << 32 | UInt64(b))
      let slot = range.lowerBound + Int(hash % UInt64(range.count))
      x[slot] += (hash >> 63 == 0 ? 1 : -1) * x[a] * x[b]
    }
  }
}

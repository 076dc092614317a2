/// One piece of feedback on a decision's item, as it competes.
public struct Signal: Sendable, Equatable, Comparable {
  public var stage: Int
  /// Event time, Unix ms.
  public var time: Int64
  /// The event's id, as text of its bytes or as a hash: the last word between equals.
  public var event: String
  public var reward: Double
  public init(stage: Int, time: Int64, event: String, reward: Double) {
    self.stage = stage
    self.time = time
    self.event = event
    self.reward = reward
  }
  /// By stage, then event time, then event id as bytes; the reward does not compete.
  public static func < (a: Self, b: Self) -> Bool {
    if a.stage != b.stage { return a.stage < b.stage }
    if a.time != b.time { return a.time < b.time }
    return a.event.utf8.lexicographicallyPrecedes(b.event.utf8)
  }
}

/// How long each stage may take, from the decision.
public struct RewardWindows: Sendable, Equatable {
  /// Stages 0...2, ms; also when an item without feedback is given up.
  public var short: Int64
  /// Stage 3.
  public var watch: Int64
  /// Stage 4; also when the item is closed for good.
  public var explicit: Int64
  public init(short: Int64 = 300_000, watch: Int64 = 86_400_000, explicit: Int64 = 7 * 86_400_000) {
    self.short = short
    self.watch = watch
    self.explicit = explicit
  }
  /// Five minutes for everything, as the fourth source document has it.
  public static let strict = RewardWindows(short: 300_000, watch: 300_000, explicit: 300_000)

  public func limit(stage: Int) -> Int64 { stage <= 2 ? short : stage == 3 ? watch : explicit }
}

/// What is to be done with a model after a step of an item.
public enum RewardAction: Sendable, Equatable {
  case nothing
  /// First resolution: A += x xᵀ, b += r x.
  case learn(Double)
  /// A later change: b += (new - old) x.
  case correct(from: Double, to: Double)
}

/// How an item's step ended, for the counters.
public enum RewardOutcome: String, Sendable, CaseIterable {
  case joined
  /// Changed nothing: something of a higher rank is there, or it is the same event again.
  case outOfOrder = "out_of_order"
  /// Outside its stage's window, or the item is gone.
  case late
  /// Nothing came: learned the default reward.
  case defaulted
  /// Nothing came and nobody saw it: not learned.
  case unobserved
  case evicted
}

/// Which items of a decision were seen, when only some got feedback.
public enum Observed: String, Sendable, CaseIterable {
  /// Down to the lowest item that got feedback.
  case cascade
  /// The first position always, and what got feedback.
  case first
  case all

  /// - Parameters:
  ///   - position: 1-based, 0 = unknown.
  ///   - lowest: Lowest (largest) position of the decision with feedback, 0 = none.
  public func holds(position: Int, lowest: Int, hasFeedback: Bool) -> Bool {
    if hasFeedback { return true }
    switch self {
    case .all: return true
    case .first: return position == 1
    case .cascade: return position > 0 && position < lowest
    }
  }
}

/// The reward of one item of one decision while it is awaited: a maximum over (stage, event time, event id).
///
/// A maximum over a total order does not care in what order its terms arrive or how often, so shuffled and repeated
/// feedback resolves the same. What the model was told is remembered, so later changes correct b only.
public struct PendingReward: Sendable, Equatable {
  /// When the decision's windows start, Unix ms.
  public let start: Int64
  /// 1-based, 0 = unknown.
  public let position: Int
  /// The best so far; nil = no feedback.
  public private(set) var best: Signal?
  /// What the model was told; nil = nothing yet.
  public private(set) var told: Double?

  public init(start: Int64, position: Int = 0) {
    self.start = start
    self.position = position
  }

  /// As it was kept.
  public init(start: Int64, position: Int, best: Signal?, told: Double?) {
    self.start = start
    self.position = position
    self.best = best
    self.told = told
  }

  /// Takes one piece of feedback. Whether it counts depends on its event time alone, never on when it came.
  public mutating func take(_ signal: Signal, _ windows: RewardWindows) -> (RewardAction, RewardOutcome) {
    let age = signal.time - start
    guard age >= 0, age <= windows.limit(stage: signal.stage), signal.reward.isFinite else { return (.nothing, .late) }
    if let best, !(best < signal) { return (.nothing, .outOfOrder) }
    best = signal
    return (tell(signal.reward), .joined)
  }

  /// The short window has passed. An item without feedback learns the default if it was seen; `keeps` tells whether
  /// it is to be kept for what may come later.
  public mutating func expire(seen: Bool, fallback: Double = 0) -> (RewardAction, RewardOutcome?) {
    if best != nil { return (.nothing, nil) }
    guard seen else { return (.nothing, .unobserved) }
    if told != nil { return (.nothing, nil) }
    return (tell(fallback), .defaulted)
  }

  /// When an item with or without feedback is no longer waited for.
  public func due(_ windows: RewardWindows, keepsSilent: Bool = false) -> Int64 {
    start + (best != nil || keepsSilent ? windows.explicit : windows.short)
  }

  private mutating func tell(_ reward: Double) -> RewardAction {
    defer { told = reward }
    guard let old = told else { return .learn(reward) }
    return old == reward ? .nothing : .correct(from: old, to: reward)
  }
}

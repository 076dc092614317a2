import Events

/// What a viewer's event says about a title, as a row of the reward table.
public enum RewardSignal: UInt8, Sendable, CaseIterable, BitwiseCopyable {
  case ignore = 0
  case view, click
  case watchPartial, watchComplete, skip
  case like, favorite, share, rate, dislike, purchase, block
  /// Carries no opinion (a correction, an impression).
  case none

  /// Stage of a decision's resolution: the highest stage seen counts.
  public var stage: UInt8 {
    switch self {
    case .ignore, .none: 0
    case .view: 1
    case .click: 2
    case .watchPartial, .watchComplete, .skip: 3
    default: 4
    }
  }

  /// Implicit-feedback level of an interaction (B6): 0 none, 1 watched, 2 liked, 3 favorited.
  public var level: UInt8 {
    switch self {
    case .watchPartial, .watchComplete: 1
    case .like: 2
    case .favorite: 3
    default: 0
    }
  }

  public init(_ action: Action) {
    self =
      switch action {
      case .like: .like
      case .dislike: .dislike
      case .favorite: .favorite
      case .skip: .skip
      case .share: .share
      case .block: .block
      case .purchase: .purchase
      case .view: .view
      case .ignore: .ignore
      case .watchComplete: .watchComplete
      case .watchPartial: .watchPartial
      case .none, .correction: .none
      }
  }
}

/// Values of signals and what modifies them (spec 2.4).
public struct RewardTable: Sendable, Equatable {
  /// How a rating r (1-5 stars) becomes a value.
  public enum RateForm: UInt8, Sendable {
    case none
    /// (r - 3) / 2
    case signed
    /// (r - 1) / 4
    case share
  }

  /// By ``RewardSignal``.
  public var values: [16 of Double]
  /// A partial watch is worth its completion.
  public var partialIsCompletion = true
  /// A complete watch too is worth its completion, not the table's value.
  public var completeIsCompletion = false
  public var rate: RateForm
  /// Factor on feedback within ``quickMs``.
  public var quickFactor = 1.0
  public var quickMs: Int32 = 10_000
  public var quickOnNegative = false
  /// Factor on position 1.
  public var firstFactor = 1.0
  /// Values are held in [-limit, limit].
  public var limit = Double.infinity

  public init(_ entries: [RewardSignal: Double], rate: RateForm) {
    values = .init(repeating: 0)
    for (signal, value) in entries { values[Int(signal.rawValue)] = value }
    self.rate = rate
  }

  public static func == (left: RewardTable, right: RewardTable) -> Bool {
    (0..<16).allSatisfy { left.values[$0] == right.values[$0] }
      && left.partialIsCompletion == right.partialIsCompletion
      && left.completeIsCompletion == right.completeIsCompletion && left.rate == right.rate
      && left.quickFactor == right.quickFactor && left.quickMs == right.quickMs
      && left.quickOnNegative == right.quickOnNegative && left.firstFactor == right.firstFactor
      && left.limit == right.limit
  }

  /// The default: positive feedback within 10 s counts a fifth more, everything is held in [-1, 1].
  public static let mediaV1: RewardTable = {
    var table = RewardTable(
      [
        .view: 0.2, .click: 0.4, .watchComplete: 1, .skip: -0.5, .like: 0.8, .favorite: 1, .share: 1, .dislike: -1,
        .purchase: 1, .block: -1,
      ], rate: .signed)
    table.quickFactor = 1.2
    table.limit = 1
    return table
  }()
  public static let seedS3 = RewardTable([.watchComplete: 1, .skip: -0.5, .like: 0.8, .dislike: -1], rate: .none)
  public static let seedS4: RewardTable = {
    var table = RewardTable(
      [.view: 0.5, .click: 1, .like: 2, .share: 3, .dislike: -1, .purchase: 10, .block: -5], rate: .none)
    table.partialIsCompletion = false
    table.quickFactor = 1.2
    table.quickOnNegative = true
    table.firstFactor = 1.1
    return table
  }()
  /// Workload W1: a watch is its completion, a click 0.3, a rating (r - 1) / 4.
  public static let w1: RewardTable = {
    var table = RewardTable([.click: 0.3], rate: .share)
    table.completeIsCompletion = true
    return table
  }()

  public static func named(_ name: String) -> RewardTable? {
    switch name {
    case "media-v1": mediaV1
    case "seed-s3": seedS3
    case "seed-s4": seedS4
    case "w1": w1
    default: nil
    }
  }

  /// The value of one signal.
  ///
  /// - Parameters:
  ///   - completion: Of a watch, 0-1.
  ///   - stars: Of a rating, 1-5.
  ///   - feedbackMs: Time from decision to feedback, -1 when unknown.
  ///   - position: 1-based, 0 when unknown.
  @inline(__always)
  public func value(
    _ signal: RewardSignal, completion: Double = 0, stars: Double = 0, feedbackMs: Int32 = -1, position: UInt16 = 0
  ) -> Double {
    var value = values[Int(signal.rawValue)]
    switch signal {
    case .watchPartial: if partialIsCompletion { value = completion }
    case .watchComplete: if completeIsCompletion { value = completion }
    case .rate:
      switch rate {
      case .none: break
      case .signed: value = (stars - 3) / 2
      case .share: value = (stars - 1) / 4
      }
    default: break
    }
    if feedbackMs >= 0 && feedbackMs < quickMs && (value > 0 || quickOnNegative) { value *= quickFactor }
    if position == 1 { value *= firstFactor }
    return min(limit, max(-limit, value))
  }
}

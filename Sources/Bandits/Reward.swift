/// What a viewer did with an item that was decided upon.
public enum Feedback: String, Sendable, CaseIterable {
  case ignore, view, click, skip, like, favorite, share, rate, dislike, purchase, block
  case watchPartial = "watch_partial"
  case watchComplete = "watch_complete"

  /// 0...2 fast, 3 watching, 4 explicit: the higher stage decides.
  public var stage: Int {
    switch self {
    case .ignore: 0
    case .view: 1
    case .click: 2
    case .watchPartial, .watchComplete, .skip: 3
    case .like, .favorite, .share, .rate, .dislike, .purchase, .block: 4
    }
  }
}

/// From feedback to a number: `media-v1` (default), and the two maps of the source documents as written.
///
/// - SeeAlso: docs/BANDITS.md, "Rewards".
public enum RewardMap: String, Sendable, CaseIterable {
  case media = "media-v1"
  case seedS3 = "seed-s3"
  case seedS4 = "seed-s4"

  /// Range of what it gives.
  public var range: ClosedRange<Double> { self == .seedS4 ? -6.6...13.2 : -1...1 }

  /// - Parameters:
  ///   - completion: Share watched, for partial watches.
  ///   - rating: 1...5, for `rate`.
  ///   - delayMs: From decision to feedback; nil or negative = unknown, no modifier.
  ///   - position: 1-based; nil or 0 = unknown, no modifier.
  public func reward(
    _ feedback: Feedback, completion: Double? = nil, rating: Double? = nil, delayMs: Int64? = nil,
    position: Int? = nil
  ) -> Double {
    let quick = delayMs.map { $0 >= 0 && $0 < 10_000 } ?? false
    switch self {
    case .seedS3: return s3(feedback, completion)
    case .seedS4: return s4(feedback) * (quick ? 1.2 : 1) * (position == 1 ? 1.1 : 1)
    case .media:
      let value = media(feedback, completion, rating)
      return min(1, max(-1, value > 0 && quick ? value * 1.2 : value))
    }
  }

  private func media(_ feedback: Feedback, _ completion: Double?, _ rating: Double?) -> Double {
    switch feedback {
    case .ignore: 0
    case .view: 0.2
    case .click: 0.4
    case .watchPartial: min(1, max(0, completion ?? 0))
    case .watchComplete, .favorite, .share, .purchase: 1
    case .skip: -0.5
    case .like: 0.8
    case .rate: ((rating ?? 3) - 3) / 2
    case .dislike, .block: -1
    }
  }

  private func s3(_ feedback: Feedback, _ completion: Double?) -> Double {
    switch feedback {
    case .watchComplete: 1
    case .watchPartial: completion ?? 0
    case .like: 0.8
    case .skip: -0.5
    case .dislike: -1
    default: 0
    }
  }

  private func s4(_ feedback: Feedback) -> Double {
    switch feedback {
    case .click: 1
    case .view: 0.5
    case .like: 2
    case .share: 3
    case .purchase: 10
    case .dislike: -1
    case .block: -5
    default: 0
    }
  }
}

/// How beliefs become a choice. Every form tells the probability of every candidate in a slot.
public indirect enum Exploration: Sendable, Equatable {
  /// The highest mean; `floor` is spread evenly over all candidates.
  case greedy(floor: Double)
  /// The highest mean + alpha · width; `floor` is spread evenly.
  ///
  /// - SeeAlso: Li et al. 2010.
  case upperConfidence(alpha: Double, floor: Double)
  /// The highest of one draw each: N(mean, (v · width)²), or the Beta belief itself.
  ///
  /// - SeeAlso: Agrawal & Goyal 2013; Chapelle & Li 2011.
  case thompson(v: Double)
  /// 1 / (K + gamma · (best - mean)) for each but the best, which has the rest.
  ///
  /// - SeeAlso: Foster & Rakhlin 2020, algorithm 1; Abe & Long 1999.
  case squareCB(gamma: Double)
  /// With probability epsilon any candidate, else as the wrapped form says.
  case epsilon(Double, Spread, Exploration)
  case uniform

  /// How an epsilon draws.
  public enum Spread: Sendable, Equatable {
    case evenly
    /// In proportion to the width: what is least known first.
    case byWidth
  }

  /// The seeds' rule: 0.2 while a viewer has fewer than 5 interactions, else 0.1.
  public static func epsilon(interactions n: Int) -> Double { n < 5 ? 0.2 : 0.1 }

  /// Draws that a joint Thompson propensity takes.
  public static let jointDraws = 10_000

  /// A slot's candidates, and what keys its draws.
  struct Slot {
    var draws: Draws
    var decision: UInt64
    var slot: Int
    /// Numbers of the candidates, as the draws know them.
    var arms: [UInt64]
    var estimates: [Estimate]
    /// Cholesky factor of the candidates' covariance (packed); nil where they are independent.
    var joint: [Double]?

    /// A draw of candidate beliefs; `turn` 0 is the one that decides.
    func sample(v: Double, turn: UInt64) -> [Double] {
      guard let joint else {
        return estimates.indices.map { i in
          let e = estimates[i]
          if e.successes > 0 {
            return draws.beta(e.successes, e.failures, decision: decision, slot: slot, arm: arms[i], turn: turn)
          }
          return e.mean + v * e.width * draws.normal(decision: decision, slot: slot, arm: arms[i], turn: turn)
        }
      }
      let z = arms.map { draws.normal(decision: decision, slot: slot, arm: $0, turn: turn) }
      return estimates.indices.map { i in
        var sum = 0.0
        for j in 0...i { sum += joint[Triangle.row(i) + j] * z[j] }
        return estimates[i].mean + v * sum
      }
    }
  }

  /// Needs random draws of beliefs, not only one uniform number.
  var isThompson: Bool {
    switch self {
    case .thompson: true
    case .epsilon(_, _, let inner): inner.isThompson
    default: false
    }
  }

  /// Probability of each candidate, and their standard error where they were counted from draws.
  func shares(_ slot: Slot) -> (shares: [Double], error: Double) {
    let n = slot.estimates.count
    switch self {
    case .uniform: return (Array(repeating: 1 / Double(n), count: n), 0)
    case .greedy(let floor): return (Self.peak(slot.estimates.map(\.mean), floor), 0)
    case .upperConfidence(let alpha, let floor):
      return (Self.peak(slot.estimates.map { $0.mean + alpha * $0.width }, floor), 0)
    case .squareCB(let gamma):
      let best = Self.argmax(slot.estimates.map(\.mean))
      var shares = slot.estimates.map { 1 / (Double(n) + gamma * (slot.estimates[best].mean - $0.mean)) }
      shares[best] = 0
      shares[best] = 1 - shares.reduce(0, +)
      return (shares, 0)
    case .epsilon(let epsilon, let spread, let inner):
      let (base, error) = inner.shares(slot)
      let widths = slot.estimates.reduce(0) { $0 + $1.width }
      let shares = base.indices.map { i in
        let part = spread == .byWidth && widths > 0 ? slot.estimates[i].width / widths : 1 / Double(n)
        return (1 - epsilon) * base[i] + epsilon * part
      }
      return (shares, error)
    case .thompson(let v):
      if slot.joint == nil {
        let certain = slot.estimates.contains { $0.successes == 0 && v * $0.width <= 0 }
        if !certain {
          return (
            Belief.winners(
              slot.estimates.map {
                $0.successes > 0 ? .beta($0.successes, $0.failures) : .normal(mean: $0.mean, deviation: v * $0.width)
              }), 0
          )
        }
      }
      // One win is spread over all, so that nothing that may be chosen has none.
      var wins = [Double](repeating: 1 / Double(n), count: n)
      for turn in 1...Self.jointDraws { wins[Self.argmax(slot.sample(v: v, turn: UInt64(turn)))] += 1 }
      let count = Double(Self.jointDraws + 1)
      return (wins.map { $0 / count }, 0.5 / count.squareRoot())
    }
  }

  /// Index of the choice.
  func pick(_ slot: Slot) -> Int {
    pick(slot, slot.draws.uniform(decision: slot.decision, slot: slot.slot, arm: .max))
  }

  /// - Parameter u: Uniform in (0, 1); what an outer form has not used of it serves the inner one.
  private func pick(_ slot: Slot, _ u: Double) -> Int {
    switch self {
    case .thompson(let v): return Self.argmax(slot.sample(v: v, turn: 0))
    case .epsilon(let epsilon, let spread, let inner) where inner.isThompson:
      if u >= epsilon { return inner.pick(slot, (u - epsilon) / (1 - epsilon)) }
      let rest = Exploration.epsilon(1, spread, .uniform).shares(slot).shares
      return Self.locate(u / epsilon, rest)
    default: return Self.locate(u, shares(slot).shares)
    }
  }

  private static func locate(_ u: Double, _ shares: [Double]) -> Int {
    var sum = 0.0
    for (i, share) in shares.enumerated() {
      sum += share
      if u < sum { return i }
    }
    return shares.lastIndex { $0 > 0 } ?? 0
  }

  /// The best has all but the floor; of equals the first.
  private static func peak(_ scores: [Double], _ floor: Double) -> [Double] {
    var shares = [Double](repeating: floor / Double(scores.count), count: scores.count)
    shares[argmax(scores)] += 1 - floor
    return shares
  }

  static func argmax(_ scores: [Double]) -> Int {
    var best = 0
    for i in scores.indices where scores[i] > scores[best] { best = i }
    return best
  }
}

import Kernels

/// One place of a ranked list.
public struct Ranked: Sendable, Equatable {
  /// Place in the list of candidates as offered.
  public var candidate: Int
  /// 1-based.
  public var position: Int
  /// Probability of this candidate in this slot, given the slots above it. NaN where none was asked for.
  public var propensity: Double
  /// Standard error of the propensity; 0 where it is exact.
  public var propensityError: Double
  /// It is not what the highest mean would have chosen.
  public var explored: Bool
  public var estimate: Estimate
  /// Probabilities of all candidates for this slot (0 for those placed above); empty where not asked for.
  public var row: [Double]
}

/// Ranks candidates by a belief and an exploration: the same code for what learns and for what was published.
///
/// Ranking changes nothing. Draws are keyed by (model, decision, slot, arm name), so a replay chooses the same.
public struct Ranking<B: BanditBelief>: Sendable {
  public let belief: B
  public let exploration: Exploration
  public let draws: Draws

  public init(belief: B, exploration: Exploration, draws: Draws) {
    self.belief = belief
    self.exploration = exploration
    self.draws = draws
  }

  private static var nothing: UnsafePointer<Double> { UnsafePointer(bitPattern: 8)! }

  /// Ranks candidates into slots, without replacement; empty when a context is refused (not finite, wrong length).
  ///
  /// - Parameters:
  ///   - arms: The candidates' numbers in the model; one never met is an arm without data.
  ///   - contexts: One per candidate, or one for all.
  ///   - propensities: Computes every candidate's probability in every slot; for logged decisions only where that
  ///     takes draws or a quadrature.
  public func rank(
    _ candidates: [String], numbers arms: [Int], contexts: [[Double]], slots: Int, decision: UInt64,
    propensities: Bool = true
  ) -> [Ranked] {
    guard !candidates.isEmpty, contexts.count == 1 || contexts.count == candidates.count,
      contexts.allSatisfy({
        (belief.dimension == 0 || $0.count == belief.dimension) && $0.allSatisfy(\.isFinite)
      })
    else { return [] }
    let keys = candidates.map { fnv1a($0) }
    let estimates = candidates.indices.map { i in
      contexts[contexts.count == 1 ? 0 : i].withUnsafeBufferPointer {
        belief.estimate(arms[i], $0.baseAddress ?? Self.nothing)
      }
    }
    var remaining = Array(candidates.indices)
    var ranked: [Ranked] = []
    while ranked.count < slots, !remaining.isEmpty {
      let slot = Exploration.Slot(
        draws: draws, decision: decision, slot: ranked.count + 1, arms: remaining.map { keys[$0] },
        estimates: remaining.map { estimates[$0] },
        joint: exploration.isThompson && belief.sharesParameters ? factor(remaining, arms, contexts) : nil)
      let chosen = exploration.pick(slot)
      let best = Exploration.argmax(slot.estimates.map(\.mean))
      var row: [Double] = []
      var error = 0.0
      if propensities {
        let (shares, deviation) = exploration.shares(slot)
        row = Array(repeating: 0, count: candidates.count)
        for (i, share) in zip(remaining, shares) { row[i] = share }
        error = deviation
      }
      ranked.append(
        Ranked(
          candidate: remaining[chosen], position: ranked.count + 1,
          propensity: propensities ? row[remaining[chosen]] : .nan, propensityError: error, explored: chosen != best,
          estimate: slot.estimates[chosen], row: row))
      remaining.remove(at: chosen)
    }
    return ranked
  }

  /// Cholesky factor of the candidates' covariance, with the jitter that makes one of a semidefinite matrix.
  private func factor(_ remaining: [Int], _ arms: [Int], _ contexts: [[Double]]) -> [Double] {
    var matrix = [Double](repeating: 0, count: Triangle.count(remaining.count))
    for (i, a) in remaining.enumerated() {
      for (j, b) in remaining[...i].enumerated() {
        contexts[contexts.count == 1 ? 0 : a].withUnsafeBufferPointer { x in
          contexts[contexts.count == 1 ? 0 : b].withUnsafeBufferPointer { y in
            matrix[Triangle.row(i) + j] = belief.covariance(arms[a], x.baseAddress!, arms[b], y.baseAddress!)
          }
        }
      }
    }
    return Triangle.factor(matrix, remaining.count)
  }
}

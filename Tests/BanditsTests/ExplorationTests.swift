import Testing

@testable import Bandits

@Suite struct ExplorationTests {
  private func slot(_ estimates: [(Double, Double)], decision: UInt64 = 1) -> Exploration.Slot {
    Exploration.Slot(
      draws: Draws(model: 3), decision: decision, slot: 1, arms: estimates.indices.map { UInt64($0 * 7 + 1) },
      estimates: estimates.map { Estimate(mean: $0.0, width: $0.1) }, joint: nil)
  }
  private static let forms: [Exploration] = [
    .greedy(floor: 0.1), .upperConfidence(alpha: 0.5, floor: 0.02), .squareCB(gamma: 20), .thompson(v: 0.5),
    .epsilon(0.2, .evenly, .greedy(floor: 0)), .epsilon(0.3, .byWidth, .thompson(v: 1)), .uniform,
  ]

  @Test(arguments: forms)
  func `choices come as often as their propensity says`(form: Exploration) {
    let beliefs = [(0.5, 0.1), (0.45, 0.3), (0.3, 0.05), (0.52, 0.2)]
    let (shares, _) = form.shares(slot(beliefs))
    #expect(abs(shares.reduce(0, +) - 1) < 1e-12)
    var counts = [Double](repeating: 0, count: 4)
    let n = 20_000
    for decision in 0..<n { counts[form.pick(slot(beliefs, decision: UInt64(decision)))] += 1 }
    for (count, share) in zip(counts, shares) {
      let error = max((share * (1 - share) / Double(n)).squareRoot(), 1e-4)
      #expect(abs(count / Double(n) - share) < 4.5 * error, "\(form)")
    }
  }

  @Test func `epsilon, SquareCB and floors follow their formulas`() {
    let beliefs = [(0.5, 0.1), (0.4, 0.3), (0.1, 0.1)]
    let close = { (a: [Double], b: [Double]) in zip(a, b).allSatisfy { abs($0 - $1) < 1e-12 } }
    #expect(close(Exploration.greedy(floor: 0.03).shares(slot(beliefs)).shares, [0.98, 0.01, 0.01]))
    #expect(close(Exploration.upperConfidence(alpha: 1, floor: 0).shares(slot(beliefs)).shares, [0, 1, 0]))
    #expect(
      close(Exploration.squareCB(gamma: 10).shares(slot(beliefs)).shares, [1 - 1.0 / 4 - 1.0 / 7, 1.0 / 4, 1.0 / 7]))
    #expect(close(Exploration.epsilon(0.5, .byWidth, .greedy(floor: 0)).shares(slot(beliefs)).shares, [0.6, 0.3, 0.1]))
  }

  /// Beta arms: P(A beats B) for small integers has a closed sum.
  @Test func `Beta winners agree with the closed form`() {
    // Evan Miller's sum for Pr[Beta(a2,b2) > Beta(a1,b1)] with a1=3, b1=4, a2=5, b2=2.
    func closed(_ a1: Double, _ b1: Double, _ a2: Int, _ b2: Double) -> Double {
      (0..<a2).reduce(0.0) { sum, i in
        let k = Double(i)
        return sum + (Belief.logBeta(a1 + k, b1 + b2) - Belief.logBeta(1 + k, b2) - Belief.logBeta(a1, b1)).exponential
          / (b2 + k)
      }
    }
    let expected = closed(3, 4, 5, 2)
    let own = Belief.winners([.beta(3, 4), .beta(5, 2)])
    #expect(abs(own[1] - expected) < 1e-6 && abs(own[0] + own[1] - 1) < 1e-12)
    let three = Belief.winners([.beta(1, 1), .beta(1, 1), .beta(1, 1)])
    #expect(three.allSatisfy { abs($0 - 1.0 / 3) < 1e-6 })
  }

  @Test func `normal winners agree with the two-arm formula, also where one is almost certain`() {
    for (a, b) in [((0.0, 1.0), (0.5, 2.0)), ((0.3, 1e-3), (0.0, 1.0)), ((5.0, 0.1), (0.0, 0.1))] {
      let z = (a.0 - b.0) / (a.1 * a.1 + b.1 * b.1).squareRoot()
      let own = Belief.winners([.normal(mean: a.0, deviation: a.1), .normal(mean: b.0, deviation: b.1)])
      let expected = Belief.normal(mean: 0, deviation: 1).below(z)
      #expect(abs(own[0] - expected) < 1e-6)
    }
  }

  @Test func `lists are enumerated: the chance of each order is the product of its slots`() {
    let scale = ContextScale(dimension: 2, limit: 1)
    var bandit = Bandit(
      SharedModel<Exact>(scale: scale), scale: scale, exploration: .epsilon(0.3, .evenly, .squareCB(gamma: 5)), key: 5)
    for t in 0..<20 { _ = bandit.learn("a", [1, Double(t % 3) / 3], reward: Double(t % 2), at: Int64(t)) }
    let names = ["a", "b", "c"]
    let contexts = [[1.0, 0.2], [1, 0.6], [1, 0.9]]
    var seen: [[Int]: (count: Double, chance: Double)] = [:]
    let n = 6000
    for decision in 0..<n {
      let ranked = bandit.rank(names, contexts: contexts, slots: 3, decision: UInt64(decision))
      let order = ranked.map(\.candidate)
      seen[order, default: (0, ranked.reduce(1) { $0 * $1.propensity })].count += 1
    }
    #expect(seen.count == 6)
    #expect(abs(seen.values.reduce(0) { $0 + $1.chance } - 1) < 1e-9)
    for (count, chance) in seen.values {
      #expect(abs(count / Double(n) - chance) < 4.5 * (chance * (1 - chance) / Double(n)).squareRoot())
    }
  }

  @Test func `joint Thompson logs its standard error and agrees with its choices`() {
    let scale = ContextScale(dimension: 2, limit: 1)
    var bandit = Bandit(SharedModel<Exact>(scale: scale), scale: scale, exploration: .thompson(v: 1), key: 5)
    for t in 0..<20 { _ = bandit.learn("a", [1, Double(t % 3) / 3], reward: Double(t % 2), at: Int64(t)) }
    let contexts = [[1.0, 0.2], [1, 0.6], [1, 0.9]]
    let first = bandit.rank(["a", "b", "c"], contexts: contexts, slots: 1, decision: 0)[0]
    #expect(first.propensityError > 0 && first.propensityError <= 0.005)
    var counts = [0.0, 0, 0]
    for decision in 0..<4000 {
      let ranked = bandit.rank(
        ["a", "b", "c"], contexts: contexts, slots: 1, decision: UInt64(decision), propensities: false)
      counts[ranked[0].candidate] += 1
    }
    for (count, share) in zip(counts, first.row) { #expect(abs(count / 4000 - share) < 0.04) }
  }
}

extension Double {
  /// e to this, for expectations.
  fileprivate var exponential: Double {
    var term = 1.0
    var sum = 1.0
    let x = self / 1024
    for n in 1...20 {
      term *= x / Double(n)
      sum += term
    }
    for _ in 0..<10 { sum *= sum }
    return sum
  }
}

import Testing

@testable import Bandits

@Suite struct ForgettingTests {
  /// Plain discounting (A <- g A + x xᵀ) blows the covariance up where no data come; ours returns to the prior.
  @Test func `after a million steps without data in a direction its covariance is the prior's`() {
    let gamma = 0.9995
    var plain = 1.0  // the unseen direction of A
    for _ in 0..<1_000_000 { plain *= gamma }
    #expect(1 / max(plain, 1e-300) > 1e100, "the counter-example")

    let scale = ContextScale(dimension: 2, limit: 1)
    var sums = DisjointModel<Production>(scale: scale, lambda: 4, halfLife: 1386)
    var inverse = InverseModel<Production>(scale: scale, lambda: 4, halfLife: 1386)
    for t in 0..<500 {
      sums.learn(0, [0, 1], reward: 1, at: Int64(t))
      inverse.learn(0, [0, 1], reward: 1, at: Int64(t))
    }
    #expect(sums.estimate(0, [0, 1]).width < 0.1)
    for t in stride(from: 500, to: 1_000_500, by: 10) {
      sums.learn(0, [1, 0], reward: 0.5, at: Int64(t))
      inverse.learn(0, [1, 0], reward: 0.5, at: Int64(t))
    }
    for estimate in [sums.estimate(0, [0, 1]), inverse.estimate(0, [0, 1])] {
      #expect(abs(estimate.width - 0.5) < 1e-3, "the prior's width is 1/√lambda")
      #expect(abs(estimate.mean) < 1e-2)
    }
    #expect(sums.health.condition.isFinite && sums.health.condition < 1e4 && sums.health.failures == 0)
    #expect(inverse.health.asymmetry < 1e-3)
    #expect(abs(sums.estimate(0, [1, 0]).mean - 0.5) < 0.02)
  }

  /// Every learner that forgets, in both number formats: what is not met any more is as unknown as at the start.
  private func unwinds<M: BanditModel>(_ fresh: M, _ name: String, prior: Double) {
    var model = fresh
    let seen = [0.0, 1]
    for t in 0..<400 { model.learn(0, seen, reward: 1, at: Int64(t)) }
    let before = model.estimate(0, seen)
    #expect(before.width < prior / 4 && before.mean > 0.8, "\(name)")
    for t in stride(from: 400, to: 1_000_400, by: 100) { model.learn(0, [1, 0], reward: 0.5, at: Int64(t)) }
    model.publish(at: 1_000_400)
    let after = model.estimate(0, seen)
    #expect(abs(after.width - prior) < 2e-3 && abs(after.mean) < 1e-2, "\(name): \(after)")
    let health = model.health
    #expect(health.condition.isFinite && health.condition < 1e6 && health.failures == 0, "\(name): \(health)")
    #expect(health.asymmetry < 1e-3, "\(name)")
    for t in 0..<400 { model.learn(0, seen, reward: 1, at: 1_000_400 + Int64(t)) }
    model.publish(at: 1_000_800)
    #expect(model.estimate(0, seen).mean > 0.8, "\(name) learns again")
  }

  @Test func `forgetting never winds up, whatever the learner`() {
    let scale = ContextScale(dimension: 2, limit: 1)
    func all<F: NumberFormat>(_: F.Type) {
      unwinds(SharedModel<F>(scale: scale, lambda: 4, halfLife: 1386), "shared \(F.name)", prior: 0.5)
      unwinds(DisjointModel<F>(scale: scale, lambda: 4, halfLife: 1386), "disjoint \(F.name)", prior: 0.5)
      unwinds(InverseModel<F>(scale: scale, lambda: 4, halfLife: 1386), "inverse \(F.name)", prior: 0.5)
      // The prior of an arm is the shared part's uncertainty and its own: 1/4 + 1/8.
      unwinds(
        HybridModel<F>(scale: scale, lambda: 4, rho: 8, halfLife: 1386, sharedHalfLife: 2772), "hybrid \(F.name)",
        prior: 0.375.squareRoot())
    }
    all(Production.self)
    all(Exact.self)
    var beta = BetaModel<Production>(halfLife: 1386)
    let nothing = [0.0]
    for t in 0..<400 { beta.learn(0, nothing, reward: 1, at: Int64(t)) }
    beta.learn(1, nothing, reward: 1, at: 1_000_000)
    beta.publish(at: 1_000_000)
    let forgotten = beta.estimate(0, nothing)
    #expect(abs(forgotten.successes - 1) < 1e-6 && abs(forgotten.failures - 1) < 1e-6)
  }

  @Test func `a decision weighs half after a half-life`() {
    let scale = ContextScale(dimension: 1, limit: 1)
    var sums = Sums<Production>(scale: scale, halfLife: 800)
    sums.add([1], reward: 1, at: 0)
    for (age, weight) in [(Int64(0), 1.0), (800, 0.5), (1600, 0.25), (6399, 0.0042), (6400, 0)] {
      #expect(abs(sums.single(at: age).n - weight) < 1e-3)
    }
  }

  @Test func `layouts have their sizes, names and fingerprints`() {
    #expect(ContextLayout.media100.dimension == 100)
    #expect(ContextLayout.media100.range("trust") == 32..<38)
    #expect(ContextLayout.media100.range("crosses") == 76..<100)
    #expect(ContextLayout.w1.dimension == 100)
    #expect(ContextLayout.w1.range("previous_reward") == 99..<100)
    let pairs = ContextLayout.pairs(groups: [4, 3, 3])
    #expect(pairs.dimension == 1 + 10 + 12 + 12 + 9)
    let x = pairs.pairs([3, 0, 2])
    #expect(x.filter { $0 != 0 }.count == 7 && x[0] == 3 && x[4] == 3 && x[pairs.dimension - 7] == 3)
    #expect(ContextLayout.w1.fingerprint != ContextLayout.media100.fingerprint)
    #expect(ContextLayout.w1.fingerprint == ContextLayout.w1.fingerprint)
  }
}

import Testing

@testable import Bandits

/// What ranked lists promise, over every model and every way to explore.
@Suite struct PropensityTests {
  private static let inner: [Exploration] = [
    .greedy(floor: 0.1), .upperConfidence(alpha: 0.5, floor: 0.05), .squareCB(gamma: 6), .thompson(v: 0.7), .uniform,
  ]
  private static let forms =
    inner + inner.map { .epsilon(0.25, .evenly, $0) } + [
      .epsilon(0.4, .byWidth, .upperConfidence(alpha: 1, floor: 0)), .epsilon(0.2, .byWidth, .thompson(v: 1)),
      .epsilon(0.3, .evenly, .epsilon(0.5, .byWidth, .thompson(v: 0.5))),
      .epsilon(0.3, .byWidth, .epsilon(0.5, .evenly, .squareCB(gamma: 20))),
    ]
  private static let names = ["a", "b", "c"]
  private static let contexts = [[1.0, 0.2], [1, 0.6], [1, 0.9]]

  /// Every order of three arms comes as often as the product of its slots' propensities says, and these sum to 1.
  private func enumerate<M: BanditModel>(_ fresh: M, _ form: Exploration, _ name: String) {
    let scale = ContextScale(dimension: fresh.dimension, limit: 1)
    var bandit = Bandit(fresh, scale: scale, exploration: form, key: 5)
    let contexts = fresh.dimension == 0 ? [[]] : Self.contexts
    for t in 0..<24 {
      let x = fresh.dimension == 0 ? [] : [1, Double(t % 3) / 3]
      _ = bandit.learn(Self.names[t % 2], x, reward: Double(t % 4) / 4, at: Int64(t))
    }
    bandit.publish(at: 24)
    let n = 1500
    var counts: [[Int]: Int] = [:]
    var chances: [[Int]: Double] = [:]
    var error = 0.0
    for decision in 0..<UInt64(n) {
      func rank(_ propensities: Bool) -> [Ranked] {
        bandit.rank(Self.names, contexts: contexts, slots: 3, decision: decision, propensities: propensities)
      }
      let order = rank(false).map(\.candidate)
      counts[order, default: 0] += 1
      guard chances[order] == nil else { continue }
      let logged = rank(true)
      #expect(logged.map(\.candidate) == order, "asking for propensities changes no choice")
      for place in logged {
        #expect(abs(place.row.reduce(0, +) - 1) < 1e-12 && place.row[place.candidate] == place.propensity)
        #expect(place.propensity > 0 && place.propensity <= 1)
        error = max(error, place.propensityError)
      }
      chances[order] = logged.reduce(1) { $0 * $1.propensity }
    }
    let sum = chances.values.reduce(0, +)
    #expect(sum < 1 + 6 * error + 1e-9 && sum > 0.98 - 6 * error, "\(name), \(form): \(sum)")
    if chances.count == 6 { #expect(abs(sum - 1) < 1e-5 + 6 * error, "\(name), \(form): \(sum)") }
    for (order, chance) in chances {
      let spread = 4.5 * (chance * (1 - chance) / Double(n)).squareRoot() + 3 * error + 2.0 / Double(n)
      #expect(abs(Double(counts[order]!) / Double(n) - chance) < spread, "\(name), \(form), \(order)")
    }
  }

  @Test(arguments: forms)
  func `lists of every learner come as often as their propensities say`(form: Exploration) {
    let scale = ContextScale(dimension: 2, limit: 1)
    enumerate(SharedModel<Production>(scale: scale), form, "shared")
    enumerate(HybridModel<Production>(scale: scale, rho: 3), form, "hybrid")
    enumerate(DisjointModel<Production>(scale: scale), form, "disjoint")
    enumerate(InverseModel<Production>(scale: scale), form, "inverse")
    enumerate(BetaModel<Production>(), form, "beta")
    enumerate(OnlineModel<Production>(scale: scale), form, "online")
  }

  private func learned(_ form: Exploration, key: UInt64 = 9) -> Bandit<HybridModel<Production>> {
    let scale = ContextScale(dimension: 2, limit: 1)
    var bandit = Bandit(HybridModel<Production>(scale: scale), scale: scale, exploration: form, key: key)
    for t in 0..<60 {
      _ = bandit.learn("arm-\(t % 5)", [1, Double(t % 7) / 7], reward: Double(t % 5) / 5, at: Int64(t))
    }
    bandit.publish(at: 60)
    return bandit
  }

  @Test(arguments: forms)
  func `any subset of arms may be offered, also ones never seen`(form: Exploration) {
    let bandit = learned(form)
    for names in [["arm-3", "arm-0"], ["arm-4", "new-1", "arm-1", "new-2"], ["new-3"]] {
      let ranked = bandit.rank(names, contexts: [[1, 0.5]], slots: 9, decision: 3)
      #expect(ranked.count == names.count && Set(ranked.map(\.candidate)).count == names.count)
      #expect(ranked.map(\.position) == Array(1...names.count))
      for place in ranked {
        #expect(place.estimate.mean == bandit.estimate(names[place.candidate], [1, 0.5]).mean)
        #expect(place.row.count == names.count)
      }
      for (above, place) in ranked.enumerated() {
        for taken in ranked[..<above] { #expect(place.row[taken.candidate] == 0, "without replacement") }
      }
      #expect(abs(ranked.last!.propensity - 1) < 1e-12, "the last of a list is certain")
    }
    #expect(bandit.rank([], contexts: [[1, 0.5]], slots: 3, decision: 3).isEmpty)
    #expect(bandit.names == (0..<5).map { "arm-\($0)" }, "offering a name does not make an arm")
  }

  @Test(arguments: forms)
  func `a replay repeats the draws, another model or decision has its own`(form: Exploration) {
    let names = (0..<5).map { "arm-\($0)" }
    func choices(_ bandit: Bandit<HybridModel<Production>>, from: UInt64 = 0) -> [[Int]] {
      (from..<from + 40).map {
        bandit.rank(names, contexts: [[1, 0.5]], slots: 2, decision: $0, propensities: false).map(\.candidate)
      }
    }
    let once = choices(learned(form))
    #expect(choices(learned(form)) == once)
    #expect(choices(learned(form, key: 10)) != once)
    #expect(choices(learned(form), from: 1000) != once)
  }

  @Test func `a Thompson draw belongs to its arm's name, not to its place in the list`() {
    let scale = ContextScale(dimension: 2, limit: 1)
    var bandit = Bandit(DisjointModel<Production>(scale: scale), scale: scale, exploration: .thompson(v: 1), key: 2)
    for t in 0..<40 { _ = bandit.learn("arm-\(t % 4)", [1, 0.3], reward: Double(t % 3) / 3, at: Int64(t)) }
    let names = (0..<4).map { "arm-\($0)" }
    for decision in 0..<60 as Range<UInt64> {
      func first(_ names: [String]) -> String {
        names[
          bandit.rank(names, contexts: [[1, 0.3]], slots: 1, decision: decision, propensities: false)[0].candidate]
      }
      #expect(first(names) == first(names.reversed()))
    }
  }
}

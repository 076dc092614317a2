import Testing

@testable import Bandits

/// What every learner promises, whatever its kind and number format.
private func contract<M: BanditModel>(_ fresh: M, _ name: String, orderFree: Bool) {
  let d = max(1, fresh.dimension)
  let scale = ContextScale(dimension: fresh.dimension, limit: 2)
  func bandit() -> Bandit<M> {
    Bandit(fresh, scale: scale, exploration: .upperConfidence(alpha: 0.3, floor: 0.01), key: 7)
  }
  func bytes(_ b: Bandit<M>) -> [UInt8] {
    var out: [UInt8] = []
    b.encode(into: &out)
    return out
  }
  var random = SplitMix(seed: 3)
  let log: [(arm: String, x: [Double], reward: Double, time: Int64)] = (0..<300).map { t in
    (
      "arm-\(random.below(4))", (0..<d).map { $0 == 0 ? 1 : random.uniform() - 0.5 }.prefix(fresh.dimension).map { $0 },
      random.uniform(), Int64(t)
    )
  }
  func learned(_ order: [Int]) -> Bandit<M> {
    var b = bandit()
    for arm in 0..<4 { _ = b.named("arm-\(arm)") }
    for i in order { _ = b.learn(log[i].arm, log[i].x, reward: log[i].reward, at: log[i].time) }
    b.publish(at: 300)
    return b
  }
  let order = Array(log.indices)
  let one = learned(order)

  #expect(bytes(one) == bytes(learned(order)), "\(name): a replay gives equal bytes")

  var restored = bandit()
  var reader = StateReader(bytes(one))
  let isRead = restored.decode(&reader) && reader.isAtEnd
  #expect(isRead, "\(name): a checkpoint is read back")
  restored.publish(at: 300)
  #expect(bytes(restored) == bytes(one), "\(name): a checkpoint round-trips")
  let probe = Array(log[5].x)
  let names = (0..<4).map { "arm-\($0)" } + ["never seen"]
  for arm in names {
    let a = one.estimate(arm, probe)
    let b = restored.estimate(arm, probe)
    #expect(abs(a.mean - b.mean) < 1e-4 && abs(a.width - b.width) < 1e-4, "\(name): answers survive a checkpoint")
    #expect(a.mean.isFinite && a.width >= 0)
  }
  var torn = bandit()
  var short = StateReader(Array(bytes(one).dropLast(9)))
  let isTornRead = torn.decode(&short)
  #expect(!isTornRead, "\(name): a torn checkpoint is refused")

  if orderFree {
    var shuffled = order
    random.shuffle(&shuffled[...])
    #expect(bytes(learned(shuffled)) == bytes(one), "\(name): order does not show")
  }

  let before = bytes(one)
  let ranked = one.rank(names, contexts: [probe], slots: 3, decision: 11)
  #expect(bytes(one) == before, "\(name): ranking changes nothing")
  #expect(ranked == one.rank(names, contexts: [probe], slots: 3, decision: 11), "\(name): draws repeat")
  #expect(Set(ranked.map(\.candidate)).count == 3, "\(name): without replacement")
  for place in ranked {
    #expect(abs(place.row.reduce(0, +) - 1) < 1e-12, "\(name): a slot's propensities sum to 1")
    #expect(place.propensity == place.row[place.candidate] && place.propensity > 0)
  }

  var refusing = one
  let x = Array(log[0].x)
  let outcome1 = refusing.learn("arm-0", x, reward: .nan, at: 301)
  #expect(outcome1 == .refused)
  let outcome2 = refusing.learn("arm-0", x, reward: .infinity, at: 301)
  #expect(outcome2 == .refused)
  let outcome3 = refusing.learn("arm-0", x + [1], reward: 0.5, at: 301)
  #expect(outcome3 == .refused)
  if fresh.dimension > 0 {
    let outcome4 = refusing.learn("arm-0", [.nan] + x.dropFirst(), reward: 0.5, at: 301)
    #expect(outcome4 == .refused)
    #expect(refusing.rank(names, contexts: [[.nan] + x.dropFirst()], slots: 1, decision: 1).isEmpty)
    let outcome5 = refusing.learn("arm-0", [99] + x.dropFirst(), reward: 0.5, at: 301)
    #expect(outcome5 == .clamped)
  }
  #expect(refusing.estimate("arm-1", x) == one.estimate("arm-1", x) || fresh.sharesParameters || fresh.dimension > 0)
  let outcome6 = refusing.learn("arm-0", x, reward: 40, at: 301)
  #expect(outcome6 == .clamped, "\(name): a reward out of range is clamped")
  #expect(refusing.refusedCount >= 3)

  var twins = bandit()
  for t in 0..<200 {  // a constant context, two identical arms and one that never pays
    for (arm, reward) in [("a", 0.7), ("b", 0.7), ("never", 0.0)] {
      _ = twins.learn(arm, Array(repeating: 1, count: fresh.dimension), reward: reward, at: Int64(t))
    }
  }
  twins.publish(at: 200)
  let constant = Array(repeating: 1.0, count: fresh.dimension)
  let (a, b, never) = (twins.estimate("a", constant), twins.estimate("b", constant), twins.estimate("never", constant))
  #expect(abs(a.mean - b.mean) < 0.03, "\(name): identical arms are believed alike")
  #expect(a.mean.isFinite && never.mean.isFinite && a.width.isFinite)
  #expect(a.mean > never.mean || M.self == SharedModel<Exact>.self || M.self == SharedModel<Production>.self)
  #expect(twins.model.health.byteCount < 4 << 20, "\(name): memory is bounded")
}

@Suite struct ContractTests {
  private static func all<F: NumberFormat>(_: F.Type) {
    let scale = ContextScale(dimension: 5, limit: 2)
    let exact = F.self == Production.self
    contract(SharedModel<F>(scale: scale), "shared \(F.name)", orderFree: exact)
    contract(SharedModel<F>(scale: scale, halfLife: 80), "shared, forgetting \(F.name)", orderFree: exact)
    contract(HybridModel<F>(scale: scale, halfLife: 80, sharedHalfLife: 160), "hybrid \(F.name)", orderFree: exact)
    contract(DisjointModel<F>(scale: scale), "disjoint \(F.name)", orderFree: exact)
    contract(DisjointModel<F>(scale: scale, halfLife: 40), "disjoint, forgetting \(F.name)", orderFree: exact)
    contract(BetaModel<F>(halfLife: 40), "beta \(F.name)", orderFree: exact)
    contract(InverseModel<F>(scale: scale), "inverse \(F.name)", orderFree: false)
    contract(InverseModel<F>(scale: scale, halfLife: 100), "inverse, forgetting \(F.name)", orderFree: false)
    contract(OnlineModel<F>(scale: scale), "online linear \(F.name)", orderFree: false)
    contract(OnlineModel<F>(scale: scale, eta: 0.05, loss: .logistic), "online logistic \(F.name)", orderFree: false)
  }

  @Test func `every learner keeps the contract in Double`() { Self.all(Exact.self) }
  @Test func `every learner keeps the contract in the production form`() { Self.all(Production.self) }

  @Test func `a new arm of a hybrid starts warm from its content features, and then goes its own way`() {
    var model = HybridModel<Production>(scale: ContextScale(dimension: 2, limit: 1), rho: 10)
    for t in 0..<400 {
      let feature = Double(t % 5) / 2 - 1
      model.learn(t % 4, [1, feature], reward: 0.5 + 0.4 * feature, at: Int64(t))
    }
    model.publish(at: 400)
    #expect(abs(model.estimate(9, [1, 1]).mean - 0.9) < 0.05 && abs(model.estimate(9, [1, -1]).mean - 0.1) < 0.05)
    #expect(model.estimate(9, [1, 1]).width > 2 * model.estimate(0, [1, 1]).width, "and is less sure")
    for t in 400..<600 { model.learn(9, [1, 1], reward: 0, at: Int64(t)) }
    model.publish(at: 600)
    #expect(model.estimate(9, [1, 1]).mean < 0.2)
    #expect(model.estimate(0, [1, 1]).mean > 0.8, "its own data are the arm's")
  }

  @Test func `sums of three workers add up to the bits of one, in any order`() {
    let scale = ContextScale(dimension: 6, limit: 1)
    var random = SplitMix(seed: 9)
    let log = (0..<400).map { t in ((0..<6).map { _ in random.uniform() * 2 - 1 }, random.uniform(), Int64(t)) }
    var whole = HybridModel<Production>(scale: scale, halfLife: 100)
    for (i, entry) in log.enumerated() { whole.learn(i % 3, entry.0, reward: entry.1, at: entry.2) }
    var parts = (0..<3).map { _ in HybridModel<Production>(scale: scale, halfLife: 100) }
    var order = Array(log.indices)
    random.shuffle(&order[...])
    for i in order { parts[i % 7 % 3].learn(i % 3, log[i].0, reward: log[i].1, at: log[i].2) }
    var merged = parts[2]
    merged.merge(parts[0])
    merged.merge(parts[1])
    var a: [UInt8] = []
    var b: [UInt8] = []
    whole.encode(into: &a)
    merged.encode(into: &b)
    #expect(a == b)
  }
}

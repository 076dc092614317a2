/// The configuration called `default`: one for all data sets; only the layout belongs to the data.
public enum DefaultLearner {
  /// Precision of the shared prior.
  public static let lambda = 1.0
  /// Precision of an arm's departure from the shared part.
  public static let rho = 60.0
  public static let alpha = 0.3
  /// Spread evenly over all candidates, so that every propensity is positive.
  public static let floor = 0.002
  /// Decisions (in live use: milliseconds) after which a decision weighs half, for arms.
  public static let halfLife: Int64 = 1600
  /// The same for the shared part, which a change among arms hardly touches.
  public static let sharedHalfLife: Int64 = 6400
  public static var exploration: Exploration { .upperConfidence(alpha: alpha, floor: floor) }
}

/// `bench learn`: mean reward of every learner over seeded runs.
public struct LearnBench: Sendable {
  public struct Result: Sendable {
    public var dataset: String
    public var variant: String
    public var learner: String
    public var runs: Int
    public var mean: Double
    public var error: Double
  }
  public private(set) var results: [Result] = []
  public private(set) var peers: [(dataset: String, variant: String, name: String, mean: Double, error: Double?)] = []
  private let runs: Int
  private let seed: UInt64
  private let write: String?

  public init(runs: Int = 12, seed: UInt64 = 1, write: String? = nil) {
    self.runs = max(2, runs)
    self.seed = seed
    self.write = write
  }

  /// Runs every learner on one data set, telling each result as it comes.
  public mutating func run(_ data: BenchData, each: (Result) -> Void = { _ in }) throws(DataError) {
    peers += data.peers.map { (data.name, $0.variant.rawValue, $0.name, $0.mean, $0.error) }
    let persist = data.armsPersist
    let layout = data.scale
    func disjoint(_ halfLife: Int64 = 0) -> DisjointModel<Production> {
      DisjointModel(scale: layout, halfLife: halfLife)
    }
    func shared() -> SharedModel<Production> { SharedModel(scale: layout) }
    for variant in data.variants {
      try all(data, variant, "default", Self.hybrid(data, Production.self), DefaultLearner.exploration, each)
      try all(data, variant, "default, Double", Self.hybrid(data, Exact.self), DefaultLearner.exploration, each)
      try all(
        data, variant, "default, no forgetting", Self.hybrid(data, Production.self, forgetting: false),
        DefaultLearner.exploration, each)
      let plain = Exploration.upperConfidence(alpha: 0.2, floor: 0)
      if variant == .coffee {
        try all(
          data, variant, "default, 20 % uniform", Self.hybrid(data, Production.self),
          .epsilon(0.2, .evenly, .upperConfidence(alpha: DefaultLearner.alpha, floor: 0)), each)
        try all(data, variant, "linucb-disjoint", disjoint(), plain, each)
        continue
      }
      if persist {
        try all(data, variant, "linucb-disjoint", disjoint(), plain, each)
        try all(data, variant, "thompson-disjoint", disjoint(), .thompson(v: 0.1), each)
        try all(data, variant, "squarecb", Self.hybrid(data, Production.self), .squareCB(gamma: 400), each)
        try all(data, variant, "epsilon-greedy", disjoint(), .epsilon(0.05, .evenly, .greedy(floor: 0)), each)
        try all(data, variant, "beta", BetaModel<Production>(), .thompson(v: 1), each)
        try all(
          data, variant, "online-linear", OnlineModel<Production>(scale: layout),
          .epsilon(0.05, .evenly, .greedy(floor: 0)), each)
        try all(
          data, variant, "online-logistic", OnlineModel<Production>(scale: layout, eta: 0.05, loss: .logistic),
          .epsilon(0.05, .evenly, .greedy(floor: 0)), each)
      } else {
        try all(data, variant, "linucb-shared", shared(), plain, each)
        try all(data, variant, "thompson-shared", shared(), .thompson(v: 0.1), each)
        try all(data, variant, "squarecb", shared(), .squareCB(gamma: 400), each)
        try all(data, variant, "epsilon-greedy", shared(), .epsilon(0.05, .evenly, .greedy(floor: 0)), each)
      }
      try all(data, variant, "random", BetaModel<Production>(), .uniform, each)
    }
  }

  /// The default's model over a data set's layout.
  static func hybrid<F: NumberFormat>(_ data: BenchData, _: F.Type, forgetting: Bool = true) -> HybridModel<F> {
    HybridModel(
      scale: data.scale, lambda: DefaultLearner.lambda, rho: DefaultLearner.rho,
      halfLife: forgetting ? DefaultLearner.halfLife : 0,
      sharedHalfLife: forgetting ? DefaultLearner.sharedHalfLife : 0,
      residuals: data.armsPersist)
  }

  private mutating func all<M: BanditModel>(
    _ data: BenchData, _ variant: BenchData.Variant, _ learner: String, _ fresh: M, _ exploration: Exploration,
    _ each: (Result) -> Void
  ) throws(DataError) {
    let count = variant == .coffee ? max(30, runs) : runs
    let writes = write != nil && variant != .coffee
    let seed = seed
    let all = Runs.map(count) { run -> (mean: Double, csv: String) in
      var random = SplitMix(seed: Draws.mix(seed) ^ UInt64(run))
      let order = data.order(variant, run: run, &random)
      var model = fresh
      var csv = ""
      let mean = Self.once(
        data, variant, order, &model, exploration, Draws(model: seed &* 1000 &+ UInt64(run))
      ) { if writes { csv += "\(run),\($0),\($1),\($2)\n" } }
      return (mean, csv)
    }
    let means = all.map(\.mean)
    let mean = means.reduce(0, +) / Double(count)
    let variance = means.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(count - 1)
    let result = Result(
      dataset: data.name, variant: variant.rawValue, learner: learner, runs: count, mean: mean,
      error: (variance / Double(count)).squareRoot())
    results.append(result)
    each(result)
    if let write, writes {
      try OutFile.makeFolder("\(write)/\(variant.rawValue)")
      try OutFile.write(
        "run,step,row,choice\n" + all.map(\.csv).joined(), to: "\(write)/\(variant.rawValue)/\(learner).csv")
    }
  }

  /// One run; its mean reward (coffee: of the last 1,000 rounds; replay: of the matches).
  private static func once<M: BanditModel>(
    _ data: BenchData, _ variant: BenchData.Variant, _ order: [Int], _ model: inout M, _ exploration: Exploration,
    _ draws: Draws, _ told: (Int, Int, Int) -> Void
  ) -> Double {
    var total = 0.0
    var counted = 0
    var time: Int64 = 0
    var slot = Exploration.Slot(draws: draws, decision: 0, slot: 1, arms: [], estimates: [], joint: nil)
    for (step, row) in order.enumerated() {
      let decision = data.decisions[row]
      let one = decision.contexts.count == 1
      slot.decision = UInt64(step)
      slot.arms.removeAll(keepingCapacity: true)
      slot.estimates.removeAll(keepingCapacity: true)
      for (i, arm) in decision.arms.enumerated() {
        slot.arms.append(UInt64(arm))
        slot.estimates.append(model.estimate(arm, decision.contexts[one ? 0 : i]))
      }
      if exploration.isThompson, model.sharesParameters { slot.joint = factor(model, decision) }
      let chosen = exploration.pick(slot)
      told(step, row, chosen)
      if decision.logged >= 0, decision.arms[chosen] != decision.logged { continue }
      let shift = variant == .drift && step >= order.count / 2 ? 3 : 0
      let reward = decision.rewards[(chosen + shift) % decision.rewards.count]
      if variant != .coffee || step >= order.count - 1000 {
        total += reward
        counted += 1
      }
      model.learn(decision.arms[chosen], decision.contexts[one ? 0 : chosen], reward: reward, at: time)
      time += 1
    }
    return counted > 0 ? total / Double(counted) : 0
  }

  private static func factor<M: BanditModel>(_ model: M, _ decision: BenchData.Decision) -> [Double] {
    let n = decision.arms.count
    var matrix = [Double](repeating: 0, count: Triangle.count(n))
    let one = decision.contexts.count == 1
    for i in 0..<n {
      for j in 0...i {
        matrix[Triangle.row(i) + j] = model.covariance(
          decision.arms[i], decision.contexts[one ? 0 : i], decision.arms[j], decision.contexts[one ? 0 : j])
      }
    }
    return Triangle.factor(matrix, n)
  }

  /// `{"results":[...]}` on one line.
  public var json: String {
    let rows = results.map {
      "{\"dataset\":\"\($0.dataset)\",\"variant\":\"\($0.variant)\",\"learner\":\"\($0.learner)\",\"runs\":\($0.runs),"
        + "\"mean\":\($0.mean),\"se\":\($0.error)}"
    }
    return "{\"results\":[\(rows.joined(separator: ","))]}"
  }

  /// A table per variant, ours and stored ones together, best first.
  public var text: String {
    var lines: [String] = []
    var done: [String] = []
    for result in results where !done.contains(result.dataset + result.variant) {
      done.append(result.dataset + result.variant)
      lines.append("\(result.dataset), \(result.variant)")
      var rows: [(String, Double, Double?)] = results.filter {
        $0.dataset == result.dataset && $0.variant == result.variant
      }.map { ("* " + $0.learner, $0.mean, $0.error) }
      rows += peers.filter { $0.dataset == result.dataset && $0.variant == result.variant }.map {
        ("  " + $0.name, $0.mean, $0.error)
      }
      for (name, mean, error) in rows.sorted(by: { $0.1 > $1.1 }) {
        let spread = error.map { " +- " + OutFile.decimal($0, 5) } ?? ""
        lines.append(
          "  \(OutFile.decimal(mean, 5))\(spread)\(String(repeating: " ", count: 12 - spread.count)) \(name)")
      }
    }
    return lines.joined(separator: "\n") + "\n"
  }
}

extension BenchData {
  /// Ranges of the slots: what the data reach.
  public var scale: ContextScale {
    var limits = [Double](repeating: 0x1p-10, count: dimension)
    for decision in decisions {
      for x in decision.contexts { for i in x.indices { limits[i] = max(limits[i], abs(x[i])) } }
    }
    return ContextScale(limits: limits)
  }

  /// Rows in the order of a run. Run 0 is the file's order; under drift each half is shuffled within itself.
  func order(_ variant: Variant, run: Int, _ random: inout SplitMix) -> [Int] {
    var order = Array(decisions.indices)
    switch variant {
    case .coffee: return (0..<10_000).map { _ in random.below(decisions.count) }
    case .chained:
      return (0..<permutations.count).flatMap { permutations[($0 + run) % permutations.count] }
    case .stationary, .slates:
      if run > 0 { random.shuffle(&order[...]) }
    case .drift:
      if run > 0 {
        let middle = order.count / 2
        random.shuffle(&order[..<middle])
        random.shuffle(&order[middle...])
      }
    }
    return order
  }
}

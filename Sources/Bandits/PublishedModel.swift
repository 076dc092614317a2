import Kernels

/// A published snapshot made ready to answer: what serving reads. It cannot learn, by type.
///
///     let model = try PublishedModel(decoding: bytes)
///     let list = model.rank(["t1", "t2"], contexts: [x1, x2], slots: 2, decision: 7)
public struct PublishedModel: BanditBelief {
  public let snapshot: ModelSnapshot
  private let prior: Posterior
  private let arms: [Posterior]
  private let index: [String: Int]

  public init(decoding bytes: [UInt8]) throws(ModelSnapshot.Fault) {
    self = PublishedModel(try ModelSnapshot(decoding: bytes))
  }

  public init(_ snapshot: ModelSnapshot) {
    self.snapshot = snapshot
    let spec = snapshot.spec
    let d = max(1, spec.dimension)
    let own = spec.learner == .hybrid ? spec.rho : spec.lambda
    prior = Posterior(dimension: d, lambda: spec.lambda, snapshot.shared)
    arms =
      spec.learner == .beta
      ? [] : snapshot.arms.map { Posterior(dimension: d, lambda: own, $0.part) }
    index = Dictionary(uniqueKeysWithValues: snapshot.arms.enumerated().map { ($1.name, $0) })
  }

  public var spec: ModelSpec { snapshot.spec }
  public var dimension: Int { spec.learner == .beta ? 0 : spec.dimension }
  public var sharesParameters: Bool { spec.learner.hasShared }

  /// Number of an arm; nil = none of its own.
  public func arm(_ name: String) -> Int? { index[name] }

  public func estimate(_ arm: String, _ x: [Double]) -> Estimate {
    x.withUnsafeBufferPointer {
      estimate(index[arm] ?? .max, $0.baseAddress ?? UnsafePointer(bitPattern: 8)!)
    }
  }

  public func estimate(_ arm: Int, _ x: UnsafePointer<Double>) -> Estimate {
    switch spec.learner {
    case .shared, .squarecb: return Estimate(mean: prior.mean(x), width: max(0, prior.variance(x)).squareRoot())
    case .hybrid:
      guard arm < arms.count else {
        let own = Triangle.dot(x, x, spec.dimension) / spec.rho
        return Estimate(mean: prior.mean(x), width: max(0, own + prior.variance(x)).squareRoot())
      }
      return Posterior.hybrid(prior: prior, own: arms[arm], rho: spec.rho, x)
    case .disjoint, .thompson:
      guard arm < arms.count else {
        return Estimate(mean: 0, width: (Triangle.dot(x, x, spec.dimension) / spec.lambda).squareRoot())
      }
      return Estimate(mean: arms[arm].mean(x), width: max(0, arms[arm].variance(x)).squareRoot())
    case .beta:
      let known = arm < snapshot.arms.count ? snapshot.arms[arm].part.theta : [1, 1]
      return .beta(successes: known[0], failures: known[1])
    case .linear, .logistic:
      let sum = prior.mean(x)
      return Estimate(
        mean: spec.learner == .linear ? sum : 1 / (1 + Elementary.exp(-sum)),
        width: 1 / (prior.weight + 1).squareRoot())
    }
  }

  public func covariance(_ a: Int, _ x: UnsafePointer<Double>, _ b: Int, _ y: UnsafePointer<Double>) -> Double {
    switch spec.learner {
    case .shared, .squarecb: return prior.covariance(x, y)
    case .hybrid:
      return Posterior.hybrid(
        prior: prior, a < arms.count ? arms[a] : nil, x, b < arms.count ? arms[b] : nil, y, isSame: a == b,
        rho: spec.rho)
    case .disjoint, .thompson:
      guard a == b else { return 0 }
      return a < arms.count ? arms[a].covariance(x, y) : Triangle.dot(x, y, spec.dimension) / spec.lambda
    case .beta, .linear, .logistic:
      guard a == b else { return 0 }
      let width = estimate(a, x).width
      return width * width
    }
  }

  public func weight(_ arm: Int) -> Double { arm < snapshot.arms.count ? snapshot.arms[arm].part.weight : 0 }

  /// Ranks candidates into slots as the model's own exploration says.
  ///
  /// - Parameters:
  ///   - contexts: One per candidate, or one for all; may be empty for `beta`.
  ///   - decision: What keys the draws: the same one chooses the same.
  ///   - exploration: In place of the model's own.
  public func rank(
    _ candidates: [String], contexts: [[Double]], slots: Int, decision: UInt64, propensities: Bool = true,
    exploration: Exploration? = nil
  ) -> [Ranked] {
    let key = fnv1a(spec.name) ^ spec.fingerprint
    return Ranking(belief: self, exploration: exploration ?? spec.exploration, draws: Draws(model: key)).rank(
      candidates, numbers: candidates.map { index[$0] ?? .max }, contexts: contexts.isEmpty ? [[]] : contexts,
      slots: slots, decision: decision, propensities: propensities)
  }
}

extension Estimate {
  /// Mean and standard deviation of Beta(successes, failures).
  public static func beta(successes alpha: Double, failures beta: Double) -> Estimate {
    let total = alpha + beta
    var estimate = Estimate(mean: alpha / total, width: (alpha * beta / (total * total * (total + 1))).squareRoot())
    estimate.successes = alpha
    estimate.failures = beta
    return estimate
  }
}

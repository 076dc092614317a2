/// A shared regression as prior, and per arm what departs from it.
///
/// theta_a has the prior N(theta, 1/rho) around the shared theta, so an arm without data answers as its features
/// say and is not empty. theta_a = M_a (b_a + rho theta) with M_a = (rho I + Σ_a x xᵀ)^-1, and the width adds what
/// is uncertain in theta: xᵀ M_a x + rho² (M_a x)ᵀ A^-1 (M_a x). Both parts are *Sums*; the prior mean enters when
/// they are solved, so order cannot show. Without `residuals` (open sets of titles, each shown rarely) this is the
/// shared model.
///
/// - SeeAlso: the idea of Li et al. 2010, algorithm 2, with a hierarchical prior in place of its second feature set.
public struct HybridModel<F: NumberFormat>: BanditModel {
  public let scale: ContextScale
  /// Precision of the shared prior.
  public let lambda: Double
  /// Precision of an arm's departure from it.
  public let rho: Double
  public let halfLife: Int64
  public let residuals: Bool
  private var shared: Sums<F>
  private var prior: Posterior
  private var arms: [Sums<F>] = []
  private var posteriors: [Posterior] = []
  private var solvedBucket = Int64.min

  public init(
    scale: ContextScale, lambda: Double = 1, rho: Double = 60, halfLife: Int64 = 0, sharedHalfLife: Int64 = 0,
    residuals: Bool = true
  ) {
    self.scale = scale
    self.lambda = lambda
    self.rho = rho
    self.halfLife = halfLife
    self.residuals = residuals
    shared = Sums(scale: scale, halfLife: sharedHalfLife)
    prior = Posterior(dimension: scale.dimension, lambda: lambda)
  }

  public var dimension: Int { scale.dimension }
  public var armCount: Int { arms.count }
  public var sharesParameters: Bool { true }

  /// What estimates are read from.
  var solved: (prior: Posterior, arms: [Posterior]) { (prior, posteriors) }

  private mutating func grow(_ arm: Int) {
    while arms.count <= arm {
      arms.append(Sums(scale: scale, halfLife: halfLife))
      posteriors.append(Posterior(dimension: dimension, lambda: rho))
    }
  }

  public mutating func learn(_ arm: Int, _ x: UnsafePointer<Double>, reward: Double, at time: Int64) {
    shared.add(x, reward: reward, at: time)
    shared.rounded(x, reward) { prior.track($0, reward: $1) }
    if residuals {
      grow(arm)
      arms[arm].add(x, reward: reward, at: time)
      arms[arm].rounded(x, reward) { posteriors[arm].track($0, reward: $1) }
    }
    if clock(time) > solvedBucket { publish(at: time) }
  }

  public mutating func correct(
    _ arm: Int, _ x: UnsafePointer<Double>, from old: Double, to new: Double, at time: Int64
  ) {
    shared.correct(x, from: old, to: new, at: time)
    shared.rounded(x, new - old) { prior.track($0, change: $1) }
    if residuals {
      grow(arm)
      arms[arm].correct(x, from: old, to: new, at: time)
      arms[arm].rounded(x, new - old) { posteriors[arm].track($0, change: $1) }
    }
  }

  /// The arms' clock where they forget, else the shared one.
  private func clock(_ time: Int64) -> Int64 {
    residuals && halfLife > 0 ? Sums<F>.bucket(of: time, halfLife: halfLife) : shared.bucket(of: time)
  }

  public mutating func publish(at time: Int64) {
    prior.solve(shared, at: time)
    for arm in arms.indices { posteriors[arm].solve(arms[arm], at: time) }
    solvedBucket = clock(time)
  }

  public func estimate(_ arm: Int, _ x: UnsafePointer<Double>) -> Estimate {
    guard residuals else {
      return Estimate(mean: prior.mean(x), width: max(0, prior.variance(x)).squareRoot())
    }
    guard arm < posteriors.count else {
      let own = Triangle.dot(x, x, dimension) / rho
      return Estimate(mean: prior.mean(x), width: max(0, own + prior.variance(x)).squareRoot())
    }
    return Posterior.hybrid(prior: prior, own: posteriors[arm], rho: rho, x)
  }

  public func covariance(_ a: Int, _ x: UnsafePointer<Double>, _ b: Int, _ y: UnsafePointer<Double>) -> Double {
    guard residuals else { return prior.covariance(x, y) }
    return Posterior.hybrid(
      prior: prior, a < posteriors.count ? posteriors[a] : nil, x, b < posteriors.count ? posteriors[b] : nil, y,
      isSame: a == b, rho: rho)
  }

  /// M_a x.
  private func pull(_ arm: Int, _ x: UnsafePointer<Double>, into v: UnsafeMutablePointer<Double>) {
    withUnsafeTemporaryAllocation(of: Double.self, capacity: prior.padded) { own in
      prior.pad(x, into: own.baseAddress!)
      if arm < posteriors.count {
        posteriors[arm].multiply(padded: own.baseAddress!, into: v)
      } else {
        for i in 0..<prior.padded { v[i] = own[i] / rho }
      }
    }
  }

  public func weight(_ arm: Int) -> Double { arm < posteriors.count ? posteriors[arm].weight : 0 }

  /// An arm's coefficients, the shared part included.
  public func theta(_ arm: Int) -> [Double] {
    guard residuals, arm < posteriors.count else { return prior.theta }
    var pulled = [Double](repeating: 0, count: prior.padded)
    pulled.withUnsafeMutableBufferPointer { pull(arm, prior.theta, into: $0.baseAddress!) }
    return zip(posteriors[arm].theta, pulled).map { $0 + rho * $1 }
  }

  /// Adds what another worker learned.
  public mutating func merge(_ other: HybridModel) {
    shared.merge(other.shared)
    for arm in other.arms.indices {
      grow(arm)
      arms[arm].merge(other.arms[arm])
    }
  }

  public var health: ModelHealth {
    var health = ModelHealth()
    health.fold(prior)
    health.byteCount += shared.byteCount
    for arm in arms.indices {
      health.fold(posteriors[arm])
      health.byteCount += arms[arm].byteCount
    }
    return health
  }

  public func encode(into bytes: inout [UInt8]) {
    shared.encode(into: &bytes)
    bytes.append(little: UInt64(arms.count))
    for arm in arms { arm.encode(into: &bytes) }
  }

  public mutating func decode(_ reader: inout StateReader) -> Bool {
    guard shared.decode(&reader), let n = reader.word(), n < 1 << 24 else { return false }
    arms.removeAll()
    posteriors.removeAll()
    solvedBucket = .min
    for arm in 0..<Int(n) {
      grow(arm)
      guard arms[arm].decode(&reader) else { return false }
    }
    return true
  }
}

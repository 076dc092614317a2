/// One ridge regression per arm over *Sums*: A_a = λ I + Σ x xᵀ, b_a = Σ r x.
///
/// - SeeAlso: Li et al. 2010, algorithm 1 (with an upper-confidence policy); Agrawal & Goyal 2013 (with Thompson's).
public struct DisjointModel<F: NumberFormat>: BanditModel {
  public let scale: ContextScale
  public let lambda: Double
  public let halfLife: Int64
  private var sums: [Sums<F>] = []
  private var posteriors: [Posterior] = []
  private var solvedBucket = Int64.min

  public init(scale: ContextScale, lambda: Double = 1, halfLife: Int64 = 0) {
    self.scale = scale
    self.lambda = lambda
    self.halfLife = halfLife
  }

  public var dimension: Int { scale.dimension }
  public var armCount: Int { sums.count }
  public var sharesParameters: Bool { false }

  private mutating func grow(_ arm: Int) {
    while sums.count <= arm {
      sums.append(Sums(scale: scale, halfLife: halfLife))
      posteriors.append(Posterior(dimension: dimension, lambda: lambda))
    }
  }

  public mutating func learn(_ arm: Int, _ x: UnsafePointer<Double>, reward: Double, at time: Int64) {
    grow(arm)
    sums[arm].add(x, reward: reward, at: time)
    sums[arm].rounded(x, reward) { posteriors[arm].track($0, reward: $1) }
    let bucket = sums[arm].bucket(of: time)
    if bucket > solvedBucket { publish(at: time) }
  }

  public mutating func correct(
    _ arm: Int, _ x: UnsafePointer<Double>, from old: Double, to new: Double, at time: Int64
  ) {
    grow(arm)
    sums[arm].correct(x, from: old, to: new, at: time)
    sums[arm].rounded(x, new - old) { posteriors[arm].track($0, change: $1) }
  }

  public mutating func publish(at time: Int64) {
    for arm in sums.indices {
      posteriors[arm].solve(sums[arm], at: time)
      solvedBucket = sums[arm].bucket(of: time)
    }
  }

  public func estimate(_ arm: Int, _ x: UnsafePointer<Double>) -> Estimate {
    guard arm < posteriors.count else {
      return Estimate(mean: 0, width: (Triangle.dot(x, x, dimension) / lambda).squareRoot())
    }
    return Estimate(mean: posteriors[arm].mean(x), width: max(0, posteriors[arm].variance(x)).squareRoot())
  }

  public func covariance(_ a: Int, _ x: UnsafePointer<Double>, _ b: Int, _ y: UnsafePointer<Double>) -> Double {
    if a != b { return 0 }
    return a < posteriors.count ? posteriors[a].covariance(x, y) : Triangle.dot(x, y, dimension) / lambda
  }

  public func weight(_ arm: Int) -> Double { arm < posteriors.count ? posteriors[arm].weight : 0 }
  public func posterior(_ arm: Int) -> Posterior? { arm < posteriors.count ? posteriors[arm] : nil }

  /// Adds what another worker learned of the same arms.
  public mutating func merge(_ other: DisjointModel) {
    for arm in other.sums.indices {
      grow(arm)
      sums[arm].merge(other.sums[arm])
    }
  }

  public var health: ModelHealth {
    var health = ModelHealth()
    for arm in sums.indices {
      health.fold(posteriors[arm])
      health.byteCount += sums[arm].byteCount
    }
    return health
  }

  public func encode(into bytes: inout [UInt8]) {
    bytes.append(little: UInt64(sums.count))
    for sum in sums { sum.encode(into: &bytes) }
  }

  public mutating func decode(_ reader: inout StateReader) -> Bool {
    guard let n = reader.word(), n < 1 << 24 else { return false }
    sums.removeAll()
    posteriors.removeAll()
    solvedBucket = .min
    for arm in 0..<Int(n) {
      grow(arm)
      guard sums[arm].decode(&reader) else { return false }
    }
    return true
  }
}

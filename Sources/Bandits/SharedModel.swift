/// One ridge regression for all arms: the context holds viewer, title and situation together.
///
/// - SeeAlso: Li et al. 2010 with a joint feature vector; the seeds' `linear_ucb` of dimension 100.
public struct SharedModel<F: NumberFormat>: BanditModel {
  public let scale: ContextScale
  public let lambda: Double
  private var sums: Sums<F>
  private var posterior: Posterior
  private var counts: [Int64] = []
  private var solvedBucket = Int64.min

  public init(scale: ContextScale, lambda: Double = 1, halfLife: Int64 = 0) {
    self.scale = scale
    self.lambda = lambda
    sums = Sums(scale: scale, halfLife: halfLife)
    posterior = Posterior(dimension: scale.dimension, lambda: lambda)
  }

  public var dimension: Int { scale.dimension }
  public var armCount: Int { counts.count }
  public var sharesParameters: Bool { true }
  public var solved: Posterior { posterior }

  public mutating func learn(_ arm: Int, _ x: UnsafePointer<Double>, reward: Double, at time: Int64) {
    while counts.count <= arm { counts.append(0) }
    counts[arm] += 1
    sums.add(x, reward: reward, at: time)
    sums.rounded(x, reward) { posterior.track($0, reward: $1) }
    if sums.bucket(of: time) > solvedBucket { publish(at: time) }
  }

  public mutating func correct(
    _ arm: Int, _ x: UnsafePointer<Double>, from old: Double, to new: Double, at time: Int64
  ) {
    sums.correct(x, from: old, to: new, at: time)
    sums.rounded(x, new - old) { posterior.track($0, change: $1) }
  }

  public mutating func publish(at time: Int64) {
    posterior.solve(sums, at: time)
    solvedBucket = sums.bucket(of: time)
  }

  public func estimate(_ arm: Int, _ x: UnsafePointer<Double>) -> Estimate {
    Estimate(mean: posterior.mean(x), width: max(0, posterior.variance(x)).squareRoot())
  }

  public func covariance(_ a: Int, _ x: UnsafePointer<Double>, _ b: Int, _ y: UnsafePointer<Double>) -> Double {
    posterior.covariance(x, y)
  }

  /// Decisions of an arm, undecayed: the decayed count belongs to the model as a whole.
  public func weight(_ arm: Int) -> Double { arm < counts.count ? Double(counts[arm]) : 0 }

  /// Adds what another worker learned.
  public mutating func merge(_ other: SharedModel) {
    sums.merge(other.sums)
    while counts.count < other.counts.count { counts.append(0) }
    for arm in other.counts.indices { counts[arm] += other.counts[arm] }
  }

  public var health: ModelHealth {
    var health = ModelHealth()
    health.fold(posterior)
    health.byteCount += sums.byteCount + counts.count * 8
    return health
  }

  public func encode(into bytes: inout [UInt8]) {
    bytes.append(little: UInt64(counts.count))
    for count in counts { bytes.append(little: UInt64(bitPattern: count)) }
    sums.encode(into: &bytes)
  }

  public mutating func decode(_ reader: inout StateReader) -> Bool {
    guard let n = reader.word(), n < 1 << 24, let counts = reader.words(Int(n)) else { return false }
    self.counts = counts.map { Int64(bitPattern: $0) }
    solvedBucket = .min
    return sums.decode(&reader)
  }
}

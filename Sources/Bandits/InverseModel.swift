/// One model per arm in the *Inverse* form: packed A^-1 and theta, kept current by rank-one updates.
///
/// The same kernels as ``ArmTable``, for named arms and for any dimension; a learner of this form needs no solve.
/// Forgetting rebuilds an arm towards the prior when an eighth of a half-life has passed since its last rebuild.
public struct InverseModel<F: NumberFormat>: BanditModel {
  public typealias Real = F.Real

  struct Arm: Sendable {
    var inverse: [Real]
    var theta: [Real]
    var last: [Real]
    var count: Int64 = 0
    var weight = 0.0
    var clock = Int64.min
  }

  /// Updates between two checks of an arm's residual.
  public static var checkEvery: Int64 { 1000 }

  public let scale: ContextScale
  public let lambda: Double
  public let halfLife: Int64
  private var arms: [Arm] = []
  private var rebuilds: Int64 = 0
  private var padded: [Real]

  public init(scale: ContextScale, lambda: Double = 1, halfLife: Int64 = 0) {
    self.scale = scale
    self.lambda = lambda
    self.halfLife = halfLife
    padded = Array(repeating: 0, count: BanditKernels.padded(scale.dimension))
  }

  public var dimension: Int { scale.dimension }
  public var armCount: Int { arms.count }
  public var sharesParameters: Bool { false }

  private mutating func grow(_ index: Int) {
    while arms.count <= index {
      let zeros = [Real](repeating: 0, count: BanditKernels.padded(dimension))
      var arm = Arm(
        inverse: Array(repeating: 0, count: BanditKernels.packedCount(dimension)), theta: zeros, last: zeros)
      InverseRepair.reset(dimension, &arm.inverse, &arm.theta, lambda: lambda)
      arms.append(arm)
    }
  }

  public mutating func learn(_ arm: Int, _ x: UnsafePointer<Double>, reward: Double, at time: Int64) {
    grow(arm)
    forget(arm, at: time)
    for i in 0..<dimension { padded[i] = Real(x[i]) }
    if !update(arm, reward: Real(reward)) {
      rebuild(arm)
      _ = update(arm, reward: Real(reward))
    }
    arms[arm].count += 1
    arms[arm].weight += 1
    if arms[arm].count % Self.checkEvery == 0 {
      let residual = padded.withUnsafeBufferPointer { x in
        InverseRepair.residual(BanditKernels.best, dimension, arms[arm].inverse, x.baseAddress!, last: arms[arm].last)
      }
      if !(residual <= InverseRepair.tolerance(Real.self)) { rebuild(arm) }
    }
  }

  private mutating func update(_ arm: Int, reward: Real) -> Bool {
    let d = dimension
    return padded.withUnsafeBufferPointer { x in
      withUnsafePointer(to: x.baseAddress) { contexts in
        withUnsafePointer(to: reward) { rewards in
          arms[arm].fold { inverse, theta, last in
            Real.learn(BanditKernels.best, d, inverse, theta, contexts, rewards, 1, next: nil, last: last) == 1
          }
        }
      }
    }
  }

  private mutating func rebuild(_ arm: Int, keep: Double = 1) {
    if keep == 1 { rebuilds += 1 }
    let d = dimension
    let prior = lambda
    let saved = arms[arm].fold { inverse, theta, _ in
      InverseRepair.rebuild(d, inverse, theta, lambda: prior, keep: keep)
    }
    if !saved { arms[arm].weight = 0 }
  }

  /// Decays towards the prior for the whole eighths of a half-life that have passed.
  private mutating func forget(_ arm: Int, at time: Int64) {
    guard halfLife > 0 else { return }
    let now = Sums<F>.bucket(of: time, halfLife: halfLife)
    if arms[arm].clock == .min { arms[arm].clock = now }
    let passed = now - arms[arm].clock
    guard passed > 0 else { return }
    arms[arm].clock = now
    guard arms[arm].weight > 0 else { return }
    let keep = passed >= 400 ? 0 : Sums<F>.weight(age: passed)
    arms[arm].weight *= keep
    rebuild(arm, keep: keep)
  }

  public mutating func correct(
    _ arm: Int, _ x: UnsafePointer<Double>, from old: Double, to new: Double, at time: Int64
  ) {
    grow(arm)
    let d = dimension
    let past =
      halfLife > 0 && arms[arm].clock != .min
      ? max(0, arms[arm].clock - Sums<F>.bucket(of: time, halfLife: halfLife)) : 0
    let change = (new - old) * (past >= 400 ? 0 : Sums<F>.weight(age: past))
    for i in 0..<d { padded[i] = Real(x[i]) }
    padded.withUnsafeBufferPointer { x in
      arms[arm].fold { inverse, theta, last in
        Real.multiply(BanditKernels.best, d, inverse, x.baseAddress!, into: last)
        for i in 0..<d { theta[i] += Real(change) * last[i] }
      }
    }
  }

  public mutating func publish(at time: Int64) { for arm in arms.indices { forget(arm, at: time) } }

  public func estimate(_ arm: Int, _ x: UnsafePointer<Double>) -> Estimate {
    let mean = arm < arms.count ? (0..<dimension).reduce(0.0) { $0 + Double(arms[arm].theta[$1]) * x[$1] } : 0
    return Estimate(mean: mean, width: max(0, covariance(arm, x, arm, x)).squareRoot())
  }

  public func covariance(_ a: Int, _ x: UnsafePointer<Double>, _ b: Int, _ y: UnsafePointer<Double>) -> Double {
    if a != b { return 0 }
    guard a < arms.count else { return Triangle.dot(x, y, dimension) / lambda }
    let padded = BanditKernels.padded(dimension)
    return withUnsafeTemporaryAllocation(of: Real.self, capacity: 2 * padded) { buffer in
      let context = buffer.baseAddress!
      context.initialize(repeating: 0, count: padded)
      for i in 0..<dimension { context[i] = Real(x[i]) }
      Real.multiply(BanditKernels.best, dimension, arms[a].inverse, context, into: context + padded)
      return (0..<dimension).reduce(0.0) { $0 + Double(context[padded + $1]) * y[$1] }
    }
  }

  public func weight(_ arm: Int) -> Double { arm < arms.count ? arms[arm].weight : 0 }

  public var health: ModelHealth {
    var health = ModelHealth()
    health.rebuilds = rebuilds
    for arm in arms {
      let own = InverseRepair.health(dimension, arm.inverse)
      health.asymmetry = max(health.asymmetry, own.asymmetry)
      health.condition = max(health.condition, own.condition)
      health.byteCount += (arm.inverse.count + 2 * arm.theta.count) * MemoryLayout<Real>.stride
    }
    return health
  }

  public func encode(into bytes: inout [UInt8]) {
    bytes.append(little: UInt64(arms.count))
    for arm in arms {
      bytes.append(little: UInt64(bitPattern: arm.count))
      bytes.append(little: arm.weight.bitPattern)
      bytes.append(little: UInt64(bitPattern: arm.clock))
      for value in arm.theta { bytes.append(little: Real.word(value)) }
      for value in arm.inverse { bytes.append(little: Real.word(value)) }
    }
  }

  public mutating func decode(_ reader: inout StateReader) -> Bool {
    guard let n = reader.word(), n < 1 << 24 else { return false }
    arms.removeAll()
    for index in 0..<Int(n) {
      guard let count = reader.word(), let weight = reader.word(), let clock = reader.word(),
        let theta = reader.words(BanditKernels.padded(dimension)),
        let inverse = reader.words(BanditKernels.packedCount(dimension))
      else { return false }
      grow(index)
      arms[index].count = Int64(bitPattern: count)
      arms[index].weight = Double(bitPattern: weight)
      arms[index].clock = Int64(bitPattern: clock)
      arms[index].theta = theta.map(Real.value)
      arms[index].inverse = inverse.map(Real.value)
    }
    return true
  }
}

extension InverseModel.Arm {
  /// Lends the arm's numbers to a kernel.
  mutating func fold<T>(
    _ body: (UnsafeMutablePointer<F.Real>, UnsafeMutablePointer<F.Real>, UnsafeMutablePointer<F.Real>) -> T
  ) -> T {
    inverse.withUnsafeMutableBufferPointer { inverse in
      theta.withUnsafeMutableBufferPointer { theta in
        last.withUnsafeMutableBufferPointer { body(inverse.baseAddress!, theta.baseAddress!, $0.baseAddress!) }
      }
    }
  }
}

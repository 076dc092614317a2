/// What a model believes of one arm in one context.
public struct Estimate: Sendable, Equatable {
  public var mean: Double
  /// √(xᵀ A^-1 x) and its like: standard deviation in units of the reward's noise.
  public var width: Double
  /// Parameters of a Beta belief; both 0 where the belief is normal.
  public var successes = 0.0
  public var failures = 0.0
  public init(mean: Double, width: Double) {
    self.mean = mean
    self.width = width
  }
}

/// How well a model's numbers are.
public struct ModelHealth: Sendable, Equatable {
  /// Largest bound of a condition number among its parts.
  public var condition = 1.0
  /// Largest relative asymmetry of an inverse kept by updates; 0 where only one triangle is kept.
  public var asymmetry = 0.0
  /// Inverses rebuilt in Double because a check failed.
  public var rebuilds: Int64 = 0
  /// Solves that found A not positive definite.
  public var failures: Int64 = 0
  public var byteCount = 0
  public init() {}

  mutating func fold(_ posterior: Posterior) {
    condition = max(condition, posterior.condition)
    failures += Int64(posterior.failures)
    byteCount += posterior.byteCount
  }
}

/// What a learned model says of arms in contexts: all that ranking needs, and all that a published snapshot can do.
public protocol BanditBelief: Sendable {
  /// Slots of a context; 0 where contexts are ignored.
  var dimension: Int { get }
  /// Beliefs of two arms depend on each other (they share parameters).
  var sharesParameters: Bool { get }
  /// Belief of an arm, by number; a number never met is an arm without data.
  func estimate(_ arm: Int, _ x: UnsafePointer<Double>) -> Estimate
  /// Covariance of two arms' expected rewards, in the unit of width².
  func covariance(_ a: Int, _ x: UnsafePointer<Double>, _ b: Int, _ y: UnsafePointer<Double>) -> Double
  /// Decayed number of decisions of an arm.
  func weight(_ arm: Int) -> Double
}

/// A regression of reward on context per arm: the part of a bandit that learns. Arms are dense numbers here, names
/// stand in ``Bandit``. Values arrive finite and within the layout's range.
///
/// `learn` and `correct` change what is kept; `publish` solves it into what `estimate` reads. Between two solves the
/// snapshot is kept current by rank-one updates where that is exact enough.
public protocol BanditModel: BanditBelief, BanditState {
  /// Arms it has state for.
  var armCount: Int { get }
  mutating func learn(_ arm: Int, _ x: UnsafePointer<Double>, reward: Double, at time: Int64)
  /// The reward of a decision already learned changed. `time` is the decision's own.
  mutating func correct(_ arm: Int, _ x: UnsafePointer<Double>, from old: Double, to new: Double, at time: Int64)
  mutating func publish(at time: Int64)
  var health: ModelHealth { get }
}

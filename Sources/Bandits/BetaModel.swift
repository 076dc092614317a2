/// Beta(1 + Σ r, 1 + Σ (1 - r)) per arm, without contexts: shelves, strategies, variants of an experiment.
///
/// Rewards are clamped to [0, 1]. Sums decay by half-life towards Beta(1, 1).
public struct BetaModel<F: NumberFormat>: BanditModel {
  public let halfLife: Int64
  private var sums: [Sums<F>] = []
  private var time = Int64.min
  private static var one: ContextScale { ContextScale(dimension: 1, limit: 1) }

  public init(halfLife: Int64 = 0) { self.halfLife = halfLife }

  public var dimension: Int { 0 }
  public var armCount: Int { sums.count }
  public var sharesParameters: Bool { false }

  private static func clamped(_ reward: Double) -> Double { min(1, max(0, reward)) }

  public mutating func learn(_ arm: Int, _ x: UnsafePointer<Double>, reward: Double, at time: Int64) {
    while sums.count <= arm { sums.append(Sums(scale: Self.one, halfLife: halfLife)) }
    var one = 1.0
    sums[arm].add(&one, reward: Self.clamped(reward), at: time)
    self.time = max(self.time, time)
  }

  public mutating func correct(
    _ arm: Int, _ x: UnsafePointer<Double>, from old: Double, to new: Double, at time: Int64
  ) {
    while sums.count <= arm { sums.append(Sums(scale: Self.one, halfLife: halfLife)) }
    var one = 1.0
    sums[arm].correct(&one, from: Self.clamped(old), to: Self.clamped(new), at: time)
  }

  public mutating func publish(at time: Int64) { self.time = max(self.time, time) }

  private func counts(_ arm: Int) -> (n: Double, successes: Double) {
    arm < sums.count ? sums[arm].single(at: time) : (0, 0)
  }

  public func estimate(_ arm: Int, _ x: UnsafePointer<Double>) -> Estimate {
    let (n, wins) = counts(arm)
    return .beta(successes: 1 + max(0, wins), failures: 1 + max(0, n - wins))
  }

  public func covariance(_ a: Int, _ x: UnsafePointer<Double>, _ b: Int, _ y: UnsafePointer<Double>) -> Double {
    if a != b { return 0 }
    let width = estimate(a, x).width
    return width * width
  }

  public func weight(_ arm: Int) -> Double { counts(arm).n }

  /// Adds what another worker learned of the same arms.
  public mutating func merge(_ other: BetaModel) {
    for arm in other.sums.indices {
      while sums.count <= arm { sums.append(Sums(scale: Self.one, halfLife: halfLife)) }
      sums[arm].merge(other.sums[arm])
    }
    time = max(time, other.time)
  }

  public var health: ModelHealth {
    var health = ModelHealth()
    health.byteCount = sums.reduce(0) { $0 + $1.byteCount }
    return health
  }

  public func encode(into bytes: inout [UInt8]) {
    bytes.append(little: UInt64(bitPattern: time))
    bytes.append(little: UInt64(sums.count))
    for sum in sums { sum.encode(into: &bytes) }
  }

  public mutating func decode(_ reader: inout StateReader) -> Bool {
    guard let time = reader.word(), let n = reader.word(), n < 1 << 24 else { return false }
    self.time = Int64(bitPattern: time)
    sums.removeAll()
    for arm in 0..<Int(n) {
      sums.append(Sums(scale: Self.one, halfLife: halfLife))
      guard sums[arm].decode(&reader) else { return false }
    }
    return true
  }
}

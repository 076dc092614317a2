import Kernels

/// Online gradient descent per arm, linear (squared loss) or logistic: the baseline, and the seeds' `partial_fit`.
///
/// One step per decision in the order of arrival, at rate eta; the width is that of a count, 1/√(n + 1), so that the
/// same exploration works. Forgetting is the step itself.
public struct OnlineModel<F: NumberFormat>: BanditModel {
  public enum Loss: Sendable { case squared, logistic }
  public let scale: ContextScale
  public let eta: Double
  public let loss: Loss
  private var weights: [[Double]] = []
  private var counts: [Int64] = []

  public init(scale: ContextScale, eta: Double = 0.01, loss: Loss = .squared) {
    self.scale = scale
    self.eta = eta
    self.loss = loss
  }

  public var dimension: Int { scale.dimension }
  public var armCount: Int { weights.count }
  public var sharesParameters: Bool { false }

  private func predict(_ arm: Int, _ x: UnsafePointer<Double>) -> Double {
    guard arm < weights.count else { return loss == .squared ? 0 : 0.5 }
    let sum = Triangle.dot(weights[arm], x, dimension)
    return loss == .squared ? sum : 1 / (1 + Elementary.exp(-sum))
  }

  private mutating func step(_ arm: Int, _ x: UnsafePointer<Double>, _ error: Double) {
    while weights.count <= arm {
      weights.append(Array(repeating: 0, count: dimension))
      counts.append(0)
    }
    let step = max(-1, min(1, eta * error))
    for i in 0..<dimension {
      weights[arm][i] += step * F.value(F.cell(context: x[i], step: scale.steps[i]), step: scale.steps[i])
    }
  }

  public mutating func learn(_ arm: Int, _ x: UnsafePointer<Double>, reward: Double, at time: Int64) {
    let target = loss == .squared ? reward : min(1, max(0, reward))
    step(arm, x, target - predict(arm, x))
    counts[arm] += 1
  }

  public mutating func correct(
    _ arm: Int, _ x: UnsafePointer<Double>, from old: Double, to new: Double, at time: Int64
  ) {
    step(arm, x, new - old)
  }

  public mutating func publish(at time: Int64) {}

  public func estimate(_ arm: Int, _ x: UnsafePointer<Double>) -> Estimate {
    Estimate(mean: predict(arm, x), width: 1 / (weight(arm) + 1).squareRoot())
  }

  public func covariance(_ a: Int, _ x: UnsafePointer<Double>, _ b: Int, _ y: UnsafePointer<Double>) -> Double {
    a == b ? 1 / (weight(a) + 1) : 0
  }

  public func weight(_ arm: Int) -> Double { arm < counts.count ? Double(counts[arm]) : 0 }

  public var health: ModelHealth {
    var health = ModelHealth()
    health.byteCount = weights.count * (dimension + 1) * 8
    return health
  }

  public func encode(into bytes: inout [UInt8]) {
    bytes.append(little: UInt64(weights.count))
    for arm in weights.indices {
      bytes.append(little: UInt64(bitPattern: counts[arm]))
      bytes.append(weights[arm])
    }
  }

  public mutating func decode(_ reader: inout StateReader) -> Bool {
    guard let n = reader.word(), n < 1 << 24 else { return false }
    weights.removeAll()
    counts.removeAll()
    for _ in 0..<n {
      guard let count = reader.word(), let row = reader.doubles(dimension) else { return false }
      counts.append(Int64(bitPattern: count))
      weights.append(row)
    }
    return true
  }
}

/// A solved model: A^-1 (packed Double), what A^-1 b is, and how it went. What is published.
public struct Posterior: Sendable, Equatable {
  public let dimension: Int
  /// Precision of the prior, and what an unseen direction returns to.
  public let lambda: Double
  public private(set) var inverse: [Double]
  /// A^-1 b, without any prior mean.
  public private(set) var theta: [Double]
  /// Decayed number of decisions.
  public private(set) var weight = 0.0
  public private(set) var logDeterminant = 0.0
  /// ‖A‖ ‖A^-1‖ in row sums: an upper bound of the condition number within a factor d.
  public private(set) var condition = 1.0
  /// Solves so far, and those that failed (A lost positive definiteness: the previous solution stands).
  public private(set) var solves = 0
  public private(set) var failures = 0

  public init(dimension d: Int, lambda: Double) {
    precondition(lambda > 0, "the prior's precision is positive")
    dimension = d
    self.lambda = lambda
    inverse = Array(repeating: 0, count: Triangle.count(d))
    theta = Array(repeating: 0, count: d)
    for i in 0..<d { inverse[Triangle.row(i) + i] = 1 / lambda }
  }

  /// Solves afresh from sums, as of a time.
  ///
  /// - Complexity: O(d³).
  public mutating func solve<F>(_ sums: Sums<F>, at time: Int64) {
    var a = [Double](repeating: 0, count: Triangle.count(dimension))
    var b = [Double](repeating: 0, count: dimension)
    let total = sums.read(at: time, into: &a, &b)
    for i in 0..<dimension { a[Triangle.row(i) + i] += lambda }
    solves += 1
    guard let solved = Triangle.inverse(a, dimension) else {
      failures += 1
      return
    }
    inverse = solved.inverse
    logDeterminant = solved.logDeterminant
    condition = Triangle.norm(a, dimension) * Triangle.norm(inverse, dimension)
    weight = total
    multiply(b, into: &theta)
  }

  /// Keeps this snapshot current by one decision without a solve (Sherman-Morrison); the next solve replaces it.
  ///
  /// - Complexity: O(d²). Allocates nothing.
  public mutating func track(_ x: UnsafePointer<Double>, reward: Double) {
    let d = dimension
    withUnsafeTemporaryAllocation(of: Double.self, capacity: d) { v in
      let v = v.baseAddress!
      Triangle.multiply(inverse, x, d, into: v)
      let spread = 1 + Triangle.dot(v, x, d)
      let gain = (reward - Triangle.dot(theta, x, d)) / spread
      guard spread >= 1, gain.isFinite else { return }
      for i in 0..<d { theta[i] += gain * v[i] }
      inverse.withUnsafeMutableBufferPointer { Triangle.downdate($0.baseAddress!, v, 1 / spread, d) }
      logDeterminant += Elementary.ln(spread)
      weight += 1
    }
  }

  /// A decision already tracked was worth so much more: theta only.
  public mutating func track(_ x: UnsafePointer<Double>, change: Double) {
    withUnsafeTemporaryAllocation(of: Double.self, capacity: dimension) { v in
      Triangle.multiply(inverse, x, dimension, into: v.baseAddress!)
      for i in 0..<dimension { theta[i] += change * v[i] }
    }
  }

  public func mean(_ x: UnsafePointer<Double>) -> Double { Triangle.dot(theta, x, dimension) }

  /// xᵀ A^-1 x.
  public func variance(_ x: UnsafePointer<Double>) -> Double { covariance(x, x) }

  /// xᵀ A^-1 y.
  public func covariance(_ x: UnsafePointer<Double>, _ y: UnsafePointer<Double>) -> Double {
    withUnsafeTemporaryAllocation(of: Double.self, capacity: dimension) { v in
      Triangle.multiply(inverse, x, dimension, into: v.baseAddress!)
      return Triangle.dot(v.baseAddress!, y, dimension)
    }
  }

  func multiply(_ x: [Double], into y: inout [Double]) {
    y.withUnsafeMutableBufferPointer { Triangle.multiply(inverse, x, dimension, into: $0.baseAddress!) }
  }

  /// One draw of theta ~ N(A^-1 b, v² A^-1): theta + v L^-T z with A = L Lᵀ.
  ///
  /// The convention matters: a draw by the Cholesky factor of A^-1 has the same law and other numbers.
  public static func draw(a: [Double], theta: [Double], v: Double, z: [Double]) -> [Double]? {
    let d = theta.count
    var l = a
    guard l.withUnsafeMutableBufferPointer({ Triangle.cholesky($0.baseAddress!, d) }) else { return nil }
    var w = z
    for i in stride(from: d - 1, through: 0, by: -1) {
      w[i] /= l[Triangle.row(i) + i]
      for j in 0..<i { w[j] -= l[Triangle.row(i) + j] * w[i] }
    }
    return (0..<d).map { theta[$0] + v * w[$0] }
  }
}

import Kernels

/// A solved model: A^-1 (packed Double), what A^-1 b is, and how it went. What is published.
public struct Posterior: Sendable, Equatable {
  public let dimension: Int
  /// Precision of the prior, and what an unseen direction returns to.
  public let lambda: Double
  /// A^-1 in the kernels' packed blocks.
  private var inverse: [Double]
  /// A^-1 b, without any prior mean; padded.
  private var coefficients: [Double]
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
    precondition(d >= 1 && d <= 1024, "a model has 1 to 1024 slots")
    dimension = d
    self.lambda = lambda
    inverse = Array(repeating: 0, count: BanditKernels.packedCount(d))
    coefficients = Array(repeating: 0, count: BanditKernels.padded(d))
    for i in 0..<d { inverse[BanditKernels.row(i) + i] = 1 / lambda }
    logDeterminant = Double(d) * Elementary.ln(lambda)
  }

  /// A part of a published snapshot; the prior where there is none.
  public init(dimension d: Int, lambda: Double, _ part: ModelSnapshot.Part?) {
    self.init(dimension: d, lambda: lambda)
    guard let part else { return }
    weight = part.weight
    if part.theta.count == d { for i in 0..<d { coefficients[i] = part.theta[i] } }
    guard part.inverse.count == Triangle.count(d) else { return }
    for i in 0..<d {
      for j in 0...i {
        let value = part.inverse[Triangle.row(i) + j]
        inverse[BanditKernels.row(i) + j] = value
        if i / 16 == j / 16 { inverse[BanditKernels.row(j) + i] = value }
      }
    }
  }

  /// As a part of a snapshot.
  public var part: ModelSnapshot.Part {
    var triangle: [Double] = []
    triangle.reserveCapacity(Triangle.count(dimension))
    for i in 0..<dimension { for j in 0...i { triangle.append(inverse[BanditKernels.row(i) + j]) } }
    return ModelSnapshot.Part(weight: weight, theta: theta, inverse: triangle)
  }

  public var theta: [Double] { Array(coefficients[..<dimension]) }
  public var padded: Int { coefficients.count }
  public var byteCount: Int { (inverse.count + coefficients.count) * 8 }

  /// Entry (i, j) of A^-1.
  public func inverse(_ i: Int, _ j: Int) -> Double {
    i >= j ? inverse[BanditKernels.row(i) + j] : inverse[BanditKernels.row(j) + i]
  }

  /// Solves afresh from sums, as of a time.
  ///
  /// - Complexity: O(d³).
  public mutating func solve<F>(_ sums: Sums<F>, at time: Int64) {
    let d = dimension
    if sums.isEmpty, weight == 0 { return }
    var a = [Double](repeating: 0, count: Triangle.count(d))
    var b = [Double](repeating: 0, count: padded)
    let total = sums.read(at: time, into: &a, &b)
    for i in 0..<d { a[Triangle.row(i) + i] += lambda }
    solves += 1
    guard let solved = Triangle.inverse(a, d) else {
      failures += 1
      return
    }
    for i in 0..<d {
      for j in 0...i {
        let value = solved.inverse[Triangle.row(i) + j]
        inverse[BanditKernels.row(i) + j] = value
        if i / 16 == j / 16 { inverse[BanditKernels.row(j) + i] = value }
      }
    }
    logDeterminant = solved.logDeterminant
    condition = Triangle.norm(a, d) * Triangle.norm(solved.inverse, d)
    weight = total
    coefficients.withUnsafeMutableBufferPointer { Double.multiply(.best, d, inverse, b, into: $0.baseAddress!) }
  }

  /// Keeps this snapshot current by one decision without a solve (Sherman-Morrison); the next solve replaces it.
  ///
  /// - Complexity: O(d²).
  public mutating func track(_ x: UnsafePointer<Double>, reward: Double) {
    let d = dimension
    withUnsafeTemporaryAllocation(of: Double.self, capacity: 2 * padded) { buffer in
      let own = buffer.baseAddress!
      let last = own + padded
      pad(x, into: own)
      let learned = inverse.withUnsafeMutableBufferPointer { inverse in
        coefficients.withUnsafeMutableBufferPointer { theta in
          withUnsafePointer(to: Optional(UnsafePointer(own))) { contexts in
            withUnsafePointer(to: reward) {
              Double.learn(
                .best, d, inverse.baseAddress!, theta.baseAddress!, contexts, $0, 1, next: nil, last: last)
            }
          }
        }
      }
      guard learned == 1 else { return }
      logDeterminant -= Elementary.ln(1 - Triangle.dot(own, last, d))
      weight += 1
    }
  }

  /// A decision already tracked was worth so much more: theta only.
  public mutating func track(_ x: UnsafePointer<Double>, change: Double) {
    withUnsafeTemporaryAllocation(of: Double.self, capacity: 2 * padded) { buffer in
      let own = buffer.baseAddress!
      pad(x, into: own)
      multiply(padded: own, into: own + padded)
      for i in 0..<dimension { coefficients[i] += change * own[padded + i] }
    }
  }

  public func mean(_ x: UnsafePointer<Double>) -> Double { Triangle.dot(coefficients, x, dimension) }

  /// xᵀ A^-1 x.
  public func variance(_ x: UnsafePointer<Double>) -> Double { covariance(x, x) }

  /// xᵀ A^-1 y.
  public func covariance(_ x: UnsafePointer<Double>, _ y: UnsafePointer<Double>) -> Double {
    withUnsafeTemporaryAllocation(of: Double.self, capacity: 2 * padded) { buffer in
      let own = buffer.baseAddress!
      pad(x, into: own)
      multiply(padded: own, into: own + padded)
      return Triangle.dot(own + padded, y, dimension)
    }
  }

  /// Copies a context and puts zeros behind it.
  @inline(__always)
  func pad(_ x: UnsafePointer<Double>, into own: UnsafeMutablePointer<Double>) {
    own.initialize(from: x, count: dimension)
    (own + dimension).initialize(repeating: 0, count: padded - dimension)
  }

  /// y = A^-1 x, both padded.
  @inline(__always)
  func multiply(padded x: UnsafePointer<Double>, into y: UnsafeMutablePointer<Double>) {
    Double.multiply(.best, dimension, inverse, x, into: y)
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

/// The two-part belief of ``HybridModel``: an arm's own posterior around the shared one.
extension Posterior {
  static func hybrid(prior: Posterior, own arm: Posterior, rho: Double, _ x: UnsafePointer<Double>) -> Estimate {
    let padded = prior.padded
    return withUnsafeTemporaryAllocation(of: Double.self, capacity: 3 * padded) { buffer in
      let own = buffer.baseAddress!
      let v = own + padded
      let u = v + padded
      prior.pad(x, into: own)
      arm.multiply(padded: own, into: v)
      prior.multiply(padded: v, into: u)
      let variance = Triangle.dot(v, own, padded) + rho * rho * Triangle.dot(u, v, padded)
      return Estimate(mean: arm.mean(x) + rho * prior.mean(v), width: max(0, variance).squareRoot())
    }
  }

  /// Covariance of two arms; nil = an arm without data.
  static func hybrid(
    prior: Posterior, _ a: Posterior?, _ x: UnsafePointer<Double>, _ b: Posterior?, _ y: UnsafePointer<Double>,
    isSame: Bool, rho: Double
  ) -> Double {
    let padded = prior.padded
    return withUnsafeTemporaryAllocation(of: Double.self, capacity: 3 * padded) { buffer in
      let v = buffer.baseAddress!
      let w = v + padded
      let own = w + padded
      func pull(_ arm: Posterior?, _ x: UnsafePointer<Double>, into v: UnsafeMutablePointer<Double>) {
        prior.pad(x, into: own)
        if let arm { return arm.multiply(padded: own, into: v) }
        for i in 0..<padded { v[i] = own[i] / rho }
      }
      pull(a, x, into: v)
      pull(b, y, into: w)
      let shared = isSame ? Triangle.dot(v, y, prior.dimension) : 0
      return shared + rho * rho * prior.covariance(v, w)
    }
  }
}

import Kernels

/// Symmetric matrices as packed lower triangles (row i holds i + 1 numbers), and what a solve needs of them.
///
/// Row walks only: dots with fixed partial sums, everything else element by element, so that results depend on
/// nothing but the numbers.
public enum Triangle {
  @inline(__always) public static func count(_ d: Int) -> Int { d * (d + 1) / 2 }
  @inline(__always) public static func row(_ i: Int) -> Int { i * (i + 1) / 2 }

  /// Sum of products, in eight partial sums and one tree.
  @inline(__always)
  public static func dot(_ a: UnsafePointer<Double>, _ b: UnsafePointer<Double>, _ n: Int) -> Double {
    var even = SIMD4<Double>.zero
    var odd = SIMD4<Double>.zero
    var i = 0
    while i + 8 <= n {
      even += load(a + i) * load(b + i)
      odd += load(a + i + 4) * load(b + i + 4)
      i += 8
    }
    let four = even + odd
    var sum = (four[0] + four[2]) + (four[1] + four[3])
    while i < n {
      sum += a[i] * b[i]
      i += 1
    }
    return sum
  }

  @inline(__always)
  static func load(_ p: UnsafePointer<Double>) -> SIMD4<Double> {
    UnsafeRawPointer(p).loadUnaligned(as: SIMD4<Double>.self)
  }

  /// A = L Lᵀ in place; false when A is not positive definite.
  public static func cholesky(_ a: UnsafeMutablePointer<Double>, _ d: Int) -> Bool {
    for i in 0..<d {
      let ri = a + row(i)
      for j in 0..<i {
        let rj = a + row(j)
        ri[j] = (ri[j] - dot(ri, rj, j)) / rj[j]
      }
      let pivot = ri[i] - dot(ri, ri, i)
      guard pivot > 0, pivot.isFinite else { return false }
      ri[i] = pivot.squareRoot()
    }
    return true
  }

  /// Cholesky factor of a positive semidefinite matrix, with the jitter that makes one.
  public static func factor(_ matrix: [Double], _ d: Int) -> [Double] {
    var jitter = 1e-12
    while true {
      var factor = matrix
      for i in 0..<d { factor[row(i) + i] += jitter }
      if factor.withUnsafeMutableBufferPointer({ cholesky($0.baseAddress!, d) }) || jitter > 1e30 { return factor }
      jitter *= 10
    }
  }

  /// A^-1 of a packed A; nil when A is not positive definite. Also ln det A.
  ///
  /// - Complexity: O(d³).
  public static func inverse(_ a: [Double], _ d: Int) -> (inverse: [Double], logDeterminant: Double)? {
    var l = a
    guard l.withUnsafeMutableBufferPointer({ cholesky($0.baseAddress!, d) }) else { return nil }
    var logDeterminant = 0.0
    for i in 0..<d { logDeterminant += 2 * Elementary.ln(l[row(i) + i]) }
    var inverted = [Double](repeating: 0, count: count(d))
    var result = [Double](repeating: 0, count: count(d))
    l.withUnsafeBufferPointer { l in
      inverted.withUnsafeMutableBufferPointer { v in
        let v = v.baseAddress!
        for i in 0..<d {
          let vi = v + row(i)
          let li = l.baseAddress! + row(i)
          for k in 0..<i {
            let vk = v + row(k)
            let f = li[k]
            if f == 0 { continue }
            for j in 0...k { vi[j] -= f * vk[j] }
          }
          let pivot = 1 / li[i]
          for j in 0..<i { vi[j] *= pivot }
          vi[i] = pivot
        }
        result.withUnsafeMutableBufferPointer { m in
          for k in 0..<d {
            let vk = v + row(k)
            for i in 0...k {
              let f = vk[i]
              if f == 0 { continue }
              let mi = m.baseAddress! + row(i)
              for j in 0...i { mi[j] += f * vk[j] }
            }
          }
        }
      }
    }
    return (result, logDeterminant)
  }

  /// y = M x.
  @inline(__always)
  public static func multiply(
    _ m: UnsafePointer<Double>, _ x: UnsafePointer<Double>, _ d: Int, into y: UnsafeMutablePointer<Double>
  ) {
    for i in 0..<d {
      let mi = m + row(i)
      let f = x[i]
      y[i] = dot(mi, x, i) + mi[i] * f
      for j in 0..<i { y[j] += mi[j] * f }
    }
  }

  /// Largest absolute row sum: an upper bound of the largest eigenvalue.
  public static func norm(_ m: [Double], _ d: Int) -> Double {
    var sums = [Double](repeating: 0, count: d)
    for i in 0..<d {
      for j in 0..<i {
        let v = abs(m[row(i) + j])
        sums[i] += v
        sums[j] += v
      }
      sums[i] += abs(m[row(i) + i])
    }
    return sums.max() ?? 0
  }
}

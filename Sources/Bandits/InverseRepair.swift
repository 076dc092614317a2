/// What keeps a packed inverse honest: a cheap residual, and a rebuild in Double when it fails.
enum InverseRepair {
  /// Relative size a residual may have before the inverse is rebuilt.
  static func tolerance<R: InverseReal>(_: R.Type) -> Double { R.self == Float.self ? 1e-2 : 1e-9 }

  /// ‖A^-1 x - v/den‖ / ‖v/den‖ right after the update by x: by Sherman-Morrison these are equal, so the difference
  /// is what rounding has done to this inverse.
  ///
  /// - Complexity: one product.
  static func residual<R: InverseReal>(
    _ kernels: BanditKernels, _ d: Int, _ inverse: UnsafePointer<R>, _ x: UnsafePointer<R>, last: UnsafePointer<R>
  ) -> Double {
    let padded = BanditKernels.padded(d)
    return withUnsafeTemporaryAllocation(of: R.self, capacity: padded) { y in
      R.multiply(kernels, d, inverse, x, into: y.baseAddress!)
      var difference = 0.0
      var size = 0.0
      for i in 0..<d {
        let own = Double(last[i])
        difference += (Double(y[i]) - own) * (Double(y[i]) - own)
        size += own * own
      }
      return size > 0 ? (difference / size).squareRoot() : 0
    }
  }

  /// Largest |M_ij - M_ji| within the diagonal blocks, where both are kept, relative to the largest diagonal entry.
  static func asymmetry<R: InverseReal>(_ d: Int, _ inverse: UnsafePointer<R>) -> Double {
    var most = 0.0
    var size = 0.0
    for i in 0..<d {
      let row = inverse + BanditKernels.row(i)
      size = max(size, abs(Double(row[i])))
      for j in (i / 16 * 16)..<i { most = max(most, abs(Double(row[j]) - Double(inverse[BanditKernels.row(j) + i]))) }
    }
    return size > 0 ? most / size : 0
  }

  /// Bound of the condition number (row sums of the inverse and of what it is the inverse of; infinite where that is
  /// not positive definite) and the asymmetry of an inverse.
  ///
  /// - Complexity: O(d³).
  static func health<R: InverseReal>(_ d: Int, _ inverse: UnsafePointer<R>) -> ModelHealth {
    var health = ModelHealth()
    health.asymmetry = asymmetry(d, inverse)
    var m = [Double](repeating: 0, count: Triangle.count(d))
    for i in 0..<d {
      for j in 0...i { m[Triangle.row(i) + j] = Double(inverse[BanditKernels.row(i) + j]) }
    }
    health.condition = Triangle.inverse(m, d).map { Triangle.norm(m, d) * Triangle.norm($0.inverse, d) } ?? .infinity
    return health
  }

  /// Rebuilds an inverse in Double: symmetrised, inverted to A, A held at or above the prior by its diagonal,
  /// decayed by `keep` towards it, inverted back. theta follows, so that A theta = b is kept (and b decays alike).
  /// False when nothing could be saved; the arm is then as new.
  ///
  /// - Complexity: O(d³); about 0.5 ms at d = 100.
  static func rebuild<R: InverseReal>(
    _ d: Int, _ inverse: UnsafeMutablePointer<R>, _ theta: UnsafeMutablePointer<R>, lambda: Double, keep: Double = 1
  ) -> Bool {
    var m = [Double](repeating: 0, count: Triangle.count(d))
    for i in 0..<d {
      let row = inverse + BanditKernels.row(i)
      for j in 0...i {
        let twin = j / 16 == i / 16 ? Double(inverse[BanditKernels.row(j) + i]) : Double(row[j])
        m[Triangle.row(i) + j] = (Double(row[j]) + twin) / 2
      }
    }
    var a: [Double]?
    if m.allSatisfy(\.isFinite), (0..<d).allSatisfy({ theta[$0].isFinite }) {
      var jitter = 0.0
      let size = (0..<d).reduce(0.0) { max($0, abs(m[Triangle.row($1) + $1])) }
      while a == nil, jitter <= 10 {
        a = Triangle.inverse(m, d)?.inverse
        if a == nil {
          let more = jitter == 0 ? 1e-7 : jitter * 9
          for i in 0..<d { m[Triangle.row(i) + i] += more * size }
          jitter = jitter == 0 ? 1e-7 : jitter * 10
        }
      }
    }
    guard var a else {
      reset(d, inverse, theta, lambda: lambda)
      return false
    }
    for i in 0..<d { a[Triangle.row(i) + i] = max(a[Triangle.row(i) + i], lambda) }
    var b = [Double](repeating: 0, count: d)
    let old = (0..<d).map { Double(theta[$0]) }
    Triangle.multiply(a, old, d, into: &b)
    for i in 0..<a.count { a[i] *= keep }
    for i in 0..<d {
      a[Triangle.row(i) + i] += (1 - keep) * lambda
      b[i] *= keep
    }
    guard let back = Triangle.inverse(a, d)?.inverse else {
      reset(d, inverse, theta, lambda: lambda)
      return false
    }
    var solved = [Double](repeating: 0, count: d)
    Triangle.multiply(back, b, d, into: &solved)
    for i in 0..<d {
      theta[i] = R(solved[i])
      for j in 0...i {
        inverse[BanditKernels.row(i) + j] = R(back[Triangle.row(i) + j])
        if j / 16 == i / 16 { inverse[BanditKernels.row(j) + i] = R(back[Triangle.row(i) + j]) }
      }
    }
    return true
  }

  static func reset<R: InverseReal>(
    _ d: Int, _ inverse: UnsafeMutablePointer<R>, _ theta: UnsafeMutablePointer<R>, lambda: Double
  ) {
    inverse.update(repeating: 0, count: BanditKernels.packedCount(d))
    theta.update(repeating: 0, count: BanditKernels.padded(d))
    for i in 0..<d { inverse[BanditKernels.row(i) + i] = R(1 / lambda) }
  }
}

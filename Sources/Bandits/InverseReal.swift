import CKernels

/// A number type with kernels for the packed inverse form.
public protocol InverseReal: BinaryFloatingPoint & Sendable {
  /// Folds n events of one arm; how many it folded (fewer when the inverse is no longer positive definite).
  static func learn(
    _ kernels: BanditKernels, _ d: Int, _ inverse: UnsafeMutablePointer<Self>, _ theta: UnsafeMutablePointer<Self>,
    _ x: UnsafePointer<UnsafePointer<Self>?>, _ rewards: UnsafePointer<Self>, _ n: Int, next: UnsafePointer<Self>?,
    last: UnsafeMutablePointer<Self>
  ) -> Int
  /// y = A^-1 x, padded.
  static func multiply(
    _ kernels: BanditKernels, _ d: Int, _ inverse: UnsafePointer<Self>, _ x: UnsafePointer<Self>,
    into y: UnsafeMutablePointer<Self>)
  static func word(_ value: Self) -> UInt64
  static func value(_ word: UInt64) -> Self
}

/// The kernels of one instruction set. All of them compute the same bits.
public struct BanditKernels: @unchecked Sendable {
  let table: UnsafePointer<ck_bandit_kernels>
  public var name: String { String(cString: table.pointee.name) }
  public var isAvailable: Bool { table.pointee.available() != 0 }

  /// The fastest this machine runs.
  public static let best = BanditKernels(table: ck_bandit_best())
  /// The plain loop, then every instruction set this machine runs.
  public static var all: [BanditKernels] {
    (0..<ck_bandit_variants()).map { BanditKernels(table: ck_bandit_variant($0)) }.filter(\.isAvailable)
  }

  /// Contexts and theta are padded with zeros to this length.
  public static func padded(_ d: Int) -> Int { ck_padded(d) }
  /// Numbers of a packed inverse.
  public static func packedCount(_ d: Int) -> Int { ck_packed_count(d) }
  /// Where row i begins; entry (i, j), j <= i, is at `row(i) + j`.
  public static func row(_ i: Int) -> Int { ck_packed_row(i) }

  /// theta·x and √(xᵀ A^-1 x) of n candidates; each has its pointers.
  public func score(
    _ d: Int, inverse: UnsafePointer<UnsafePointer<Float>?>, theta: UnsafePointer<UnsafePointer<Float>?>,
    x: UnsafePointer<UnsafePointer<Float>?>, count: Int, mean: UnsafeMutablePointer<Float>,
    width: UnsafeMutablePointer<Float>
  ) {
    table.pointee.score_f32(d, inverse, theta, x, count, mean, width)
  }

  /// As ``InverseReal/learn`` but in two sweeps per event: the sequential form that the fused one must equal.
  public func learnPlainly(
    _ d: Int, _ inverse: UnsafeMutablePointer<Float>, _ theta: UnsafeMutablePointer<Float>,
    _ x: UnsafePointer<UnsafePointer<Float>?>, _ rewards: UnsafePointer<Float>, _ n: Int,
    last: UnsafeMutablePointer<Float>
  ) -> Int {
    table.pointee.learn_plainly_f32(d, inverse, theta, x, rewards, n, last)
  }
}

extension Float: InverseReal {
  public static func learn(
    _ kernels: BanditKernels, _ d: Int, _ inverse: UnsafeMutablePointer<Float>, _ theta: UnsafeMutablePointer<Float>,
    _ x: UnsafePointer<UnsafePointer<Float>?>, _ rewards: UnsafePointer<Float>, _ n: Int, next: UnsafePointer<Float>?,
    last: UnsafeMutablePointer<Float>
  ) -> Int {
    kernels.table.pointee.learn_f32(d, inverse, theta, x, rewards, n, next, last)
  }
  public static func multiply(
    _ kernels: BanditKernels, _ d: Int, _ inverse: UnsafePointer<Float>, _ x: UnsafePointer<Float>,
    into y: UnsafeMutablePointer<Float>
  ) {
    kernels.table.pointee.multiply_f32(d, inverse, x, y)
  }
  public static func word(_ value: Float) -> UInt64 { UInt64(value.bitPattern) }
  public static func value(_ word: UInt64) -> Float { Float(bitPattern: UInt32(truncatingIfNeeded: word)) }
}

extension Double: InverseReal {
  public static func learn(
    _ kernels: BanditKernels, _ d: Int, _ inverse: UnsafeMutablePointer<Double>, _ theta: UnsafeMutablePointer<Double>,
    _ x: UnsafePointer<UnsafePointer<Double>?>, _ rewards: UnsafePointer<Double>, _ n: Int,
    next: UnsafePointer<Double>?, last: UnsafeMutablePointer<Double>
  ) -> Int {
    kernels.table.pointee.learn_f64(d, inverse, theta, x, rewards, n, next, last)
  }
  public static func multiply(
    _ kernels: BanditKernels, _ d: Int, _ inverse: UnsafePointer<Double>, _ x: UnsafePointer<Double>,
    into y: UnsafeMutablePointer<Double>
  ) {
    kernels.table.pointee.multiply_f64(d, inverse, x, y)
  }
  public static func word(_ value: Double) -> UInt64 { value.bitPattern }
  public static func value(_ word: UInt64) -> Double { Double(bitPattern: word) }
}

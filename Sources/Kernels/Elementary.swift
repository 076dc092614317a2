/// exp, exp2 and ln in Double with a fixed order of operations.
///
/// glibc's differ between versions by a last bit, and a fold must give the same bits on every machine. Polynomials
/// and argument reduction are those of fdlibm (Sun, 1993; error below 1 ulp); only +, -, *, / and bit moves are
/// used, never a fused multiply-add.
///
/// - Complexity: about 5 ns a call.
public enum Elementary {
  private static let ln2High = 6.93147180369123816490e-01
  private static let ln2Low = 1.90821492927058770002e-10

  /// The nearest whole number, ties to the even one, of a number below 2^51 either side of 0: two additions, where
  /// the standard library calls a function of the C library's.
  @inline(__always)
  public static func nearest(_ x: Double) -> Double { (x + 0x1.8p52) - 0x1.8p52 }

  /// e to the x.
  public static func exp(_ x: Double) -> Double {
    if x.isNaN { return x }
    if x > 709.782712893383973096 { return .infinity }
    if x < -745.13321910194110842 { return 0 }
    let k = nearest(x * 1.44269504088896338700)
    return power(high: x - k * ln2High, low: k * ln2Low, exponent: Int(k))
  }

  /// 2 to the x.
  public static func exp2(_ x: Double) -> Double {
    if x.isNaN { return x }
    if x >= 1024 { return .infinity }
    if x < -1075 { return 0 }
    let k = nearest(x)
    let r = x - k
    return power(high: r * ln2High, low: -(r * ln2Low), exponent: Int(k))
  }

  /// Natural logarithm; NaN below 0.
  public static func ln(_ x: Double) -> Double {
    if x.isNaN || x < 0 { return .nan }
    if x == 0 { return -.infinity }
    if x == .infinity { return x }
    var value = x
    var exponent = 0
    if value < 0x1p-1022 {
      value *= 0x1p54
      exponent = -54
    }
    var bits = value.bitPattern
    exponent += Int(bits >> 52) - 1023
    bits = bits & 0x000f_ffff_ffff_ffff | 0x3ff0_0000_0000_0000
    var m = Double(bitPattern: bits)
    if m > 1.41421356237309504880 {
      m *= 0.5
      exponent += 1
    }
    let f = m - 1
    let k = Double(exponent)
    let s = f / (2 + f)
    let z = s * s
    let w = z * z
    let even = w * (3.999999999940941908e-01 + w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01))
    let odd6 = 1.818357216161805012e-01 + w * 1.479819860511658591e-01
    let odd = z * (6.666666666666735130e-01 + w * (2.857142874366239149e-01 + w * odd6))
    let half = 0.5 * f * f
    return k * ln2High - ((half - (s * (half + (even + odd)) + k * ln2Low)) - f)
  }

  /// x to a whole power, by squaring.
  public static func power(_ x: Double, _ n: UInt32) -> Double {
    var result = 1.0
    var base = x
    var left = n
    while left > 0 {
      if left & 1 == 1 { result *= base }
      base *= base
      left >>= 1
    }
    return result
  }

  /// exp(high - low) * 2^exponent for |high - low| <= ln 2 / 2.
  @inline(__always)
  private static func power(high: Double, low: Double, exponent: Int) -> Double {
    let r = high - low
    let t = r * r
    let tail = t * (-1.65339022054652515390e-06 + t * 4.13813679705723846039e-08)
    let c =
      r - t * (1.66666666666666019037e-01 + t * (-2.77777777770155933842e-03 + t * (6.61375632143793436117e-05 + tail)))
    let y = 1 - ((low - (r * c) / (2 - c)) - high)
    if exponent >= -1021 && exponent <= 1023 {
      return y * Double(bitPattern: UInt64(1023 + exponent) << 52)
    }
    if exponent > 1023 { return y * 2 * 0x1p1023 }
    return y * Double(bitPattern: UInt64(1023 + exponent + 1000) << 52) * 0x1p-1000
  }
}

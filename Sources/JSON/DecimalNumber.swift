/// A JSON number read from bytes: its value as a double, rounded as `Double(text)` rounds.
///
/// Up to 19 digits and a small power of ten go through one exact multiplication or division (Clinger 1990);
/// the rest through `Double(text)`, which knows no locale.
///
/// - Complexity: about 1 ns a digit, no allocation; the rare long form makes a `String`.
public struct DecimalNumber: Sendable {
  public var value: Double
  /// The number if it was written without fraction and exponent and fits.
  public var integer: Int64?

  /// Reads the number that begins at `at` and moves past it.
  ///
  /// nil = no JSON number here (`at` then stands where it went wrong).
  @inlinable
  public init?(scanning bytes: UnsafeRawBufferPointer, from at: inout Int) {
    guard let base = bytes.baseAddress else { return nil }
    let count = bytes.count
    let start = at
    var i = at
    var negative = false
    if i < count, base.load(fromByteOffset: i, as: UInt8.self) == 0x2d {
      negative = true
      i += 1
    }
    let first = i
    var digits: UInt64 = 0
    while i < count {
      let digit = base.load(fromByteOffset: i, as: UInt8.self) &- 0x30
      guard digit < 10 else { break }
      digits = digits &* 10 &+ UInt64(digit)
      i += 1
    }
    var significant = i - first
    if significant == 0 || (significant > 1 && base.load(fromByteOffset: first, as: UInt8.self) == 0x30) {
      at = i
      return nil
    }
    var power = 0
    var plain = true
    if i < count, base.load(fromByteOffset: i, as: UInt8.self) == 0x2e {
      plain = false
      i += 1
      let fraction = i
      while i < count {
        let digit = base.load(fromByteOffset: i, as: UInt8.self) &- 0x30
        guard digit < 10 else { break }
        digits = digits &* 10 &+ UInt64(digit)
        i += 1
      }
      if i == fraction {
        at = i
        return nil
      }
      power = fraction - i
      significant += i - fraction
    }
    if i < count, base.load(fromByteOffset: i, as: UInt8.self) | 0x20 == 0x65 {
      plain = false
      i += 1
      var down = false
      if i < count {
        let sign = base.load(fromByteOffset: i, as: UInt8.self)
        if sign == 0x2b || sign == 0x2d {
          down = sign == 0x2d
          i += 1
        }
      }
      let exponent = i
      var shift = 0
      while i < count {
        let digit = base.load(fromByteOffset: i, as: UInt8.self) &- 0x30
        guard digit < 10 else { break }
        if shift < 100_000 { shift = shift * 10 + Int(digit) }
        i += 1
      }
      if i == exponent {
        at = i
        return nil
      }
      power += down ? -shift : shift
    }
    at = i
    // 19 digits never wrap 64 bits; up to 2^53 they are exact as a double, and so is a power of ten up to 22.
    if significant <= 19 && digits <= 1 << 53 && power >= -22 && power <= 22 {
      var exact = Double(digits)
      if power < 0 { exact /= DecimalNumber.power(-power) } else if power > 0 { exact *= DecimalNumber.power(power) }
      value = negative ? -exact : exact
    } else {
      value = DecimalNumber.slow(UnsafeRawBufferPointer(rebasing: bytes[start..<i]))
    }
    if plain, significant <= 18, !(negative && digits == 0) {
      integer = negative ? -Int64(digits) : Int64(digits)
    } else if plain, digits > 0 {
      integer = DecimalNumber.long(UnsafeRawBufferPointer(rebasing: bytes[start..<i]))
    } else {
      integer = nil
    }
  }

  /// 10^0 ... 10^22, each exact.
  @inlinable @inline(__always)
  static func power(_ n: Int) -> Double { powers[n] }

  @usableFromInline
  static let powers: [Double] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
    1e20, 1e21, 1e22,
  ]

  @usableFromInline @inline(never)
  static func slow(_ text: UnsafeRawBufferPointer) -> Double { Double(String(decoding: text, as: UTF8.self))! }

  @usableFromInline @inline(never)
  static func long(_ text: UnsafeRawBufferPointer) -> Int64? { Int64(String(decoding: text, as: UTF8.self)) }
}

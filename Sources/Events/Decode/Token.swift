/// What stands at a slot after a scan.
enum TokenKind: UInt8 {
  case absent = 0, null, no, yes, integer, number
  /// Text without escapes.
  case string
  /// Text with escapes, as it came.
  case escaped
  case object, array
  /// A converter could not make of it what the mapping asked for.
  case bad
}

/// A value in place: nothing is copied until somebody needs it elsewhere.
struct Token {
  /// Int64 or Double, by kind.
  var bits: UInt64 = 0
  /// The text of a string (between the quotes), else of the whole value.
  var start: UnsafePointer<UInt8>
  var count: Int
  var kind: TokenKind

  /// Where the empty text stands; nobody reads there.
  static var nowhere: UnsafePointer<UInt8> {
    @inline(__always) get { UnsafePointer(bitPattern: 16).unsafelyUnwrapped }
  }

  @inline(__always)
  init(_ kind: TokenKind, _ start: UnsafePointer<UInt8>, _ count: Int, bits: UInt64 = 0) {
    self.bits = bits
    self.start = start
    self.count = count
    self.kind = kind
  }
  init(_ kind: TokenKind) { self.init(kind, Token.nowhere, 0) }
  init(integer: Int64) { self.init(.integer, Token.nowhere, 0, bits: UInt64(bitPattern: integer)) }
  init(number: Double) { self.init(.number, Token.nowhere, 0, bits: number.bitPattern) }

  var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: start, count: count) }

  /// The number, whole or not.
  @inline(__always)
  var double: Double? {
    if kind == .integer { return Double(Int64(bitPattern: bits)) }
    if kind == .number { return Double(bitPattern: bits) }
    return nil
  }

  /// The number if it is whole and fits.
  @inline(__always)
  var whole: Int64? {
    if kind == .integer { return Int64(bitPattern: bits) }
    if kind == .number { return Int64(exactly: Double(bitPattern: bits)) }
    return nil
  }
}

/// Up to 16 bytes of a word as two machine words; longer ones are no short word.
struct ShortWord: Equatable {
  var low: UInt64
  var high: UInt64

  @inline(__always)
  init?(_ start: UnsafePointer<UInt8>, _ count: Int) {
    guard count <= 16 else { return nil }
    low = ShortWord.load(start, min(count, 8))
    high = count > 8 ? ShortWord.load(start + 8, count - 8) : 0
  }

  init?(_ word: String) {
    let bytes = Array(word.utf8)
    guard bytes.count <= 16 else { return nil }
    self = bytes.withUnsafeBufferPointer { buffer in
      ShortWord(buffer.baseAddress ?? Token.nowhere, buffer.count)!
    }
  }

  /// 0...8 bytes, little endian, never reading past the last.
  @inline(__always)
  private static func load(_ p: UnsafePointer<UInt8>, _ n: Int) -> UInt64 {
    let raw = UnsafeRawPointer(p)
    if n == 8 { return raw.loadUnaligned(as: UInt64.self) }
    if n >= 4 {
      let first = UInt64(raw.loadUnaligned(as: UInt32.self))
      let last = UInt64(raw.loadUnaligned(fromByteOffset: n - 4, as: UInt32.self))
      return first | last << UInt64(8 * (n - 4))
    }
    if n == 0 { return 0 }
    return UInt64(p[0]) | UInt64(p[n / 2]) << UInt64(8 * (n / 2)) | UInt64(p[n - 1]) << UInt64(8 * (n - 1))
  }
}

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

/// Escapes of JSON strings.
public enum JSONEscape {
  /// Reads the escape that begins at `at` (a backslash) and moves past it; a surrogate pair counts as one.
  ///
  /// nil = not an escape, or half of a pair.
  public static func read(_ bytes: UnsafeRawBufferPointer, _ at: inout Int) -> Unicode.Scalar? {
    guard at + 1 < bytes.count else { return nil }
    let letter = bytes[at + 1]
    at += 2
    switch letter {
    case 0x22, 0x5c, 0x2f: return Unicode.Scalar(letter)
    case 0x62: return "\u{8}"
    case 0x66: return "\u{c}"
    case 0x6e: return "\n"
    case 0x72: return "\r"
    case 0x74: return "\t"
    case 0x75: break
    default: return nil
    }
    guard let first = hex(bytes, at) else { return nil }
    at += 4
    guard first & 0xf800 == 0xd800 else { return Unicode.Scalar(first) }
    guard first < 0xdc00, at + 1 < bytes.count, bytes[at] == 0x5c, bytes[at + 1] == 0x75,
      let second = hex(bytes, at + 2), second & 0xfc00 == 0xdc00
    else { return nil }
    at += 6
    return Unicode.Scalar(0x10000 + (first - 0xd800) << 10 + (second - 0xdc00))
  }

  private static func hex(_ bytes: UnsafeRawBufferPointer, _ at: Int) -> UInt32? {
    guard at + 4 <= bytes.count else { return nil }
    var value: UInt32 = 0
    for i in at..<(at + 4) {
      let byte = bytes[i]
      let digit: UInt8
      switch byte {
      case 0x30...0x39: digit = byte - 0x30
      case 0x41...0x46: digit = byte - 0x41 + 10
      case 0x61...0x66: digit = byte - 0x61 + 10
      default: return nil
      }
      value = value << 4 | UInt32(digit)
    }
    return value
  }
}

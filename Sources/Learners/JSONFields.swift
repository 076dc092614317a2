/// Cuts a JSON text that is known to be valid into its values, in place. Cold paths only.
struct JSONFields {
  let bytes: UnsafeRawBufferPointer
  var at = 0

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  /// The members of the object here, as (name with its quotes, value) byte ranges; false where it is none.
  mutating func eachMember(_ body: (Range<Int>, Range<Int>) -> Void) -> Bool {
    guard open(0x7b) else { return false }
    if close(0x7d) { return true }
    while true {
      guard let name = value(), bytes[name.lowerBound] == 0x22, open(0x3a), let value = value() else { return false }
      body(name, value)
      if close(0x7d) { return true }
      guard open(0x2c) else { return false }
    }
  }

  /// The values of the list here; false where it is none.
  mutating func eachValue(_ body: (Range<Int>) -> Void) -> Bool {
    guard open(0x5b) else { return false }
    if close(0x5d) { return true }
    while true {
      guard let value = value() else { return false }
      body(value)
      if close(0x5d) { return true }
      guard open(0x2c) else { return false }
    }
  }

  /// Skips one value and tells where it lies.
  mutating func value() -> Range<Int>? {
    skipBlanks()
    let start = at
    var depth = 0
    while at < bytes.count {
      switch bytes[at] {
      case 0x22:
        guard skipString() else { return nil }
        if depth == 0 { return start..<at }
        continue
      case 0x7b, 0x5b: depth += 1
      case 0x7d, 0x5d:
        if depth == 0 { return at > start ? start..<trimmed(start) : nil }
        depth -= 1
        if depth == 0 {
          at += 1
          return start..<at
        }
      case 0x2c where depth == 0, 0x3a where depth == 0:
        return at > start ? start..<trimmed(start) : nil
      default: break
      }
      at += 1
    }
    return depth == 0 && at > start ? start..<trimmed(start) : nil
  }

  /// A string value without quotes and escapes.
  static func text(_ quoted: Slice<UnsafeRawBufferPointer>) -> String {
    var out: [UInt8] = []
    var at = quoted.startIndex + 1
    let end = quoted.endIndex - 1
    var high: UInt32 = 0
    while at < end {
      guard quoted[at] == 0x5c, at + 1 < end else {
        out.append(quoted[at])
        at += 1
        continue
      }
      let escape = quoted[at + 1]
      at += 2
      switch escape {
      case 0x62: out.append(8)
      case 0x66: out.append(12)
      case 0x6e: out.append(10)
      case 0x72: out.append(13)
      case 0x74: out.append(9)
      case 0x75 where at + 4 <= end:
        let unit = UInt32(String(decoding: quoted[at..<(at + 4)], as: UTF8.self), radix: 16) ?? 0xfffd
        at += 4
        if unit & 0xfc00 == 0xd800 {
          high = unit
          continue
        }
        let scalar = high != 0 && unit & 0xfc00 == 0xdc00 ? 0x10000 + (high & 0x3ff) << 10 + unit & 0x3ff : unit
        high = 0
        out.append(contentsOf: String(Unicode.Scalar(scalar) ?? "\u{fffd}").utf8)
      default: out.append(escape)
      }
    }
    return String(decoding: out, as: UTF8.self)
  }

  private func trimmed(_ start: Int) -> Int {
    var end = at
    while end > start, bytes[end - 1] <= 0x20 { end -= 1 }
    return end
  }

  private mutating func skipString() -> Bool {
    at += 1
    while at < bytes.count, bytes[at] != 0x22 { at += bytes[at] == 0x5c ? 2 : 1 }
    at += 1
    return at <= bytes.count
  }

  private mutating func skipBlanks() {
    while at < bytes.count, bytes[at] <= 0x20 { at += 1 }
  }

  private mutating func open(_ sign: UInt8) -> Bool { close(sign) }

  private mutating func close(_ sign: UInt8) -> Bool {
    skipBlanks()
    guard at < bytes.count, bytes[at] == sign else { return false }
    at += 1
    return true
  }
}

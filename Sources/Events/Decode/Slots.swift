import JSON

/// What a scan left: tokens by slot, and which slots hold one.
struct Slots {
  let tokens: UnsafeMutablePointer<Token>
  var present: UInt64 = 0

  @inline(__always)
  subscript(slot: Int) -> Token {
    if slot < 64 { return present &>> UInt64(slot) & 1 != 0 ? tokens[slot] : Token(.absent) }
    return tokens[slot]
  }

  mutating func put(_ token: Token, at slot: Int) {
    tokens[slot] = token
    if slot < 64 { present |= 1 &<< UInt64(slot) }
  }
}

/// Room for texts that do not stand in the record as they are meant: unescaped, prefixed, decoded.
///
/// One block, emptied with every record; nothing in it outlives the record.
struct Scratch: ~Copyable {
  private var base: UnsafeMutablePointer<UInt8>
  private var capacity: Int
  private(set) var used = 0

  init() {
    capacity = 64 << 10
    base = .allocate(capacity: capacity)
  }

  deinit { base.deallocate() }

  /// Empties it and sees that a record of so many bytes finds room.
  @inline(__always)
  mutating func reset(for byteCount: Int) {
    used = 0
    let wanted = byteCount * 4 + 8192
    if wanted > capacity {
      base.deallocate()
      capacity = wanted
      base = .allocate(capacity: capacity)
    }
  }

  /// Gives back what was taken since `used` stood at `mark`.
  mutating func release(to mark: Int) { used = mark }

  /// nil = a mapping that copies the same long text again and again has used up its room.
  mutating func take(_ count: Int) -> UnsafeMutablePointer<UInt8>? {
    guard capacity - used >= count else { return nil }
    defer { used += count }
    return base + used
  }

  /// The text of a string token with its escapes resolved.
  mutating func unescape(_ token: Token) -> Token {
    guard let out = take(token.count) else { return Token(.bad) }
    var written = 0
    var i = 0
    while i < token.count {
      if token.start[i] != 0x5c {
        out[written] = token.start[i]
        written += 1
        i += 1
        continue
      }
      guard let scalar = JSONEscape.read(token.bytes, &i) else { return Token(.bad) }
      for byte in UTF8.encode(scalar)! {  // never longer than its escape
        out[written] = byte
        written += 1
      }
    }
    return Token(.string, out, written)
  }

  mutating func text(_ bytes: some Collection<UInt8>) -> Token {
    guard let out = take(bytes.count) else { return Token(.bad) }
    var i = 0
    for byte in bytes {
      out[i] = byte
      i += 1
    }
    return Token(.string, out, bytes.count)
  }

  /// The bytes that base64 text stands for (RFC 4648, padding optional); nil = it is none.
  mutating func base64(_ token: Token) -> UnsafeRawBufferPointer? {
    guard let out = take(token.count) else { return nil }
    var bits: UInt32 = 0
    var held: UInt32 = 0
    var written = 0
    var count = token.count
    while count > 0, token.count - count < 2, token.start[count - 1] == 0x3d { count -= 1 }
    guard count % 4 != 1 else { return nil }
    for i in 0..<count {
      let c = token.start[i]
      let value: UInt8
      switch c {
      case 0x41...0x5a: value = c - 0x41
      case 0x61...0x7a: value = c - 0x61 + 26
      case 0x30...0x39: value = c - 0x30 + 52
      case 0x2b, 0x2d: value = 62
      case 0x2f, 0x5f: value = 63
      default: return nil
      }
      bits = bits << 6 | UInt32(value)
      held += 6
      if held >= 8 {
        held -= 8
        out[written] = UInt8(truncatingIfNeeded: bits >> held)
        written += 1
      }
    }
    return UnsafeRawBufferPointer(start: out, count: written)
  }
}

import CKernels
import JSON

/// Walks one JSON value once, checks all of it, and leaves the members a table asks for at their slots.
///
/// Strict: RFC 8259, valid UTF-8 and escapes everywhere, 32 levels at most. Copies nothing, allocates nothing.
///
/// - Complexity: one pass; about 0.3 ns a byte for records whose members come in the usual order.
struct Scanner {
  static let depthLimit = 32

  var at: UnsafePointer<UInt8>
  let end: UnsafePointer<UInt8>
  let members: UnsafeMutablePointer<ScanTable.Member>
  let nodes: UnsafeMutablePointer<ScanTable.Node>
  let tokens: UnsafeMutablePointer<Token>
  /// Where values go that nobody asks for: one token before the first slot.
  private let spare: UnsafeMutablePointer<Token>
  /// Slots below 64 that hold something. What lies beyond must be `absent` when the scan begins.
  var present: UInt64 = 0
  /// A number beyond what a double holds was met.
  var notFinite = false
  /// A member of the root was met that the table does not know.
  var unknown = false

  /// - Parameter tokens: Slot 0; one more token stands before it.
  @inline(__always)
  init(_ value: UnsafeRawBufferPointer, _ table: borrowing ScanTable, _ tokens: UnsafeMutablePointer<Token>) {
    at = value.baseAddress?.assumingMemoryBound(to: UInt8.self) ?? Token.nowhere
    end = at + value.count
    members = table.members
    nodes = table.nodes
    self.tokens = tokens
    spare = tokens - 1
  }

  /// Reads one value with the members of node 0; false = not JSON.
  mutating func value(rootSlot: Int) -> Bool {
    skipBlanks()
    guard rootSlot < 0, at < end, at.pointee == 0x7b else { return value(slot: rootSlot, node: 0, depth: 0) }
    return object(node: 0, depth: 1)
  }

  @inline(__always)
  mutating func skipBlanks() {
    while at < end, at.pointee <= 0x20 {
      let byte = at.pointee
      guard byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 else { return }
      at += 1
    }
  }

  // MARK: Objects

  /// Kept apart so that values are read inline in the loop over members.
  @inline(never)
  private mutating func nested(node: Int, depth: Int) -> Bool { object(node: node, depth: depth) }

  private mutating func object(node: Int, depth: Int) -> Bool {
    guard depth <= Scanner.depthLimit else { return false }
    var start = at
    var previous = -1
    var member = Int(nodes[node].first)
    if member < 0 || !take(nodes[node].lead) {
      at += 1
      skipBlanks()
      if at < end, at.pointee == 0x7d {
        at += 1
        return true
      }
      guard let found = key(node, probably: member) else { return false }
      member = found
      if member >= 0 {
        nodes[node].first = Int32(member)
        nodes[node].lead.learn(start, at - start)
      }
    }
    while true {
      if member >= 0 {
        guard value(slot: Int(members[member].slot), node: Int(members[member].node), depth: depth) else {
          return false
        }
        previous = member
        member = Int(members[member].next)
        if member >= 0, take(members[member].lead) { continue }
      } else {
        if node == 0 { unknown = true }
        guard skip(depth) else { return false }
      }
      start = at
      skipBlanks()
      guard at < end else { return false }
      let byte = at.pointee
      at += 1
      if byte == 0x7d { return true }
      guard byte == 0x2c else { return false }
      skipBlanks()
      guard let found = key(node, probably: previous < 0 ? -1 : Int(members[previous].next)) else { return false }
      member = found
      if member >= 0, previous >= 0 {
        members[previous].next = Int32(member)
        members[member].lead.learn(start, at - start)
      }
    }
  }

  /// Moves past these bytes if they stand here.
  @inline(__always)
  private mutating func take(_ lead: ScanTable.Lead) -> Bool {
    guard lead.length > 0, ck_begins(at, end - at, lead.bytes, lead.length, lead.mask) != 0 else { return false }
    at += lead.length
    skipBlanks()
    return true
  }

  /// From a key's quote to its value: which member of this node it is, -1 = none. nil = not JSON.
  @inline(never)
  private mutating func key(_ node: Int, probably hint: Int) -> Int? {
    guard at < end, at.pointee == 0x22 else { return nil }
    at += 1
    guard let member = hint >= 0 && isKey(of: hint) ? hint : search(node) else { return nil }
    skipBlanks()
    guard at < end, at.pointee == 0x3a else { return nil }
    at += 1
    skipBlanks()
    return member
  }

  /// Whether the key at hand is this member's; moves past its closing quote if so.
  private mutating func isKey(of index: Int) -> Bool {
    let length = members[index].length
    guard end - at >= length else { return false }
    for i in 0..<length where at[i] != members[index].key[i] { return false }
    at += length
    return true
  }

  /// The member of this node whose key stands here, -1 = none; moves past the key. nil = not JSON.
  private mutating func search(_ node: Int) -> Int? {
    let range = Int(nodes[node].start)..<Int(nodes[node].start + nodes[node].count)
    for index in range where isKey(of: index) { return index }
    guard string(spare) else { return nil }
    let key = spare.pointee
    guard key.kind == .escaped else { return -1 }
    // A key with escapes: rare enough for a copy.
    var text: [UInt8] = []
    var i = 0
    while i < key.count {
      if key.start[i] == 0x5c {
        guard let scalar = JSONEscape.read(key.bytes, &i) else { return nil }
        text.append(contentsOf: UTF8.encode(scalar)!)
      } else {
        text.append(key.start[i])
        i += 1
      }
    }
    return range.first { index in
      members[index].length == text.count + 1 && text.indices.allSatisfy { text[$0] == members[index].key[$0] }
    } ?? -1
  }

  // MARK: Values

  @inline(__always)
  private mutating func value(slot: Int, node: Int, depth: Int) -> Bool {
    guard at < end else { return false }
    let start = at
    let into = slot >= 0 ? tokens + slot : spare
    switch at.pointee {
    case 0x22:
      at += 1
      guard string(into) else { return false }
    case 0x7b:
      if node >= 0 {
        if slot >= 0, has(slot) { clear(node) }
        guard nested(node: node, depth: depth + 1) else { return false }
      } else {
        guard skip(depth) else { return false }
      }
      into.pointee = Token(.object, start, at - start)
    case 0x5b:
      guard skip(depth) else { return false }
      into.pointee = Token(.array, start, at - start)
    case 0x74:
      guard word(0x6575_7274, 4) else { return false }
      into.pointee = Token(.yes, start, 4)
    case 0x66:
      at += 1
      guard word(0x6573_6c61, 4) else { return false }
      into.pointee = Token(.no, start, 5)
    case 0x6e:
      guard word(0x6c6c_756e, 4) else { return false }
      into.pointee = Token(.null, start, 4)
    default: guard number(into) else { return false }
    }
    if slot >= 0 {
      if node >= 0, into.pointee.kind != .object, has(slot) { clear(node) }
      if slot < 64 { present |= 1 &<< UInt64(slot) }
    }
    return true
  }

  /// Whether a slot holds something.
  @inline(__always)
  func has(_ slot: Int) -> Bool { slot < 64 ? present &>> UInt64(slot) & 1 != 0 : tokens[slot].kind != .absent }

  /// The last of several members of one name wins, also over what the earlier one held inside.
  @inline(never)
  private mutating func clear(_ node: Int) {
    for index in Int(nodes[node].start)..<Int(nodes[node].start + nodes[node].count) {
      let slot = Int(members[index].slot)
      if slot >= 64 { tokens[slot].kind = .absent } else if slot >= 0 { present &= ~(1 << UInt64(slot)) }
      if members[index].node >= 0 { clear(Int(members[index].node)) }
    }
  }

  @inline(__always)
  private mutating func word(_ letters: UInt32, _ count: Int) -> Bool {
    guard end - at >= 4, UnsafeRawPointer(at).loadUnaligned(as: UInt32.self) == letters else { return false }
    at += count
    return true
  }

  /// From behind the opening quote to behind the closing one.
  @inline(__always)
  mutating func string(_ into: UnsafeMutablePointer<Token>) -> Bool {
    let start = at
    var p = at
    while end - p >= 16 {
      let mask = ck_json_string_mask(p)
      if mask == 0 {
        p += 16
        continue
      }
      p += mask.trailingZeroBitCount
      guard p.pointee == 0x22 else {
        at = p
        return special(start, into)
      }
      into.pointee = Token(.string, start, p - start)
      at = p + 1
      return true
    }
    while p < end {  // the last 15 bytes of the record
      let byte = p.pointee
      if byte == 0x22 {
        into.pointee = Token(.string, start, p - start)
        at = p + 1
        return true
      }
      if byte == 0x5c || byte < 0x20 || byte >= 0x80 {
        at = p
        return special(start, into)
      }
      p += 1
    }
    return false
  }

  /// Strings with escapes or beyond ASCII.
  @inline(never)
  private mutating func special(_ start: UnsafePointer<UInt8>, _ into: UnsafeMutablePointer<Token>) -> Bool {
    var escaped = false
    while at < end {
      let byte = at.pointee
      if byte == 0x22 {
        into.pointee = Token(escaped ? .escaped : .string, start, at - start)
        at += 1
        return true
      }
      if byte == 0x5c {
        var i = 0
        guard JSONEscape.read(UnsafeRawBufferPointer(start: at, count: end - at), &i) != nil else { return false }
        escaped = true
        at += i
      } else if byte < 0x20 {
        return false
      } else if byte < 0x80 {
        at += 1
      } else {
        let length = utf8Length()
        guard length > 0 else { return false }
        at += length
      }
    }
    return false
  }

  /// Length of the sequence that begins here, 0 when it is none (Unicode 15, table 3-7).
  @inline(__always)
  private func utf8Length() -> Int {
    let lead = at[0]
    let left = end - at
    func follows(_ i: Int) -> Bool { at[i] & 0xc0 == 0x80 }
    if lead >= 0xc2, lead < 0xe0 { return left >= 2 && follows(1) ? 2 : 0 }
    if lead >= 0xe0, lead < 0xf0 {
      guard left >= 3, follows(1), follows(2) else { return 0 }
      if lead == 0xe0, at[1] < 0xa0 { return 0 }
      if lead == 0xed, at[1] >= 0xa0 { return 0 }
      return 3
    }
    if lead >= 0xf0, lead < 0xf5 {
      guard left >= 4, follows(1), follows(2), follows(3) else { return 0 }
      if lead == 0xf0, at[1] < 0x90 { return 0 }
      if lead == 0xf4, at[1] >= 0x90 { return 0 }
      return 4
    }
    return 0
  }

  // MARK: Numbers

  /// Integers of up to 18 digits and short decimals here, the rest by ``DecimalNumber``.
  @inline(__always)
  mutating func number(_ into: UnsafeMutablePointer<Token>) -> Bool {
    let start = at
    var p = at
    let negative = p.pointee == 0x2d
    if negative { p += 1 }
    let first = p
    var digits: UInt64 = 0
    p = run(p, &digits)
    var significant = p - first
    guard significant > 0, significant == 1 || first.pointee != 0x30 else { return false }
    let follower: UInt8 = p < end ? p.pointee : 0
    if follower != 0x2e, follower | 0x20 != 0x65 {
      if significant <= 18, !(negative && digits == 0) {
        at = p
        let value = negative ? -Int64(bitPattern: digits) : Int64(bitPattern: digits)
        into.pointee = Token(.integer, start, p - start, bits: UInt64(bitPattern: value))
        return true
      }
      return slowNumber(into)
    }
    guard follower == 0x2e else { return slowNumber(into) }
    let fraction = p + 1
    p = run(fraction, &digits)
    let places = p - fraction
    significant += places
    guard places > 0 else { return false }
    if p < end, p.pointee | 0x20 == 0x65 { return slowNumber(into) }
    guard significant <= 19, digits <= 1 << 53, places <= 22 else { return slowNumber(into) }
    at = p
    let value = Double(digits) / Scanner.powers[places]
    into.pointee = Token(.number, start, p - start, bits: (negative ? -value : value).bitPattern)
    return true
  }

  /// Up to eight digits at a step (Lemire 2018), the last ones of the record one by one. Wraps beyond 19.
  @inline(__always)
  private func run(_ from: UnsafePointer<UInt8>, _ digits: inout UInt64) -> UnsafePointer<UInt8> {
    var p = from
    while end - p >= 8 {
      let chunk = UnsafeRawPointer(p).loadUnaligned(as: UInt64.self)
      // The lowest bit set tells the first byte that is no digit; what a borrow spoils lies above it.
      let above = ((chunk &+ 0x4646_4646_4646_4646) | (chunk &- 0x3030_3030_3030_3030)) & 0x8080_8080_8080_8080
      let count = above.trailingZeroBitCount >> 3
      if count == 0 { return p }
      var v = (chunk &- 0x3030_3030_3030_3030) &<< UInt64(64 - 8 * count)  // zeros before the digits
      v = v &* 10 &+ (v >> 8)
      v =
        ((v & 0x0000_00ff_0000_00ff) &* 0x000f_4240_0000_0064
          &+ ((v >> 16) & 0x0000_00ff_0000_00ff) &* 0x0000_2710_0000_0001) >> 32
      digits = digits &* Scanner.tens(count) &+ v
      p += count
      if count < 8 { return p }
    }
    while p < end {
      let digit = p.pointee &- 0x30
      guard digit < 10 else { break }
      digits = digits &* 10 &+ UInt64(digit)
      p += 1
    }
    return p
  }

  /// 10^1 ... 10^8.
  @inline(__always)
  private static func tens(_ n: Int) -> UInt64 {
    let squared: UInt64 = n & 2 != 0 ? 100 : 1
    let fourth: UInt64 = n & 4 != 0 ? 10_000 : 1
    return (n & 1 != 0 ? 10 : 1) &* squared &* fourth &* (n & 8 != 0 ? 100_000_000 : 1)
  }

  @inline(never)
  private mutating func slowNumber(_ into: UnsafeMutablePointer<Token>) -> Bool {
    let start = at
    var i = 0
    guard let number = DecimalNumber(scanning: UnsafeRawBufferPointer(start: at, count: end - at), from: &i) else {
      return false
    }
    at += i
    if let whole = number.integer {
      into.pointee = Token(.integer, start, i, bits: UInt64(bitPattern: whole))
    } else {
      if !number.value.isFinite { notFinite = true }
      into.pointee = Token(.number, start, i, bits: number.value.bitPattern)
    }
    return true
  }

  static let powers: [Double] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
    1e20, 1e21, 1e22,
  ]

  // MARK: What nobody asks for

  /// Checks the value that begins here and moves past it. `depth` = containers around it.
  mutating func skip(_ depth: Int) -> Bool {
    var depth = depth
    let floor = depth
    var objects: UInt64 = 0  // bit n: the container at depth n is an object
    while true {
      // A value begins here.
      skipBlanks()
      guard at < end else { return false }
      var opened = false
      switch at.pointee {
      case 0x22:
        at += 1
        guard string(spare) else { return false }
      case 0x7b, 0x5b:
        guard depth < Scanner.depthLimit else { return false }
        let isObject = at.pointee == 0x7b
        at += 1
        skipBlanks()
        guard at < end else { return false }
        if at.pointee == (isObject ? 0x7d : 0x5d) {
          at += 1
          break
        }
        depth += 1
        objects = objects & ~(1 << UInt64(depth)) | (isObject ? 1 << UInt64(depth) : 0)
        opened = true
      case 0x74: guard word(0x6575_7274, 4) else { return false }
      case 0x66:
        at += 1
        guard word(0x6573_6c61, 4) else { return false }
      case 0x6e: guard word(0x6c6c_756e, 4) else { return false }
      default: guard number(spare) else { return false }
      }
      // A value has ended (or a container begun): close what closes, go on to the next value.
      if !opened {
        while true {
          if depth == floor { return true }
          skipBlanks()
          guard at < end else { return false }
          let isObject = objects & 1 << UInt64(depth) != 0
          let byte = at.pointee
          at += 1
          if byte == (isObject ? 0x7d : 0x5d) {
            depth -= 1
            continue
          }
          guard byte == 0x2c else { return false }
          break
        }
      }
      if objects & 1 << UInt64(depth) != 0 {
        skipBlanks()
        guard at < end, at.pointee == 0x22 else { return false }
        at += 1
        guard string(spare) else { return false }
        skipBlanks()
        guard at < end, at.pointee == 0x3a else { return false }
        at += 1
      }
    }
  }
}

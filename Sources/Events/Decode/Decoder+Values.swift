import JSON

/// Reading values: sources in turn, converters, conditions.
extension Decoder {
  /// The value of a field by the rule at hand; `absent` where no source has one (JSON null is none).
  @inline(__always)
  mutating func token(_ field: Field) -> Token {
    let place = Int(field.rawValue)
    let slot = Int(current.pointee.slots[place])
    if slot >= 0 {
      let token = at[slot]
      if token.kind.rawValue > TokenKind.null.rawValue, token.count > 0 { return token }
      if !current.pointee.hasMore[place] {
        return token.kind == .string ? token : Token(.absent)
      }
    } else if !current.pointee.hasMore[place] {
      return Token(.absent)
    }
    return further(place)
  }

  /// The value of a field that a lone slot does not settle; apart, so that a field which it does counts no reference.
  @inline(never)
  private mutating func further(_ place: Int) -> Token { first(current.pointee.bindings[place], at, ordinal: 0) }

  /// The first step that is not empty; the last one's value as it is.
  @inline(never)
  mutating func first(_ steps: [ValueStep], _ slots: Slots, ordinal: Int) -> Token {
    var last = Token(.absent)
    for step in steps {
      let token = resolve(step, slots, ordinal: ordinal)
      guard token.kind.rawValue > TokenKind.null.rawValue else { continue }
      last = token
      if (token.kind == .string || token.kind == .escaped) && token.count == 0 { continue }
      return token
    }
    return last
  }

  private mutating func resolve(_ step: ValueStep, _ slots: Slots, ordinal: Int) -> Token {
    var token: Token
    switch step.origin {
    case .slot(let slot): token = slots[slot]
    case .place: token = place()
    case .recordTime: token = recordTime >= 0 ? Token(integer: recordTime) : Token(.absent)
    case .key:
      guard let key, key.count > 0 else { return Token(.absent) }
      guard String(validating: key, as: UTF8.self) != nil else { return Token(.bad) }
      token = Token(.string, key.baseAddress!.assumingMemoryBound(to: UInt8.self), key.count)
    case .ordinal: token = Token(integer: Int64(ordinal))
    case .literal(let literal):
      token =
        if let bool = literal.bool { Token(bool ? .yes : .no) } else if let number = literal.number {
          if let whole = Int64(exactly: number) { Token(integer: whole) } else { Token(number: number) }
        } else { scratch.text(literal.text) }
    case .test(let predicate): token = Token(holds(predicate, slots) ? .yes : .no)
    }
    guard token.kind.rawValue > TokenKind.null.rawValue else { return token }
    if let converter = step.converter, !step.isRecordTime { token = convert(token, converter) }
    guard !step.prefix.isEmpty, token.kind != .bad else { return token }
    if token.kind == .escaped { token = scratch.unescape(token) }
    if token.kind == .integer { token = convert(token, .text) }
    guard token.kind == .string else { return Token(.bad) }
    guard token.count > 0 else { return token }
    return scratch.text(step.prefix + Array(token.bytes))
  }

  /// `topic:partition:offset`, with the line behind it where a record has several.
  mutating func place() -> Token {
    var text = Array(programs[input].input.topic.utf8)
    text.append(0x3a)
    text.appendDecimal(Int64(partition))
    text.append(0x3a)
    text.appendDecimal(offset)
    if line > 0 {
      text.append(0x3a)
      text.appendDecimal(Int64(line))
    }
    return scratch.text(text)
  }

  /// A string token without escapes.
  @inline(__always)
  mutating func plain(_ token: Token) -> Token { token.kind == .escaped ? scratch.unescape(token) : token }

  private mutating func convert(_ given: Token, _ converter: Converter) -> Token {
    let token = plain(given)
    switch converter {
    case .text:
      if token.kind == .string || token.kind == .bad { return token }
      if token.kind == .integer, token.count == 0 { return scratch.text("\(token.whole!)".utf8) }
      guard token.kind.rawValue < TokenKind.string.rawValue, token.count > 0 else { return Token(.bad) }
      return Token(.string, token.start, token.count)
    case .lower:
      guard token.kind == .string else { return Token(.bad) }
      return scratch.text(String(decoding: token.bytes, as: UTF8.self).lowercased().utf8)
    case .number: return numeric(token)
    case .percent, .milliseconds:
      let value = numeric(token)
      guard let number = value.double else { return value }
      return Token(number: number / (isPercent(converter) ? 100 : 1000))
    case .scale(let from, let to):
      let value = numeric(token)
      guard let number = value.double else { return value }
      return Token(number: to.0 + (number - from.0) * (to.1 - to.0) / (from.1 - from.0))
    case .bool:
      if token.kind == .yes || token.kind == .no { return token }
      if let number = token.double { return number == 0 || number == 1 ? Token(number == 1 ? .yes : .no) : Token(.bad) }
      guard token.kind == .string else { return Token(.bad) }
      switch String(decoding: token.bytes, as: UTF8.self).lowercased() {
      case "true", "1", "yes": return Token(.yes)
      case "false", "0", "no": return Token(.no)
      default: return token.count == 0 ? Token(.absent) : Token(.bad)
      }
    case .time:
      if token.kind == .string, let ms = TimeText.milliseconds(token.bytes, zoneRequired: false) {
        return Token(integer: ms)
      }
      if token.kind == .string, token.count == 0 { return Token(.absent) }
      guard let number = numeric(token).double, let ms = TimeText.milliseconds(number) else { return Token(.bad) }
      return Token(integer: ms)
    case .table(let pairs):
      let text = convert(token, .text)
      guard text.kind == .string else { return Token(.bad) }
      guard let pair = pairs.first(where: { $0.from.elementsEqual(text.bytes) }) else { return Token(.bad) }
      if let bool = pair.to.bool { return Token(bool ? .yes : .no) }
      if let number = pair.to.number {
        if let whole = Int64(exactly: number) { return Token(integer: whole) }
        return Token(number: number)
      }
      return scratch.text(pair.to.text)
    }
  }

  private mutating func isPercent(_ converter: Converter) -> Bool {
    if case .percent = converter { true } else { false }
  }

  /// A number, also from text.
  private mutating func numeric(_ token: Token) -> Token {
    if token.kind == .integer || token.kind == .number { return token }
    guard token.kind == .string else { return Token(.bad) }
    if token.count == 0 { return Token(.absent) }
    var end = 0
    guard let number = DecimalNumber(scanning: token.bytes, from: &end), end == token.count, number.value.isFinite
    else {
      return Token(.bad)
    }
    if let whole = number.integer { return Token(integer: whole) }
    return Token(number: number.value)
  }

  // MARK: Conditions

  mutating func holds(_ predicate: Predicate, _ slots: Slots) -> Bool {
    switch predicate {
    case .all(let parts):
      for part in parts where !holds(part, slots) { return false }
      return true
    case .any(let parts):
      for part in parts where holds(part, slots) { return true }
      return false
    case .not(let part): return !holds(part, slots)
    case .test(let steps, let test):
      let token = plain(first(steps, slots, ordinal: 0))
      switch test {
      case .exists(let wanted): return (token.kind != .absent) == wanted
      case .among(let literals):
        for literal in literals where equals(token, literal) { return true }
        return false
      case .differs(let literal): return !equals(token, literal)
      case .begins(let prefix): return token.kind == .string && token.bytes.starts(with: prefix)
      case .above(let bound): return token.double.map { $0 > bound } ?? false
      case .below(let bound): return token.double.map { $0 < bound } ?? false
      }
    }
  }

  private mutating func equals(_ token: Token, _ literal: Literal) -> Bool {
    switch token.kind {
    case .string: literal.text.elementsEqual(token.bytes)
    case .integer, .number: literal.number != nil && token.double == literal.number
    case .yes, .no: literal.bool == (token.kind == .yes)
    default: false
    }
  }

  // MARK: Typed fields

  /// The text of a string token; anything else is of the wrong type.
  @inline(__always)
  mutating func text(_ token: Token, _ field: Field) throws(DecodeFault) -> UnsafeRawBufferPointer {
    if token.kind == .string { return token.bytes }
    guard token.kind == .escaped else { throw DecodeFault(.badField, field) }
    let plain = scratch.unescape(token)
    guard plain.kind == .string else { throw DecodeFault(.badField, field) }
    return plain.bytes
  }

  /// A text of so many characters at most; nil = absent.
  @inline(__always)
  mutating func text(_ field: Field, most: Int) throws(DecodeFault) -> UnsafeRawBufferPointer? {
    let token = token(field)
    if token.kind == .absent { return nil }
    let text = try text(token, field)
    guard text.count > 0, text.count <= most || characters(text) <= most else { throw DecodeFault(.badField, field) }
    return text
  }

  mutating func characters(_ text: UnsafeRawBufferPointer) -> Int {
    var count = 0
    for byte in text where byte & 0xc0 != 0x80 { count += 1 }
    return count
  }

  /// A number within bounds; NaN = absent.
  @inline(__always)
  mutating func number(_ field: Field, _ low: Double, _ high: Double) throws(DecodeFault) -> Double {
    let token = token(field)
    if token.kind == .absent { return .nan }
    guard let value = token.double, value >= low, value <= high else { throw DecodeFault(.badField, field) }
    return value
  }

  /// A whole number within bounds; nil = absent.
  @inline(__always)
  mutating func whole(_ field: Field, _ low: Int64, _ high: Int64) throws(DecodeFault) -> Int64? {
    let token = token(field)
    if token.kind == .absent { return nil }
    guard let value = token.whole, value >= low, value <= high else { throw DecodeFault(.badField, field) }
    return value
  }

  @inline(__always)
  mutating func flag(_ field: Field) throws(DecodeFault) -> Bool? {
    let token = token(field)
    switch token.kind {
    case .absent: return nil
    case .yes: return true
    case .no: return false
    default: throw DecodeFault(.badField, field)
    }
  }

  /// Checks the type of a field nobody reads.
  mutating func expect(_ field: Field, _ kind: TokenKind, or other: TokenKind = .absent) throws(DecodeFault) {
    let found = token(field).kind
    guard found == .absent || found == kind || found == other else { throw DecodeFault(.badField, field) }
  }
}

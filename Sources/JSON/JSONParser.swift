/// Why a text is not JSON, and where.
public struct JSONError: Error, Equatable, CustomStringConvertible, Sendable {
  public enum Cause: String, Sendable {
    case unexpectedEnd = "the text ends too early"
    case unexpectedByte = "this byte cannot stand here"
    case trailing = "something follows the document"
    case badNumber = "not a number"
    case notFinite = "a number beyond what a double holds"
    case badEscape = "not an escape"
    case badUTF8 = "not UTF-8"
    case controlCharacter = "a control character in a string"
    case tooDeep = "nested deeper than 32"
  }
  public var cause: Cause
  /// Byte offset in the text.
  public var offset: Int
  public init(_ cause: Cause, at offset: Int) {
    self.cause = cause
    self.offset = offset
  }
  public var description: String { "not JSON at byte \(offset): \(cause.rawValue)" }
}

/// Strict recursive-descent reader behind ``JSONValue/init(parsing:)``: RFC 8259, depth 32, last duplicate wins.
struct JSONParser {
  static let depthLimit = 32
  private let bytes: UnsafeRawBufferPointer
  private var at = 0
  private var depth = 0

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  mutating func document() throws(JSONError) -> JSONValue {
    skipBlanks()
    let value = try value()
    skipBlanks()
    guard at == bytes.count else { throw JSONError(.trailing, at: at) }
    return value
  }

  private mutating func value() throws(JSONError) -> JSONValue {
    switch try peek() {
    case 0x7b: return try object()
    case 0x5b: return try array()
    case 0x22: return .string(try string())
    case 0x74: return try word("true", .bool(true))
    case 0x66: return try word("false", .bool(false))
    case 0x6e: return try word("null", .null)
    default: return try number()
    }
  }

  private mutating func object() throws(JSONError) -> JSONValue {
    try enter()
    defer { depth -= 1 }
    var members: [JSONValue.Member] = []
    var index: [String: Int] = [:]
    if try peek() == 0x7d {
      at += 1
      return .object([])
    }
    while true {
      guard try peek() == 0x22 else { throw JSONError(.unexpectedByte, at: at) }
      let key = try string()
      skipBlanks()
      guard try peek() == 0x3a else { throw JSONError(.unexpectedByte, at: at) }
      at += 1
      skipBlanks()
      let value = try value()
      if let known = index[key] {
        members[known].value = value
      } else {
        index[key] = members.count
        members.append(JSONValue.Member(key, value))
      }
      if try ends(0x7d) { return .object(members) }
    }
  }

  private mutating func array() throws(JSONError) -> JSONValue {
    try enter()
    defer { depth -= 1 }
    var elements: [JSONValue] = []
    if try peek() == 0x5d {
      at += 1
      return .array([])
    }
    while true {
      elements.append(try value())
      if try ends(0x5d) { return .array(elements) }
    }
  }

  private mutating func enter() throws(JSONError) {
    guard depth < JSONParser.depthLimit else { throw JSONError(.tooDeep, at: at) }
    depth += 1
    at += 1
    skipBlanks()
  }

  /// After a member or element: true at the closing byte, false after a comma.
  private mutating func ends(_ closing: UInt8) throws(JSONError) -> Bool {
    skipBlanks()
    let byte = try peek()
    guard byte == closing || byte == 0x2c else { throw JSONError(.unexpectedByte, at: at) }
    at += 1
    if byte == closing { return true }
    skipBlanks()
    return false
  }

  private mutating func string() throws(JSONError) -> String {
    let start = at + 1
    var end = start
    while end < bytes.count, bytes[end] != 0x22, bytes[end] != 0x5c, bytes[end] >= 0x20 { end += 1 }
    guard end < bytes.count else { throw JSONError(.unexpectedEnd, at: bytes.count) }
    if bytes[end] == 0x22 {  // no escape: the bytes are the text
      at = end + 1
      guard let text = String(validating: bytes[start..<end], as: UTF8.self) else {
        throw JSONError(.badUTF8, at: start)
      }
      return text
    }
    var text: [UInt8] = []
    at = start
    while true {
      let byte = try peek()
      if byte == 0x22 { break }
      guard byte >= 0x20 else { throw JSONError(.controlCharacter, at: at) }
      if byte != 0x5c {
        text.append(byte)
        at += 1
        continue
      }
      let from = at
      guard let scalar = JSONEscape.read(bytes, &at) else { throw JSONError(.badEscape, at: from) }
      text.append(contentsOf: UTF8.encode(scalar)!)
    }
    at += 1
    guard let valid = String(validating: text, as: UTF8.self) else { throw JSONError(.badUTF8, at: start) }
    return valid
  }

  private mutating func number() throws(JSONError) -> JSONValue {
    let start = at
    guard let scanned = DecimalNumber(scanning: bytes, from: &at) else {
      throw JSONError(start < bytes.count && !isNumberStart(bytes[start]) ? .unexpectedByte : .badNumber, at: start)
    }
    if let whole = scanned.integer { return .integer(whole) }
    guard scanned.value.isFinite else { throw JSONError(.notFinite, at: start) }
    return .number(scanned.value)
  }

  private func isNumberStart(_ byte: UInt8) -> Bool { byte == 0x2d || (byte >= 0x30 && byte <= 0x39) }

  private mutating func word(_ word: StaticString, _ value: JSONValue) throws(JSONError) -> JSONValue {
    for i in 0..<word.utf8CodeUnitCount {
      guard at < bytes.count else { throw JSONError(.unexpectedEnd, at: at) }
      guard bytes[at] == word.utf8Start[i] else { throw JSONError(.unexpectedByte, at: at) }
      at += 1
    }
    return value
  }

  private func peek() throws(JSONError) -> UInt8 {
    guard at < bytes.count else { throw JSONError(.unexpectedEnd, at: at) }
    return bytes[at]
  }

  private mutating func skipBlanks() {
    while at < bytes.count, [0x20, 0x0a, 0x0d, 0x09].contains(bytes[at]) { at += 1 }
  }
}

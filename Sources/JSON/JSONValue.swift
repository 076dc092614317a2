/// A JSON document as a value, members in the order they came.
///
/// For cold paths: configuration, reports, admin answers, reference rows. Events are never read this way.
public enum JSONValue: Sendable, Equatable {
  case null
  case bool(Bool)
  /// A number without fraction and exponent that fits.
  case integer(Int64)
  case number(Double)
  case string(String)
  case array([JSONValue])
  case object([Member])

  public struct Member: Sendable, Equatable {
    public var key: String
    public var value: JSONValue
    public init(_ key: String, _ value: JSONValue) {
      self.key = key
      self.value = value
    }
  }

  /// Reads one whole document; anything that is not strictly JSON is refused.
  public init(parsing bytes: some Sequence<UInt8>) throws(JSONError) {
    let bytes = Array(bytes)
    let result: Result<JSONValue, JSONError> = bytes.withUnsafeBytes { raw in
      do throws(JSONError) { return .success(try JSONValue(parsing: raw)) } catch { return .failure(error) }
    }
    self = try result.get()
  }

  public init(parsing text: String) throws(JSONError) { try self.init(parsing: text.utf8) }

  public init(parsing bytes: UnsafeRawBufferPointer) throws(JSONError) {
    var parser = JSONParser(bytes)
    self = try parser.document()
  }

  // MARK: Reading

  /// The member of this name; nil where there is none or this is no object.
  public subscript(_ key: String) -> JSONValue? {
    get {
      guard case .object(let members) = self else { return nil }
      return members.first { $0.key == key }?.value
    }
    set {
      var members: [Member] = if case .object(let old) = self { old } else { [] }
      if let at = members.firstIndex(where: { $0.key == key }) {
        if let newValue { members[at].value = newValue } else { members.remove(at: at) }
      } else if let newValue {
        members.append(Member(key, newValue))
      }
      self = .object(members)
    }
  }

  /// The element at this index; nil out of range or where this is no array.
  public subscript(_ index: Int) -> JSONValue? {
    guard case .array(let elements) = self, elements.indices.contains(index) else { return nil }
    return elements[index]
  }

  public var string: String? { if case .string(let value) = self { value } else { nil } }
  public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
  public var array: [JSONValue]? { if case .array(let value) = self { value } else { nil } }
  public var object: [Member]? { if case .object(let value) = self { value } else { nil } }
  public var isNull: Bool { self == .null }

  /// The number, whether written as an integer or not.
  public var double: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .number(let value): value
    default: nil
    }
  }

  /// The number if it is whole and fits.
  public var int64: Int64? {
    switch self {
    case .integer(let value): value
    case .number(let value): Int64(exactly: value)
    default: nil
    }
  }
  public var int: Int? { int64.map { Int($0) } }

  // MARK: Writing

  /// Compact JSON.
  ///
  /// - Parameter sorted: Members by the bytes of their keys, else as they stand.
  public func serialized(sorted: Bool = false) -> [UInt8] {
    var out: [UInt8] = []
    write(into: &out, sorted: sorted)
    return out
  }

  public func text(sorted: Bool = false) -> String { String(decoding: serialized(sorted: sorted), as: UTF8.self) }

  func write(into out: inout [UInt8], sorted: Bool) {
    switch self {
    case .null: out.append(contentsOf: "null".utf8)
    case .bool(let value): out.append(contentsOf: (value ? "true" : "false").utf8)
    case .integer(let value): out.appendDecimal(value)
    case .number(let value): out.appendNumber(value)
    case .string(let value): out.appendQuoted(value)
    case .array(let elements):
      out.append(0x5b)
      for (i, element) in elements.enumerated() {
        if i > 0 { out.append(0x2c) }
        element.write(into: &out, sorted: sorted)
      }
      out.append(0x5d)
    case .object(var members):
      if sorted { members.sort { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) } }
      out.append(0x7b)
      for (i, member) in members.enumerated() {
        if i > 0 { out.append(0x2c) }
        out.appendQuoted(member.key)
        out.append(0x3a)
        member.value.write(into: &out, sorted: sorted)
      }
      out.append(0x7d)
    }
  }
}

extension JSONValue: ExpressibleByNilLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
  ExpressibleByFloatLiteral, ExpressibleByStringLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  public init(nilLiteral: ()) { self = .null }
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  public init(integerLiteral value: Int64) { self = .integer(value) }
  public init(floatLiteral value: Double) { self = .number(value) }
  public init(stringLiteral value: String) { self = .string(value) }
  public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
  public init(dictionaryLiteral elements: (String, JSONValue)...) {
    self = .object(elements.map { Member($0.0, $0.1) })
  }
}

extension [UInt8] {
  /// Appends a JSON string.
  public mutating func appendQuoted(_ text: String) {
    var text = text
    text.withUTF8 { appendQuoted(UnsafeRawBufferPointer($0)) }
  }
}

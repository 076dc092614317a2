/// What an option's text may look like: one description for people, JSON Schema and completion.
public struct Shape: Sendable, Hashable {
  public enum JSONType: String, Sendable {
    case string, boolean, integer, number, array, object
  }
  /// A word for people, such as `duration`.
  public var word: String
  public var json: JSONType
  /// The only texts allowed; empty = any.
  public var choices: [String] = []
  /// Regular expression that a text must match, for JSON Schema.
  public var pattern: String?
  /// Never shown: stars in its place.
  public var isSecret = false
  /// Of a list or a map: what its elements look like.
  public var element: [Shape] = []
  /// Of a text: whole numbers that may stand without quotes or unit, as a schema must allow them.
  public var integers: ClosedRange<Int>?
  /// May be switched off with `off`.
  public var isOptional = false

  public init(
    _ word: String, _ json: JSONType, choices: [String] = [], pattern: String? = nil, integers: ClosedRange<Int>? = nil
  ) {
    self.word = word
    self.json = json
    self.choices = choices
    self.pattern = pattern
    self.integers = integers
  }

  public var isList: Bool { json == .array }
  /// Entries merge key by key over the layers.
  public var isMap: Bool { json == .object }
  public var isFlag: Bool { json == .boolean }
}

/// Why a node is no value of an option's type, as the end of a sentence that begins with the value.
public struct BadValue: Error, Sendable, Equatable {
  public var message: String
  public init(_ message: String) { self.message = message }
}

/// A type that an option can have: reads itself from a node and writes itself back.
public protocol OptionValue: Sendable {
  static var shape: Shape { get }
  init(_ node: Node) throws(BadValue)
  /// The value as a node that `init` reads back to the same value.
  var node: Node { get }
}

extension OptionValue {
  /// One line of YAML that reads back to the same value.
  public var text: String { YAML.flow(node) }
}

extension Node {
  /// The text of a scalar, or the reason that there is none.
  public func scalar() throws(BadValue) -> String {
    guard let text else { throw BadValue("must be one value, not \(kind)") }
    return text
  }
}

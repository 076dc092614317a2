public import JSON

/// A mapping as its file says it, before it means anything: scalars, lists and maps with the line they stand on.
///
/// The roof builds it from YAML; tests and the envelope that ships build it from JSON.
public indirect enum MappingTree: Sendable, Equatable {
  /// The text of a scalar as written; a plain `null`, `~` or nothing is the empty text and not quoted.
  case scalar(String, quoted: Bool, line: Int)
  case list([MappingTree], line: Int)
  case map([Entry], line: Int)

  public struct Entry: Sendable, Equatable {
    public var key: String
    public var value: MappingTree
    public init(_ key: String, _ value: MappingTree) {
      self.key = key
      self.value = value
    }
  }

  public init(_ json: JSONValue) {
    switch json {
    case .null: self = .scalar("", quoted: false, line: 0)
    case .bool(let value): self = .scalar(value ? "true" : "false", quoted: false, line: 0)
    case .integer(let value): self = .scalar(String(value), quoted: false, line: 0)
    case .number(let value): self = .scalar(value.description, quoted: false, line: 0)
    case .string(let value): self = .scalar(value, quoted: true, line: 0)
    case .array(let elements): self = .list(elements.map { MappingTree($0) }, line: 0)
    case .object(let members): self = .map(members.map { Entry($0.key, MappingTree($0.value)) }, line: 0)
    }
  }

  public var line: Int {
    switch self {
    case .scalar(_, _, let line), .list(_, let line), .map(_, let line): line
    }
  }

  public subscript(_ key: String) -> MappingTree? {
    guard case .map(let entries, _) = self else { return nil }
    return entries.first { $0.key == key }?.value
  }

  /// The text of a scalar.
  public var text: String? {
    guard case .scalar(let text, _, _) = self else { return nil }
    return text
  }

  /// An unquoted `null`, `~` or nothing.
  public var isNull: Bool {
    guard case .scalar(let text, quoted: false, _) = self else { return false }
    return text.isEmpty || text == "~" || text == "null"
  }

  /// The elements of a list; a scalar or map stands for a list of one.
  public var elements: [MappingTree] {
    if case .list(let elements, _) = self { elements } else { [self] }
  }
}

/// What is wrong in a mapping, where.
public struct MappingError: Error, Equatable, CustomStringConvertible, Sendable {
  public var file: String
  public var line: Int
  public var message: String
  public init(file: String, line: Int, message: String) {
    self.file = file
    self.line = line
    self.message = message
  }
  public var description: String { line > 0 ? "\(file):\(line): \(message)" : "\(file): \(message)" }
}

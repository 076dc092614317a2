/// Where a setting's text came from, for messages and for `config show`.
public enum Origin: Sendable, Hashable, CustomStringConvertible {
  /// A place in a YAML text; line and column begin at 1, columns count characters.
  case file(name: String, line: Int, column: Int)
  /// An environment variable.
  case environment(String)
  /// A word of the command line.
  case argument(String)
  /// The declaration's own default.
  case standard

  public var description: String {
    switch self {
    case .file(let name, let line, let column): "\(name):\(line):\(column)"
    case .environment(let name): "environment \(name)"
    case .argument(let text): text
    case .standard: "default"
    }
  }
}

/// A parsed value with its place: YAML, environment and command line all become nodes, so that one set of readers
/// and one form of message serves them all.
///
/// Scalars are text. Nothing guesses a type: the option that reads a node decides what it is.
public struct Node: Sendable, Hashable {
  public enum Content: Sendable, Hashable {
    case scalar(String)
    case list([Node])
    case map([Entry])
  }

  /// A member of a map, in the order of the text.
  public struct Entry: Sendable, Hashable {
    public var key: String
    /// Where the key stands.
    public var origin: Origin
    public var value: Node
    public init(key: String, origin: Origin, value: Node) {
      self.key = key
      self.origin = origin
      self.value = value
    }
  }

  public var content: Content
  public var origin: Origin
  /// Written between quotes: `""` is an empty text, while nothing at all is an absent value.
  public var isQuoted: Bool

  public init(_ content: Content, origin: Origin = .standard, isQuoted: Bool = false) {
    self.content = content
    self.origin = origin
    self.isQuoted = isQuoted
  }

  public init(_ text: String, origin: Origin = .standard) {
    self.init(.scalar(text), origin: origin)
  }

  /// The text of a scalar.
  public var text: String? { if case .scalar(let text) = content { text } else { nil } }
  /// The elements of a list.
  public var list: [Node]? { if case .list(let nodes) = content { nodes } else { nil } }
  /// The members of a map, in the order of the text.
  public var map: [Entry]? { if case .map(let entries) = content { entries } else { nil } }

  /// Nothing was written: `key:` alone, `~` or `null` without quotes.
  public var isEmpty: Bool {
    guard case .scalar(let text) = content, !isQuoted else { return false }
    return text.isEmpty || text == "~" || text == "null"
  }

  /// The member of a map by name; nil when absent or when this is no map.
  public subscript(_ key: String) -> Node? { map?.first { $0.key == key }?.value }

  /// A word for messages.
  public var kind: String {
    switch content {
    case .scalar: isEmpty ? "nothing" : "a text"
    case .list: "a list"
    case .map: "a map"
    }
  }

  /// The same tree with every scalar replaced by what `body` makes of it.
  func mapScalars(_ body: (String, Origin) -> String) -> Node {
    var copy = self
    switch content {
    case .scalar(let text): copy.content = .scalar(body(text, origin))
    case .list(let nodes): copy.content = .list(nodes.map { $0.mapScalars(body) })
    case .map(let entries):
      copy.content = .map(
        entries.map { Entry(key: $0.key, origin: $0.origin, value: $0.value.mapScalars(body)) })
    }
    return copy
  }
}

/// One mistake in the settings, with its place, in words that say what would be right.
public struct Problem: Error, Sendable, Hashable, CustomStringConvertible {
  public var origin: Origin
  /// Dotted name of the option, empty where there is none.
  public var path: String
  public var message: String

  public init(_ origin: Origin, path: String = "", _ message: String) {
    self.origin = origin
    self.path = path
    self.message = message
  }

  public var description: String {
    // `--set NAME` has said it already.
    let name = path.isEmpty || origin == .argument("--set \(path)") ? "" : path + ": "
    return "\(origin): \(name)\(message)"
  }
}

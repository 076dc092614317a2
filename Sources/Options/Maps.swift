/// A text that is never shown: its description is stars and it has no mirror.
///
/// Besides its own name, a secret option reads `<name>_file`: the path of a file that holds the text.
public struct Secret: OptionValue, Hashable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// The text itself; hand it to the library that needs it and to nothing else.
  public let value: String
  public init(_ value: String = "") { self.value = value }
  public var isEmpty: Bool { value.isEmpty }

  public static let shape: Shape = {
    var shape = Shape("secret", .string)
    shape.isSecret = true
    return shape
  }()
  public init(_ node: Node) throws(BadValue) { value = try node.scalar() }
  public var node: Node { Node(.scalar(value), isQuoted: true) }

  public static let stars = "********"
  public var description: String { isEmpty ? "" : Self.stars }
  public var debugDescription: String { description }
  public var customMirror: Mirror { Mirror(self, children: []) }
}

/// A map handed on as it is, such as any property of librdkafka. Names keep their order.
public struct PassThrough: OptionValue, Hashable, CustomReflectable, ExpressibleByDictionaryLiteral {
  public struct Pair: Sendable, Hashable {
    public var name: String
    public var value: String
  }
  public private(set) var pairs: [Pair] = []
  public init() {}
  public init(dictionaryLiteral values: (String, String)...) { pairs = values.map { Pair(name: $0, value: $1) } }

  public subscript(_ name: String) -> String? { pairs.first { $0.name == name }?.value }

  public static let shape: Shape = {
    var shape = Shape("map of text", .object)
    shape.element = [String.shape]
    return shape
  }()
  public init(_ node: Node) throws(BadValue) {
    for entry in try node.entries() {
      guard let text = entry.value.text else { throw BadValue("has \(entry.key), which must be one value") }
      pairs.append(Pair(name: entry.key, value: text))
    }
  }
  public var node: Node {
    Node(.map(pairs.map { .init(key: $0.name, origin: .standard, value: Node($0.value)) }))
  }
  public var customMirror: Mirror { Mirror(self, children: []) }

  /// Whether a property of this name holds what nobody should read.
  public static func isSecret(_ name: String) -> Bool {
    let name = name.lowercased()
    return ["password", "secret", "token", "credential", ".key", ".pem"].contains { name.contains($0) }
      && !name.hasSuffix(".location")
  }
}

/// A map from names to numbers. Names keep their order.
public struct Numbers: OptionValue, Hashable, ExpressibleByDictionaryLiteral {
  public struct Pair: Sendable, Hashable {
    public var name: String
    public var value: Double
  }
  public private(set) var pairs: [Pair] = []
  public init() {}
  public init(dictionaryLiteral values: (String, Double)...) { pairs = values.map { Pair(name: $0, value: $1) } }

  public subscript(_ name: String) -> Double? { pairs.first { $0.name == name }?.value }

  public static let shape: Shape = {
    var shape = Shape("map of numbers", .object)
    shape.element = [Double.shape]
    return shape
  }()
  public init(_ node: Node) throws(BadValue) {
    for entry in try node.entries() {
      do {
        pairs.append(Pair(name: entry.key, value: try Double(entry.value)))
      } catch { throw BadValue("has \(entry.key), which \(error.message)") }
    }
  }
  public var node: Node {
    Node(.map(pairs.map { .init(key: $0.name, origin: .standard, value: $0.value.node) }))
  }
}

extension Node {
  /// Members of a map; a text such as `{a: 1}` (environment, command line) is read as one.
  fileprivate func entries() throws(BadValue) -> [Entry] {
    if let map { return map }
    if isEmpty { return [] }
    if let text, text.hasPrefix("{"), let map = (try? YAML.parse(text, name: "value"))?.map { return map }
    throw BadValue("must be a map, not \(kind)")
  }
}

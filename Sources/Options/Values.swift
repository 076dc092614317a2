extension String: OptionValue {
  public static let shape = Shape("text", .string)
  public init(_ node: Node) throws(BadValue) { self = try node.scalar() }
  public var node: Node { Node(.scalar(self), isQuoted: true) }
}

extension Bool: OptionValue {
  public static let shape = Shape("true or false", .boolean, choices: ["true", "false"])
  public init(_ node: Node) throws(BadValue) {
    switch try node.scalar() {
    case "true": self = true
    case "false": self = false
    default: throw BadValue("must be true or false")
    }
  }
  public var node: Node { Node(self ? "true" : "false") }
}

extension Int: OptionValue {
  public static let shape = Shape("integer", .integer, pattern: "^-?(0|[1-9][0-9]*)$")
  public init(_ node: Node) throws(BadValue) {
    let text = try node.scalar()
    let digits = text.utf8.first == UInt8(ascii: "-") ? text.dropFirst() : text[...]
    let isDecimal = !digits.isEmpty && digits.utf8.allSatisfy { $0 >= 48 && $0 <= 57 }
    guard isDecimal else { throw BadValue(numberComplaint(text) ?? "must be a whole number") }
    if digits.utf8.count > 1, digits.utf8.first == UInt8(ascii: "0") {
      throw BadValue("must not begin with 0 (numbers are decimal)")
    }
    guard let number = Int(text) else { throw BadValue("is too large for a whole number") }
    self = number
  }
  public var node: Node { Node(String(self)) }
}

extension Double: OptionValue {
  public static let shape = Shape("number", .number, pattern: "^-?([0-9]+\\.?[0-9]*|\\.[0-9]+)([eE][-+]?[0-9]+)?$")
  public init(_ node: Node) throws(BadValue) {
    let text = try node.scalar()
    let isPlain =
      text.utf8.contains { $0 >= 48 && $0 <= 57 }
      && text.utf8.allSatisfy { ($0 >= 48 && $0 <= 57) || "+-.eE".utf8.contains($0) }
    let padded = text.hasPrefix(".") ? "0" + text : text.hasPrefix("-.") ? "-0" + text.dropFirst() : text
    guard isPlain, let number = Double(padded), number.isFinite else {
      throw BadValue(numberComplaint(text) ?? "must be a number")
    }
    self = number
  }
  public var node: Node {
    let whole = self == rounded() && abs(self) < 1e15
    return Node(whole ? String(Int64(self)) : description)
  }
}

/// Texts that other readers take for numbers, each with its own sentence.
private func numberComplaint(_ text: String) -> String? {
  if text.hasPrefix("0x") || text.hasPrefix("0o") { return "must be decimal" }
  if text.contains("_") { return "must be written without underscores" }
  if text.contains("e"), text.first?.isNumber == true { return "must be written without an exponent" }
  if text.lowercased().hasSuffix("nan") || text.lowercased().hasSuffix("inf") { return "must be finite" }
  return nil
}

/// An option with a fixed set of texts, as an enum of strings.
public protocol Choice: OptionValue, CaseIterable, RawRepresentable<String> {}

extension Choice {
  public static var shape: Shape {
    let words = allCases.map(\.rawValue)
    return Shape(words.joined(separator: " | "), .string, choices: words)
  }
  public init(_ node: Node) throws(BadValue) {
    let text = try node.scalar()
    guard let value = Self(rawValue: text) else {
      let words = Self.allCases.map(\.rawValue)
      let hint = Spelling.nearest(text, in: words).map { "; did you mean \($0)?" } ?? ""
      throw BadValue("must be one of \(words.joined(separator: ", "))\(hint)")
    }
    self = value
  }
  public var node: Node { Node(rawValue) }
}

/// A list in YAML, or one text with commas (environment, command line, the habit of Kafka's tools).
extension Array: OptionValue where Element: OptionValue {
  public static var shape: Shape {
    var shape = Shape("list of \(Element.shape.word)", .array)
    shape.element = [Element.shape]
    return shape
  }
  public init(_ node: Node) throws(BadValue) {
    var elements: [Node]
    switch node.content {
    case .list(let nodes): elements = nodes
    case .map: throw BadValue("must be a list, not a map")
    case .scalar(let text) where text.hasPrefix("["):
      guard let parsed = try? YAML.parse(text, name: "value"), let list = parsed.list else {
        throw BadValue("must be a list such as [a, b]")
      }
      elements = list
    case .scalar(let text):
      elements = text.split(separator: ",").map { Node(String($0).trimmed, origin: node.origin) }
    }
    self = []
    for element in elements {
      do { append(try Element(element)) } catch { throw BadValue("has \(YAML.flow(element)), which \(error.message)") }
    }
  }
  public var node: Node { Node(.list(map(\.node))) }
}

/// An option that may be given again and again, each word as it is (`--set a=1,2 --set b=3`).
public struct Repeated: OptionValue, Hashable {
  public var words: [String]
  public init(_ words: [String] = []) { self.words = words }
  public static let shape: Shape = {
    var shape = Shape("text", .array)
    shape.element = [String.shape]
    return shape
  }()
  public init(_ node: Node) throws(BadValue) {
    if let list = node.list { words = list.compactMap(\.text) } else { words = [try node.scalar()] }
  }
  public var node: Node { words.node }
}

/// Nothing, `off` or `none` switch an option off.
extension Optional: OptionValue where Wrapped: OptionValue {
  public static var shape: Shape {
    var shape = Wrapped.shape
    shape.word += ", or off"
    shape.isOptional = true
    return shape
  }
  public init(_ node: Node) throws(BadValue) {
    let isOff = node.isEmpty || (!node.isQuoted && (node.text == "off" || node.text == "none"))
    self = isOff ? nil : try Wrapped(node)
  }
  public var node: Node { self?.node ?? Node("off") }
}

extension String {
  /// Without spaces, tabs and line ends around it.
  var trimmed: String {
    var bytes = utf8[...]
    func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (byte >= 9 && byte <= 13) }
    while let first = bytes.first, isSpace(first) { bytes = bytes.dropFirst() }
    while let last = bytes.last, isSpace(last) { bytes = bytes.dropLast() }
    return String(Substring(bytes))
  }
}

/// Stands by while a struct of options is built: records each declaration as a row and hands each its value.
///
/// Task-local, so that options built without a loader are simply their defaults and tests can write `Settings()`.
final class Loader: @unchecked Sendable {
  @TaskLocal static var current: Loader?

  private(set) var rows: [Row] = []
  private(set) var sections: [SectionRow] = []
  private(set) var loaded: [LoadedRow] = []
  private(set) var problems: [Problem] = []
  private var prefix: [String] = []
  private let find: (Row) -> Node?

  init(find: @escaping (Row) -> Node?) { self.find = find }

  /// The value of an option: what the loader finds, else its default.
  static func take<Value: OptionValue>(
    _ declared: Row, _ standard: Value, check: (Value) -> String? = { _ in nil }
  ) -> Value {
    guard let loader = current else { return standard }
    var row = declared
    row.path = (loader.prefix + [declared.path]).joined(separator: ".")
    loader.rows.append(row)
    guard let node = loader.find(row) else {
      loader.note(row, row.standard)
      return standard
    }
    let shown = row.shape.isSecret ? "the value" : "\"\(node.text ?? YAML.flow(node))\""
    do throws(BadValue) {
      let value = try Value(node)
      if let complaint = check(value) { throw BadValue(complaint) }
      loader.note(row, value.node, node.origin)
      return value
    } catch {
      loader.problems.append(Problem(node.origin, path: row.path, "\(shown) \(error.message)"))
      loader.note(row, row.standard)
      return standard
    }
  }

  /// Builds a section with its name in front of its options' names.
  static func inside<Body>(_ name: String?, _ help: String, _ body: () -> Body) -> Body {
    guard let loader = current, let name else { return body() }
    loader.prefix.append(name)
    loader.sections.append(SectionRow(path: loader.prefix.joined(separator: "."), help: help))
    defer { loader.prefix.removeLast() }
    return body()
  }

  private func note(_ row: Row, _ node: Node, _ origin: Origin = .standard) {
    loaded.append(LoadedRow(row: row, text: YAML.flow(masked(node, row.shape)), origin: origin))
  }

  /// The node without what nobody should read.
  private func masked(_ node: Node, _ shape: Shape) -> Node {
    if shape.isSecret { return node.text == "" ? node : Node(Secret.stars) }
    if let text = node.text {
      return Node(.scalar(maskedCredentials(text)), origin: node.origin, isQuoted: node.isQuoted)
    }
    guard shape.isMap, let map = node.map else { return node }
    var copy = node
    copy.content = .map(
      map.map { entry in
        guard PassThrough.isSecret(entry.key) else { return entry }
        return Node.Entry(key: entry.key, origin: entry.origin, value: Node(Secret.stars))
      })
    return copy
  }
}

/// Hides what stands for a password inside a text: `redis://user:secret@host`, `host,password=secret`.
private func maskedCredentials(_ text: String) -> String {
  var text = text
  if let scheme = text.split(separator: "/").first, scheme.hasSuffix(":"), let at = text.lastIndex(of: "@") {
    let start = text.index(
      text.startIndex, offsetBy: min(scheme.count + 2, text.distance(from: text.startIndex, to: at)))
    if let colon = text[start..<at].firstIndex(of: ":") {
      text.replaceSubrange(text.index(after: colon)..<at, with: Secret.stars)
    }
  }
  let parts = text.split(separator: ",", omittingEmptySubsequences: false)
  guard parts.contains(where: { $0.hasPrefix("password=") }) else { return text }
  return parts.map { $0.hasPrefix("password=") ? "password=" + Secret.stars : String($0) }.joined(separator: ",")
}

/// A struct of options with its values, rows and every mistake that was found.
public struct Loaded<Body: Sendable>: Sendable {
  public var value: Body
  public var rows: [LoadedRow]
  public var sections: [SectionRow]
  /// Empty = the value may be used.
  public var problems: [Problem]

  /// Builds the struct; every option asks `find` for its node and is its default where there is none.
  public init(_ build: () -> Body, find: @escaping (Row) -> Node?) {
    let loader = Loader(find: find)
    value = Loader.$current.withValue(loader) { build() }
    rows = loader.loaded
    sections = loader.sections
    problems = loader.problems
  }
}

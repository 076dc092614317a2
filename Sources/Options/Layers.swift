/// Where settings come from, weakest first: declared defaults, the file, the environment, the command line.
public struct Layers: Sendable {
  /// Parsed, not yet interpolated.
  public var file: Node?
  public var environment: [String: String] = [:]
  public var environmentPrefix: String
  /// `a.b=c` of `--set`, in their order.
  public var assignments: [String] = []
  /// Further values by dotted name, weaker than `assignments` (a test's or a story's settings).
  public var overlay: [(path: String, node: Node)] = []

  /// Names of other systems, each with the option that does the same here, for "did you mean".
  public var synonyms: [String: String] = [:]

  public init(file: Node? = nil, environment: [String: String] = [:], environmentPrefix: String) {
    self.file = file
    self.environment = environment
    self.environmentPrefix = environmentPrefix
  }

  /// Builds the settings; all mistakes at once, in the order of the layers, then of the declarations.
  public func load<Body: Sendable>(_ build: () -> Body) -> (loaded: Loaded<Body>, warnings: [Problem]) {
    let declared = Loaded(build) { _ in nil }
    var merge = Merge(rows: declared.rows.map(\.row), sections: declared.sections, synonyms: synonyms)
    if let file {
      var problems: [Problem] = []
      let node = file.interpolated(environment, problems: &problems)
      merge.problems += problems
      merge.add(node, at: "")
    }
    merge.add(environment: environment, prefix: environmentPrefix)
    for (path, node) in overlay { merge.add(node, at: path) }
    for text in assignments { merge.add(assignment: text) }
    let values = merge.values
    var loaded = Loaded(build) { values[$0.path] }
    loaded.problems = merge.problems + loaded.problems
    return (loaded, merge.warnings)
  }
}

/// Brings layers to one node per option and finds what no option is called.
private struct Merge {
  private let rows: [String: Row]
  private let paths: [String]
  private let sections: Set<String>
  private let synonyms: [String: String]
  private(set) var values: [String: Node] = [:]
  var problems: [Problem] = []
  private(set) var warnings: [Problem] = []

  init(rows: [Row], sections: [SectionRow], synonyms: [String: String]) {
    self.synonyms = synonyms
    self.rows = Dictionary(rows.map { ($0.path, $0) }) { first, _ in first }
    paths = rows.map(\.path)
    self.sections = Set(sections.map(\.path))
  }

  mutating func add(_ node: Node, at path: String, keyOrigin: Origin? = nil, seen: Set<String> = []) {
    if let row = rows[path] { return put(row, node) }
    if path.isEmpty || sections.contains(path) {
      guard let entries = node.map else {
        if !node.isEmpty { problems.append(Problem(node.origin, path: path, "must be a map, not \(node.kind)")) }
        return
      }
      for entry in entries {
        add(entry.value, at: path.isEmpty ? entry.key : "\(path).\(entry.key)", keyOrigin: entry.origin)
      }
      return
    }
    if let (row, key) = mapRow(above: path) {
      return put(row, Node(.map([.init(key: key, origin: node.origin, value: node)]), origin: node.origin))
    }
    if path.hasSuffix("_file"), let row = rows[String(path.dropLast(5))], row.shape.isSecret {
      return put(row, secretIn: node, path)
    }
    let leaf = path.split(separator: ".").last.map(String.init) ?? path
    let meant =
      synonyms[path] ?? synonyms[leaf] ?? (node.map == nil ? nil : Spelling.nearest(path, in: sections.sorted()))
      ?? Spelling.nearestPath(path, in: paths)
    let near = meant.map { "; did you mean \($0)?" } ?? ""
    problems.append(Problem(keyOrigin ?? node.origin, path: path, "unknown option\(near)"))
  }

  mutating func add(environment: [String: String], prefix: String) {
    for (name, value) in environment.sorted(by: { $0.key < $1.key }) where name.hasPrefix(prefix) {
      let path = name.dropFirst(prefix.count).lowercased().split(separator: "_", omittingEmptySubsequences: false)
        .reduce(into: "") { text, part in
          // Two underscores leave an empty part between: a level. One stays an underscore.
          if part.isEmpty { text += "." } else { text += (text.isEmpty || text.hasSuffix(".") ? "" : "_") + part }
        }
      let node = Node(value, origin: .environment(name))
      if rows[path] != nil || mapRow(above: path) != nil || rows[String(path.dropLast(5))]?.shape.isSecret == true {
        add(node, at: path)
      } else if !isForeign(name) {
        let near = Spelling.nearestPath(path, in: paths).map { path in
          "; did you mean \(rows[path]!.environmentName(prefix: prefix))?"
        }
        warnings.append(Problem(node.origin, "is no option and was ignored\(near ?? "")"))
      }
    }
  }

  mutating func add(assignment text: String) {
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 2, !parts[0].isEmpty else {
      return problems.append(Problem(.argument("--set \(text)"), "must be written as name=value"))
    }
    add(Node(parts[1], origin: .argument("--set \(parts[0])")), at: parts[0])
  }

  private mutating func put(_ row: Row, secretIn node: Node, _ path: String) {
    guard let file = node.text, !node.isEmpty else { return }
    do {
      put(row, Node(.scalar(try Interpolation.secretFile(file)), origin: node.origin, isQuoted: true))
    } catch { problems.append(Problem(node.origin, path: path, "\(file) \(error.message)")) }
  }

  /// A later layer replaces; maps merge key by key.
  private mutating func put(_ row: Row, _ node: Node) {
    if node.isEmpty, case .file = node.origin { return }
    guard row.shape.isMap, var entries = values[row.path]?.map ?? row.standard.map, let new = asMap(node) else {
      if case .file(let old, _, _) = values[row.path]?.origin, case .file(old, _, _) = node.origin {
        problems.append(Problem(node.origin, path: row.path, "stands here twice"))
      }
      values[row.path] = node
      return
    }
    for entry in new {
      if let at = entries.firstIndex(where: { $0.key == entry.key }) {
        entries[at] = entry
      } else {
        entries.append(entry)
      }
    }
    values[row.path] = Node(.map(entries), origin: node.origin)
  }

  private func asMap(_ node: Node) -> [Node.Entry]? {
    if let map = node.map { return map }
    guard let text = node.text, text.hasPrefix("{") else { return nil }
    return (try? YAML.parse(text, name: "value"))?.map
  }

  /// The map option that a longer name reaches into, and the key inside it.
  private func mapRow(above path: String) -> (Row, key: String)? {
    let parts = path.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count > 1 else { return nil }
    for count in 1..<parts.count {
      let head = parts[..<count].joined(separator: ".")
      if let row = rows[head], row.shape.isMap { return (row, parts[count...].joined(separator: ".")) }
    }
    return nil
  }

  /// Kubernetes puts `NAME_PORT`, `NAME_SERVICE_HOST` into every container beside a Service called NAME.
  private func isForeign(_ name: String) -> Bool {
    name.hasSuffix("_PORT") || name.contains("_PORT_") || name.contains("_SERVICE_") || name.hasSuffix("_SANITIZE")
  }
}

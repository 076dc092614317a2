import Events
import Options

/// The mappings in force: files, the shipped ones by name, and what the configuration holds itself.
enum Mappings {
  static func compile(_ settings: Settings) throws -> CompiledMapping {
    var compiled: CompiledMapping?
    func add(_ mapping: CompiledMapping) throws { compiled = try compiled?.adding(mapping) ?? mapping }
    for name in settings.mappingNames {
      if name == "envelope" {
        try add(Envelope.mapping)
      } else {
        let node: Node
        do { node = try YAML.read(name) } catch { throw Failure(ExitCode.settings, "\(error)") }
        // A whole worker configuration serves as a mapping by its `inputs`.
        try add(CompiledMapping(tree(node["inputs"].map { Node(.map([.init(key: "inputs", origin: node.origin, value: $0)])) } ?? node), file: name))
      }
    }
    if !settings.inputs.isEmpty {
      let node = Node(.map([.init(key: "inputs", origin: settings.inputs.node.origin, value: settings.inputs.node)]))
      try add(CompiledMapping(tree(node), file: "inputs"))
    }
    return compiled!
  }

  /// The mapping files as they are: part of what a plan's fingerprint covers.
  static func texts(_ settings: Settings) throws -> [String] {
    settings.mappingNames.compactMap { name in
      name == "envelope" ? nil : FileSystem.read(name).map { String(decoding: $0, as: UTF8.self) }
    }
  }

  private static func tree(_ node: Node) -> MappingTree {
    let line: Int
    if case .file(_, let number, _) = node.origin { line = number } else { line = 0 }
    switch node.content {
    case .scalar(let text): return .scalar(text, quoted: node.isQuoted, line: line)
    case .list(let nodes): return .list(nodes.map { tree($0) }, line: line)
    case .map(let entries): return .map(entries.map { .init($0.key, tree($0.value)) }, line: line)
    }
  }
}

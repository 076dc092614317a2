public import Events
import Options

extension MappingTree {
  /// A parsed YAML tree as the mapping compiler takes it.
  public init(_ node: Node) {
    let line = if case .file(_, let line, _) = node.origin { line } else { 0 }
    switch node.content {
    case .scalar(let text): self = .scalar(text, quoted: node.isQuoted, line: line)
    case .list(let nodes): self = .list(nodes.map { MappingTree($0) }, line: line)
    case .map(let entries): self = .map(entries.map { Entry($0.key, MappingTree($0.value)) }, line: line)
    }
  }
}

/// The inputs of a worker, compiled, with the texts they came from (for the fingerprint of plans).
public struct Mappings: Sendable {
  public var compiled: CompiledMapping
  public var texts: [String]
}

extension Settings {
  /// Compiles every mapping that the settings name: `envelope`, one that ships (`segment`), a file, and `inputs`.
  ///
  /// A mapping file is a list of inputs, or a configuration with `inputs:`. Two inputs of one topic are refused.
  public func mappings(environment: [String: String] = processEnvironment()) throws(MappingError) -> Mappings {
    var all = Mappings(compiled: try CompiledMapping(.list([], line: 0), file: "inputs"), texts: [])
    for name in mappingNames {
      if name == "envelope" {
        all.compiled = try all.compiled.adding(envelope())
        all.texts.append(Envelope.text)
      } else {
        let (text, node) = try Self.mappingFile(name, environment)
        all.compiled = try all.compiled.adding(CompiledMapping(MappingTree(node), file: name))
        all.texts.append(text)
      }
    }
    if !inputs.isEmpty {
      let file = if case .file(let name, _, _) = inputs.node.origin { name } else { "inputs" }
      all.compiled = try all.compiled.adding(CompiledMapping(MappingTree(inputs.node), file: file))
      all.texts.append(inputs.text)
    }
    return all
  }

  /// Our own topics under the limits of the settings.
  private func envelope() -> CompiledMapping {
    var mapping = Envelope.mapping
    for at in mapping.inputs.indices {
      let isLarge = mapping.inputs[at].maxBytes > 65_536
      mapping.inputs[at].maxBytes = isLarge ? limits.catalogBytes.bytes : limits.eventBytes.bytes
    }
    return mapping
  }

  private static func mappingFile(
    _ name: String, _ environment: [String: String]
  ) throws(MappingError) -> (String, Node) {
    do throws(Problem) {
      let bytes =
        if let text = Shipped.text(name) { Array(text.utf8) } else {
          try YAML.bytes(of: name, limit: YAML.byteCountMax)
        }
      var problems: [Problem] = []
      let node = try YAML.parse(bytes, name: name).interpolated(environment, problems: &problems)
      if let first = problems.first { throw first }
      return (String(decoding: bytes, as: UTF8.self), node)
    } catch {
      let line = if case .file(_, let line, _) = error.origin { line } else { 0 }
      throw MappingError(file: name, line: line, message: error.message)
    }
  }
}

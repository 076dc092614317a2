import JSON
import Options

/// Settings that a story or a folder brings, over the configuration that ships.
enum SettingsOverlay {
  /// Members by dotted name; `trust` with a text stands for `trust.preset`.
  static func flat(_ value: JSONValue, prefix: String = "") -> [(name: String, value: JSONValue)] {
    (value.object ?? []).flatMap { member -> [(name: String, value: JSONValue)] in
      var name = prefix.isEmpty ? member.key : prefix + "." + member.key
      if name == "trust", member.value.string != nil { name = "trust.preset" }
      if member.value.object != nil { return flat(member.value, prefix: name) }
      return [(name, member.value)]
    }
  }

  /// A configuration that ships, with some options set.
  static func shipped(_ name: String, _ options: [(String, String)]) throws -> LoadedSettings {
    let loaded = Settings.load(shipped: name, environment: [:], assignments: options.map { "\($0.0)=\($0.1)" })
    guard loaded.problems.isEmpty else {
      throw Failure(ExitCode.settings, loaded.problems.map { "\($0)" }.joined(separator: "\n"))
    }
    return loaded
  }

  static func apply(_ overrides: [(name: String, value: JSONValue)], more: [(String, String)] = []) throws
    -> LoadedSettings
  {
    let nodes =
      overrides.map { (path: $0.name, node: node($0.value)) } + more.map { (path: $0.0, node: Node($0.1)) }
    let tree = try YAML.parse(Shipped.text("worker")!, name: "configs/worker.yaml")
    let loaded = Settings.load(tree: tree, overlay: nodes)
    guard loaded.problems.isEmpty else {
      throw Failure(ExitCode.settings, loaded.problems.map { "\($0)" }.joined(separator: "\n"))
    }
    return loaded
  }

  private static func node(_ value: JSONValue) -> Node {
    switch value {
    case .array(let list): Node(.list(list.map { node($0) }))
    case .string(let text): Node(.scalar(text), isQuoted: true)
    default: Node(value.text())
    }
  }
}

extension CompiledMapping {
  /// Compiles the `inputs:` list of a configuration.
  ///
  /// - Parameter tree: The list, or a map that has it under `inputs`.
  /// - Parameter file: What messages call the text.
  public init(_ tree: MappingTree, file: String) throws(MappingError) {
    let list = tree["inputs"] ?? tree
    let compiler = MappingCompiler(file: file)
    inputs = []
    guard case .list(let elements, _) = list else { throw compiler.error(list, "`inputs` is a list of topics") }
    var faults: [MappingError] = []
    for element in elements {
      do throws(MappingError) {
        let input = try compiler.input(element)
        if inputs.contains(where: { $0.topic == input.topic }) {
          throw compiler.error(element, "topic \(input.topic) is mapped twice")
        }
        inputs.append(input)
      } catch { faults.append(error) }
    }
    // One mistake of each topic, so that a mapping is not mended line by line.
    guard let first = faults.first else { return }
    let others = faults.dropFirst().map { "\n\($0)" }.joined()
    throw MappingError(file: first.file, line: first.line, message: first.message + others)
  }
}

/// Turns the tree of a mapping into slots, steps and rules; every refusal names file and line.
struct MappingCompiler {
  let file: String

  func error(_ tree: MappingTree, _ message: String) -> MappingError {
    MappingError(file: file, line: tree.line, message: message)
  }

  // MARK: Inputs

  func input(_ tree: MappingTree) throws(MappingError) -> CompiledMapping.Input {
    try check(
      tree, "an input",
      [
        "topic", "kind", "emit", "decode", "unwrap", "rules", "set", "items", "require", "on_missing", "on_null_value",
        "max_bytes", "devices", "schema", "envelope",
      ])
    let topic = try text(tree["topic"] ?? tree, "`topic`")
    let isEnvelope = try flag(tree["envelope"], "envelope")
    var input = CompiledMapping.Input(
      topic: topic, isReference: false, maxBytes: isEnvelope ? 65_536 : 1 << 20,
      devices: ["tv", "mobile", "web", "voice", "other"])
    input.isEnvelope = isEnvelope
    if let limit = tree["max_bytes"] {
      guard let bytes = limit.text.flatMap({ Int($0) }), bytes > 0, bytes <= 64 << 20 else {
        throw error(limit, "`max_bytes` is a number of bytes up to 67108864")
      }
      input.maxBytes = bytes
    }
    if let decode = tree["decode"] {
      guard let framing = CompiledMapping.Framing(rawValue: decode.text ?? "") else {
        throw error(decode, "`decode` is json, json-lines or auto")
      }
      input.framing = framing
    }
    input.unwrapsCloudEvents = try choice(tree["unwrap"], "unwrap", ["none", "cloudevents"]) == 1
    input.skipsMissing = try choice(tree["on_missing"], "on_missing", ["dead_letter", "skip"]) == 1
    _ = try choice(tree["on_null_value"], "on_null_value", ["delete"])
    if let devices = tree["devices"] {
      var names: [String] = []
      for device in devices.elements { names.append(try text(device, "a device")) }
      input.devices = names
    }
    var scope = Scope(unwraps: input.unwrapsCloudEvents)
    if let schema = tree["schema"] {
      input.schema = Array(try text(schema, "`schema`").utf8)
      input.schemaSlot = scope.table.slot(["schema"])
    }
    let rules: [MappingTree] =
      if case .list(let elements, _)? = tree["rules"] { elements } else { [.map([], line: tree.line)] }
    for rule in rules { input.rules.append(try self.rule(rule, in: tree, input, &scope)) }
    let references = input.rules.filter { $0.emit.isReference }.count
    guard references == 0 || references == input.rules.count else {
      throw error(tree, "topic \(topic) has rules for reference rows and for events; they cannot share a topic")
    }
    input.isReference = references > 0
    if isEnvelope { for rule in input.rules { for name in rule.emit.ignored { scope.table.know(name) } } }
    input.table = scope.table
    input.attributes = scope.attributes
    if input.unwrapsCloudEvents { input.structured = structured(scope) }
    return input
  }

  /// The same slots one floor down under `data`, with the attributes beside it.
  private func structured(_ scope: Scope) -> PathTable {
    var table = PathTable()
    table.slotCount = scope.table.slotCount
    for (name, slot) in scope.attributes { table.put([name], slot: slot) }
    var data = PathTable.Member(name: Array("data".utf8), slot: table.slotCount, node: 1)
    table.slotCount += 1
    if scope.table.rootSlot >= 0 { data.slot = scope.table.rootSlot }
    table.nodes[0].append(data)
    table.nodes[0].append(PathTable.Member(name: Array("data_base64".utf8), slot: table.slotCount, node: -1))
    table.slotCount += 1
    for node in scope.table.nodes {
      table.nodes.append(
        node.map { PathTable.Member(name: $0.name, slot: $0.slot, node: $0.node < 0 ? -1 : $0.node + 1) })
    }
    return table
  }

  /// What one input's paths are resolved against.
  struct Scope {
    var unwraps: Bool
    var isItem = false
    var table = PathTable()
    var attributes: [(name: String, slot: Int)] = []
  }

  // MARK: Rules

  private func rule(
    _ tree: MappingTree, in parent: MappingTree, _ input: CompiledMapping.Input, _ scope: inout Scope
  ) throws(MappingError) -> CompiledMapping.Rule {
    try check(tree, "a rule", ["when", "emit", "kind", "set", "items", "require"])
    let kind = tree["emit"] ?? tree["kind"] ?? parent["emit"] ?? parent["kind"]
    guard let kind, let emit = Emit(rawValue: kind.text ?? "") else {
      throw error(kind ?? tree, "`emit` is one of \(Emit.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    var rule = CompiledMapping.Rule(
      when: nil, emit: emit, bindings: Array(repeating: [], count: Field.allCases.count), required: [], items: nil)
    if let when = tree["when"] { rule.when = try predicate(when, &scope) }

    for field in Field.common + emit.fields {
      let path = field.name.split(separator: ".").map(String.init)
      rule.bindings[Int(field.rawValue)] = [ValueStep(origin: .slot(scope.table.slot(path)))]
      if let alias = field.alias {
        rule.bindings[Int(field.rawValue)].append(ValueStep(origin: .slot(scope.table.slot([alias]))))
      }
    }
    for set in [parent["set"], tree["set"]].compactMap({ $0 }) {
      guard case .map(let entries, _) = set else { throw error(set, "`set` is a map from fields to sources") }
      for entry in entries {
        guard let field = Field.byName[entry.key] else {
          throw error(entry.value, "`set` knows no field \(entry.key)")
        }
        let allowed = field == .action && emit == .watch || Field.common.contains(field) || emit.fields.contains(field)
        guard allowed else { throw error(entry.value, "\(emit.rawValue) has no field \(entry.key)") }
        rule.bindings[Int(field.rawValue)] = entry.value.isNull ? [] : try steps(entry.value, &scope)
      }
    }
    if let items = tree["items"] ?? parent["items"] {
      guard emit == .impression || emit == .decision else { throw error(items, "\(emit.rawValue) has no items") }
      rule.items = try self.items(items, &rule, &scope)
    } else if emit == .impression || emit == .decision {
      rule.items = envelopeItems()
    }
    rule.required = intrinsic(rule, input.isEnvelope)
    for require in [parent["require"], tree["require"]].compactMap({ $0 }) {
      for one in require.elements {
        let name = try text(one, "a required field")
        if name.hasPrefix("$") || name.hasPrefix("@") {
          rule.required.append(.init(name: trimmed(name), steps: [try source(one, &scope)]))
        } else if let field = Field.byName[name], !rule.bindings[Int(field.rawValue)].isEmpty {
          rule.required.append(.init(name: name, steps: rule.bindings[Int(field.rawValue)]))
        } else {
          throw error(one, "`require` names \(name), which \(emit.rawValue) does not read; a path begins with $")
        }
      }
    }
    return rule
  }

  private func trimmed(_ path: String) -> String { path.hasPrefix("$.") ? String(path.dropFirst(2)) : path }

  /// What an event of this kind cannot be without, beside ids and time.
  private func intrinsic(_ rule: CompiledMapping.Rule, _ isEnvelope: Bool) -> [CompiledMapping.Requirement] {
    let fields: [Field] =
      switch rule.emit {
      case .rate: [.rating]
      case .impression: isEnvelope ? [.decisionID, .items] : [.items]
      case .interaction: [.action]
      case .search: [.query]
      case .preference: isEnvelope ? [.deviceID] : []
      case .availability: [.available]
      case .catalog: isEnvelope ? [.title, .contentType, .genres] : []
      case .source: [.sourceID, .uptime]
      case .control: [.op]
      case .decision: [.decisionID]
      case .watch, .click: []
      }
    return fields.map { .init(name: $0.name, steps: rule.bindings[Int($0.rawValue)]) }
  }

  private func items(
    _ tree: MappingTree, _ rule: inout CompiledMapping.Rule, _ scope: inout Scope
  ) throws(MappingError) -> CompiledMapping.Items {
    try check(tree, "`items`", ["each"] + ItemField.allCases.map(\.name))
    guard let each = tree["each"] else { throw error(tree, "`items` needs `each`: the path of the list") }
    rule.bindings[Int(Field.items.rawValue)] = try steps(each, &scope)
    var inner = Scope(unwraps: false, isItem: true)
    var items = CompiledMapping.Items(bindings: [])
    for field in ItemField.allCases {
      if let own = tree[field.name] {
        items.bindings.append(own.isNull ? [] : try steps(own, &inner))
      } else {
        items.bindings.append([ValueStep(origin: .slot(inner.table.slot([field.name])))])
      }
    }
    items.table = inner.table
    return items
  }

  private func envelopeItems() -> CompiledMapping.Items {
    var items = CompiledMapping.Items(bindings: [])
    for field in ItemField.allCases {
      items.bindings.append([ValueStep(origin: .slot(items.table.slot([field.name])))])
    }
    return items
  }

  // MARK: Small readers

  func text(_ tree: MappingTree, _ what: String) throws(MappingError) -> String {
    guard let text = tree.text, !text.isEmpty else { throw error(tree, "\(what) is a text") }
    return text
  }

  func flag(_ tree: MappingTree?, _ name: String) throws(MappingError) -> Bool {
    guard let tree else { return false }
    guard let text = tree.text, text == "true" || text == "false" else {
      throw error(tree, "`\(name)` is true or false")
    }
    return text == "true"
  }

  func choice(_ tree: MappingTree?, _ name: String, _ choices: [String]) throws(MappingError) -> Int {
    guard let tree else { return 0 }
    guard let at = choices.firstIndex(of: tree.text ?? "") else {
      throw error(tree, "`\(name)` is \(choices.joined(separator: " or "))")
    }
    return at
  }

  func check(_ tree: MappingTree, _ what: String, _ known: [String]) throws(MappingError) {
    guard case .map(let entries, _) = tree else { throw error(tree, "\(what) is a map") }
    for entry in entries where !known.contains(entry.key) {
      throw MappingError(
        file: file, line: entry.value.line,
        message: "\(what) has no key `\(entry.key)`; it knows \(known.joined(separator: ", "))")
    }
  }
}

/// Sources, converters and conditions of a mapping.
extension MappingCompiler {
  /// One source, or a list of which the first that is not empty counts.
  func steps(_ tree: MappingTree, _ scope: inout Scope) throws(MappingError) -> [ValueStep] {
    if case .list(let elements, _) = tree {
      var all: [ValueStep] = []
      for element in elements { all += try steps(element, &scope) }
      return all
    }
    guard case .map = tree else { return [try source(tree, &scope)] }
    try check(tree, "a source", ["path", "as", "prefix", "scale", "enum", "when"])
    if let when = tree["when"] { return [ValueStep(origin: .test(try predicate(when, &scope)))] }
    guard let path = tree["path"] else { throw error(tree, "a source needs `path` or `when`") }
    var all: [ValueStep] = []
    for one in path.elements { all.append(try source(one, &scope)) }
    let converter = try self.converter(tree)
    let prefix = Array((tree["prefix"]?.text ?? "").utf8)
    for i in all.indices {
      all[i].converter = converter
      all[i].prefix = prefix
    }
    return all
  }

  /// `$.a.b`, `@tpo`, `@timestamp`, `@key`, `@index`, `@ce.name`, `=literal`.
  func source(_ tree: MappingTree, _ scope: inout Scope) throws(MappingError) -> ValueStep {
    let text = try self.text(tree, "a source")
    if text.hasPrefix("=") { return ValueStep(origin: .literal(Literal(String(text.dropFirst())))) }
    if text.hasPrefix("$") { return ValueStep(origin: .slot(scope.table.slot(try path(text, tree)))) }
    switch text {
    case "@tpo": return ValueStep(origin: .place)
    case "@timestamp": return ValueStep(origin: .recordTime)
    case "@key": return ValueStep(origin: .key)
    case "@index" where scope.isItem: return ValueStep(origin: .ordinal)
    default: break
    }
    if text.hasPrefix("@ce.") {
      guard scope.unwraps else { throw error(tree, "\(text) needs `unwrap: cloudevents`") }
      let name = String(text.dropFirst(4))
      if let known = scope.attributes.first(where: { $0.name == name }) {
        return ValueStep(origin: .slot(known.slot))
      }
      let slot = scope.table.slotCount
      scope.table.slotCount += 1
      scope.attributes.append((name, slot))
      return ValueStep(origin: .slot(slot))
    }
    throw error(
      tree, "\(text) is no source: a path begins with $, a literal with =, else @tpo, @timestamp, @key, @ce.name")
  }

  /// The members of `$.a.b['x y']`.
  func path(_ text: String, _ tree: MappingTree) throws(MappingError) -> [String] {
    var parts: [String] = []
    var rest = text.dropFirst()
    while let first = rest.first {
      if first == ".", rest.count > 1 {
        rest = rest.dropFirst()
        let part = rest.prefix { $0 != "." && $0 != "[" }
        guard !part.isEmpty else { throw error(tree, "\(text) has an empty part") }
        parts.append(String(part))
        rest = rest.dropFirst(part.count)
      } else if rest.hasPrefix("['") {
        rest = rest.dropFirst(2)
        let part = rest.prefix { $0 != "'" }
        rest = rest.dropFirst(part.count)
        guard !part.isEmpty, rest.hasPrefix("']") else { throw error(tree, "\(text) has no end to its ['") }
        parts.append(String(part))
        rest = rest.dropFirst(2)
      } else {
        throw error(tree, "\(text) is no path: members are written $.a.b or $['a b']; places in lists are not known")
      }
    }
    guard parts.count < 16 else { throw error(tree, "\(text) is deeper than 16 members") }
    return parts
  }

  func converter(_ tree: MappingTree) throws(MappingError) -> Converter? {
    let given = ["as", "scale", "enum"].filter { tree[$0] != nil }
    guard given.count < 2 else { throw error(tree, "a source takes one of `as`, `scale`, `enum`") }
    if let scale = tree["scale"] {
      try check(scale, "`scale`", ["from", "to"])
      let from = try pair(scale["from"] ?? scale, scale)
      let to = try pair(
        scale["to"]
          ?? .list([.scalar("0", quoted: false, line: 0), .scalar("1", quoted: false, line: 0)], line: scale.line),
        scale)
      guard from.0 != from.1 else { throw error(scale, "`from` has two equal ends") }
      return .scale(from: from, to: to)
    }
    if let table = tree["enum"] {
      guard case .map(let entries, _) = table else { throw error(table, "`enum` is a map from words to values") }
      var pairs: [(from: [UInt8], to: Literal)] = []
      for entry in entries {
        guard let to = entry.value.text else { throw error(entry.value, "`enum` maps words to plain values") }
        pairs.append((Array(entry.key.utf8), Literal(to)))
      }
      return .table(pairs)
    }
    guard let kind = tree["as"] else { return nil }
    switch kind.text {
    case "text": return .text
    case "lower": return .lower
    case "number": return .number
    case "bool": return .bool
    case "time": return .time
    case "percent": return .percent
    case "ms_to_s": return .milliseconds
    default: throw error(kind, "`as` is text, lower, number, bool, time, percent or ms_to_s")
    }
  }

  private func pair(_ tree: MappingTree, _ scale: MappingTree) throws(MappingError) -> (Double, Double) {
    let numbers = tree.elements.compactMap { $0.text.flatMap { Double($0) } }
    guard numbers.count == 2, numbers.allSatisfy(\.isFinite) else {
      throw error(tree, "`scale` is {from: [a, b], to: [c, d]}")
    }
    return (numbers[0], numbers[1])
  }

  func predicate(_ tree: MappingTree, _ scope: inout Scope) throws(MappingError) -> Predicate {
    for (name, join) in [("all", Predicate.all), ("any", Predicate.any)] {
      guard let parts = tree[name] else { continue }
      try check(tree, "`when`", [name])
      var list: [Predicate] = []
      for part in parts.elements { list.append(try predicate(part, &scope)) }
      return join(list)
    }
    if let inner = tree["not"] {
      try check(tree, "`when`", ["not"])
      return .not(try predicate(inner, &scope))
    }
    try check(tree, "`when`", ["path", "eq", "ne", "in", "exists", "prefix", "gt", "lt"])
    guard let path = tree["path"], case .map(let entries, _) = tree, entries.count == 2 else {
      throw error(tree, "`when` is {path: ..., and one of eq, ne, in, exists, prefix, gt, lt}")
    }
    let steps = try steps(path, &scope)
    if let value = tree["in"] {
      var literals: [Literal] = []
      for one in value.elements { literals.append(Literal(try scalar(one))) }
      return .test(steps, .among(literals))
    }
    if let value = tree["eq"] { return .test(steps, .among([Literal(try scalar(value))])) }
    if let value = tree["ne"] { return .test(steps, .differs(Literal(try scalar(value)))) }
    if let value = tree["exists"] { return .test(steps, .exists(try flag(value, "exists"))) }
    if let value = tree["prefix"] { return .test(steps, .begins(Array(try scalar(value).utf8))) }
    for (name, test) in [("gt", Predicate.Test.above), ("lt", Predicate.Test.below)] {
      guard let value = tree[name] else { continue }
      guard let number = Double(try scalar(value)), number.isFinite else { throw error(value, "`\(name)` is a number") }
      return .test(steps, test(number))
    }
    throw error(tree, "`when` is {path: ..., and one of eq, ne, in, exists, prefix, gt, lt}")
  }

  private func scalar(_ tree: MappingTree) throws(MappingError) -> String {
    guard let text = tree.text else { throw error(tree, "a plain value stands here") }
    return text
  }
}

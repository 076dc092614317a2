/// JSON Schema (draft 2020-12) of a configuration file, made from the rows.
public enum Schema {
  public static func text(title: String, rows: [LoadedRow], sections: [SectionRow]) -> String {
    var root = Branch(help: title)
    for section in sections { root.add(section: section.path.split(separator: ".").map(String.init), section.help) }
    for row in rows.map(\.row) { root.add(row: row.path.split(separator: ".").map(String.init), row) }
    return root.text(indent: 0, head: ["\"$schema\": \"https://json-schema.org/draft/2020-12/schema\""]) + "\n"
  }

  /// What one option may be in a file. What is not text may also be `${NAME:default}`, text until it is read.
  static func value(_ row: Row) -> String {
    let standard = row.shape.isSecret ? nil : standardJSON(row)
    var help = row.help
    if let range = row.range { help += " \(range.least) to \(range.most)." }
    return members(of: row.shape, help: help, standard: standard, range: row.range)
  }

  private static func members(
    of shape: Shape, help: String?, standard: String?, range: Row.ClosedText? = nil
  ) -> String {
    var parts: [String] = []
    if let help { parts.append("\"description\": \(JSONText.quoted(help))") }
    switch shape.json {
    case .string:
      if !shape.choices.isEmpty {
        var words = shape.choices.map(pattern).joined(separator: "|")
        if shape.isOptional { words += "|off|none" }
        parts.append("\"type\": \(types(["string"], shape))")
        parts.append("\"pattern\": \(JSONText.quoted("^(\(words))$|^\\$\\{"))")
      } else if let pattern = shape.pattern {
        let optional = shape.isOptional ? "|^(off|none)$" : ""
        parts.append("\"type\": \(types(shape.integers == nil ? ["string"] : ["string", "integer"], shape))")
        if let integers = shape.integers {
          parts.append("\"minimum\": \(integers.lowerBound)")
          if integers.upperBound != .max { parts.append("\"maximum\": \(integers.upperBound)") }
        }
        parts.append("\"pattern\": \(JSONText.quoted("\(pattern)\(optional)|^\\$\\{"))")
      } else {
        parts.append("\"type\": [\"string\", \"number\", \"boolean\"]")
      }
    case .boolean, .integer, .number:
      parts.append("\"type\": \(types([shape.json.rawValue, "string"], shape))")
      if let range {
        if Double(range.least) != nil { parts.append("\"minimum\": \(range.least)") }
        if Double(range.most) != nil { parts.append("\"maximum\": \(range.most)") }
      }
      let words = shape.choices.isEmpty ? shape.pattern ?? "" : "^(\(shape.choices.joined(separator: "|")))$"
      parts.append("\"pattern\": \(JSONText.quoted("\(words)\(shape.isOptional ? "|^(off|none)$" : "")|^\\$\\{"))")
    case .array:
      let items = shape.element.first.map { members(of: $0, help: nil, standard: nil) } ?? "{}"
      parts.append("\"type\": [\"array\", \"string\"], \"items\": \(items)")
    case .object:
      let items = shape.element.first.map { members(of: $0, help: nil, standard: nil) } ?? "{}"
      parts.append("\"type\": \"object\", \"additionalProperties\": \(items)")
    }
    if let standard { parts.append("\"default\": \(standard)") }
    return "{" + parts.joined(separator: ", ") + "}"
  }

  /// Readers of YAML 1.1 take `off` for false.
  private static func types(_ names: [String], _ shape: Shape) -> String {
    "[" + (shape.isOptional ? names + ["boolean"] : names).map { "\"\($0)\"" }.joined(separator: ", ") + "]"
  }

  private static func standardJSON(_ row: Row) -> String? {
    func json(_ node: Node, _ shape: Shape) -> String {
      switch node.content {
      case .list(let nodes):
        return "[" + nodes.map { json($0, shape.element.first ?? String.shape) }.joined(separator: ", ") + "]"
      case .map(let entries):
        return "{"
          + entries.map { "\(JSONText.quoted($0.key)): \(json($0.value, shape.element.first ?? String.shape))" }
          .joined(separator: ", ") + "}"
      case .scalar(let text):
        let isBare = [.boolean, .integer, .number].contains(shape.json) && text != "off"
        return isBare ? text : JSONText.quoted(text)
      }
    }
    return json(row.standard, row.shape)
  }

  private static func pattern(_ word: String) -> String { word.replacing(".", with: "\\.") }

  /// Sections by name, in the order of the declaration.
  private struct Branch {
    var help: String
    var members: [(name: String, branch: Branch?, row: Row?)] = []

    init(help: String) { self.help = help }

    mutating func add(section path: [String], _ help: String) {
      if let at = members.firstIndex(where: { $0.name == path[0] && $0.branch != nil }) {
        if path.count > 1 { members[at].branch!.add(section: Array(path.dropFirst()), help) }
      } else {
        var branch = Branch(help: path.count == 1 ? help : "")
        if path.count > 1 { branch.add(section: Array(path.dropFirst()), help) }
        members.append((path[0], branch, nil))
      }
    }

    mutating func add(row path: [String], _ row: Row) {
      if path.count == 1 {
        members.append((path[0], nil, row))
      } else if let at = members.firstIndex(where: { $0.name == path[0] && $0.branch != nil }) {
        members[at].branch!.add(row: Array(path.dropFirst()), row)
      }
    }

    func text(indent: Int, head: [String] = []) -> String {
      let margin = String(repeating: " ", count: indent)
      var lines = head.map { "\(margin)  \($0)" }
      lines.append("\(margin)  \"description\": \(JSONText.quoted(help))")
      lines.append("\(margin)  \"type\": [\"object\", \"null\"]")
      lines.append("\(margin)  \"additionalProperties\": false")
      var inner: [String] = []
      for (name, branch, row) in members {
        let value = branch?.text(indent: indent + 4) ?? Schema.value(row!)
        inner.append("\(margin)    \(JSONText.quoted(name)): \(value)")
        if let row, row.shape.isSecret {
          let help = "Path of a file that holds \(row.path)."
          inner.append(
            "\(margin)    \(JSONText.quoted(name + "_file")): "
              + "{\"description\": \(JSONText.quoted(help)), \"type\": \"string\"}")
        }
      }
      lines.append("\(margin)  \"properties\": {\n\(inner.joined(separator: ",\n"))\n\(margin)  }")
      return "{\n" + lines.joined(separator: ",\n") + "\n\(margin)}"
    }
  }
}

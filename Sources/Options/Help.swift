extension Program {
  /// The page of a verb or a group, 80 columns.
  func helpPage(_ path: [String]) -> String {
    var command = root
    for name in path { command = command.child(name) ?? command }
    let title = ([root.name] + path).joined(separator: " ")
    var page = "\(title): \(command.about)\n"
    if command.kind == nil {
      page += "\nUsage: \(title) VERB [options]\n"
      let verbs = path.isEmpty ? command.visible.map { ([$0.name], $0) } : leaves(command)
      page += section("Verbs", verbs.map { ($0.joined(separator: " "), $1.about) })
      page += section("Options of every verb", flags(of: command).map { ($0.usage, sentence($0.row)) })
      page += "\n\(title) help VERB tells more. Settings: \(root.name) config docs.\n"
      return page
    }
    page += "\nUsage: \(title) [options]" + usage(command) + "\n"
    if !command.notes.isEmpty { page += "\n" + wrap(command.notes, indent: 0) }
    let rows = command.kind?.rows ?? []
    page += section("Arguments", rows.filter { $0.place != nil }.map { ($0.path.uppercased(), sentence($0)) })
    let all = flags(of: command)
    page += section("Options", all.filter { !$0.isCommon }.map { ($0.usage, sentence($0.row)) })
    page += section("Options of every verb", all.filter(\.isCommon).map { ($0.usage, sentence($0.row)) })
    return page
  }

  /// Places of a verb as its usage line shows them.
  func usage(_ command: Command<Context>) -> String {
    (command.kind?.rows ?? []).compactMap { row in
      switch row.place {
      case nil: nil
      case .required: " " + row.path.uppercased()
      case .optional: " [" + row.path.uppercased() + "]"
      case .rest: " [" + row.path.uppercased() + " ...]"
      }
    }.joined()
  }

  /// The row's sentence with its range and default.
  func sentence(_ row: Row) -> String {
    var text = row.help
    if let range = row.range { text += " \(range.least) to \(range.most)." }
    let standard = row.standardText
    let isNothing = standard == "\"\"" || standard == "[]" || standard == "{}" || standard == "off"
    if row.place == nil, !row.shape.isFlag, !isNothing { text += " Default \(standard)." }
    return text
  }

  private func leaves(_ command: Command<Context>) -> [([String], Command<Context>)] {
    command.visible.flatMap { child in
      child.kind != nil ? [([child.name], child)] : leaves(child).map { ([child.name] + $0.0, $0.1) }
    }
  }

  private func section(_ title: String, _ rows: [(String, String)]) -> String {
    guard !rows.isEmpty else { return "" }
    let width = min(30, rows.map { $0.0.count }.max() ?? 0)
    var text = "\n\(title):\n"
    for (name, about) in rows {
      let body = wrap(about, indent: width + 4)
      if name.count > width {
        text += "  \(name)\n" + body
      } else {
        text += "  " + name + String(repeating: " ", count: width + 2 - name.count) + body.dropFirst(width + 4)
      }
    }
    return text
  }
}

/// Text in lines of 80 columns, each with an indent, ending with a line end. Paragraphs stay apart.
func wrap(_ text: String, indent: Int, width: Int = 80) -> String {
  let margin = String(repeating: " ", count: indent)
  var lines: [String] = []
  for paragraph in text.split(separator: "\n", omittingEmptySubsequences: false) {
    var line = ""
    for word in paragraph.split(separator: " ") {
      if !line.isEmpty, indent + line.count + 1 + word.count > width {
        lines.append(margin + line)
        line = ""
      }
      line += (line.isEmpty ? "" : " ") + word
    }
    lines.append(line.isEmpty ? "" : margin + line)
  }
  return lines.joined(separator: "\n") + "\n"
}

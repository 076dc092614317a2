/// A configuration file that explains itself, made from the rows.
public enum Sample {
  /// Every option with its sentence and default; options not named in `live` are commented out, so that the file
  /// changes nothing until a line is uncommented.
  public static func yaml(head: String, rows: [LoadedRow], sections: [SectionRow], live: Set<String>) -> String {
    var text = comment(head, indent: 0)
    for row in rows.map(\.row) where !row.path.contains(".") { text += "\n" + entry(row, indent: 0, live) }
    for section in sections where !section.path.contains(".") {
      text += "\n" + self.section(section, rows.map(\.row), sections, indent: 0, live)
    }
    return text
  }

  private static func section(
    _ section: SectionRow, _ rows: [Row], _ sections: [SectionRow], indent: Int, _ live: Set<String>
  ) -> String {
    func isChild(_ path: String) -> Bool {
      path.hasPrefix(section.path + ".") && !path.dropFirst(section.path.utf8.count + 1).contains(".")
    }
    let margin = String(repeating: " ", count: indent)
    let name = section.path.split(separator: ".").last.map(String.init) ?? section.path
    var text = comment(section.help, indent: indent) + "\(margin)\(name):\n"
    for row in rows where isChild(row.path) { text += entry(row, indent: indent + 2, live) }
    for inner in sections where isChild(inner.path) {
      text += self.section(inner, rows, sections, indent: indent + 2, live)
    }
    return text
  }

  private static func entry(_ row: Row, indent: Int, _ live: Set<String>) -> String {
    let margin = String(repeating: " ", count: indent)
    var help = row.help
    if let range = row.range { help += " \(range.least) to \(range.most)." }
    if !row.shape.choices.isEmpty, !row.shape.isFlag { help += " One of \(row.shape.choices.joined(separator: ", "))." }
    if let element = row.shape.element.first, !element.choices.isEmpty {
      help += " Of \(element.choices.joined(separator: ", "))."
    }
    let mark = live.contains(row.path) ? "" : "# "
    return comment(help, indent: indent) + "\(margin)\(mark)\(row.name): \(row.standardText)\n"
  }

  private static func comment(_ text: String, indent: Int) -> String {
    let margin = String(repeating: " ", count: indent)
    return wrap(text, indent: 0, width: 100 - indent).split(separator: "\n").map { "\(margin)# \($0)\n" }.joined()
  }
}

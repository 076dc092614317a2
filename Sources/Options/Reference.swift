/// The settings as a page of Markdown, made from the rows.
public enum Reference {
  public static func markdown(
    title: String, introduction: String, rows: [LoadedRow], sections: [SectionRow], environmentPrefix: String
  ) -> String {
    var page = "# \(title)\n\n\(introduction)\n"
    let top = rows.map(\.row).filter { !$0.path.contains(".") }
    page += table("General", "", top, environmentPrefix)
    for section in sections {
      let own = rows.map(\.row).filter { row in
        row.path.hasPrefix(section.path + ".")
          && !row.path.dropFirst(section.path.utf8.count + 1).contains(".")
      }
      if !own.isEmpty { page += table(section.path, section.help, own, environmentPrefix) }
    }
    return page
  }

  private static func table(_ title: String, _ help: String, _ rows: [Row], _ prefix: String) -> String {
    guard !rows.isEmpty else { return "" }
    var text = "\n## \(title)\n\n"
    if !help.isEmpty { text += help + "\n\n" }
    text += "| option | type | default | range | what it does |\n|---|---|---|---|---|\n"
    for row in rows {
      let range = row.range.map { "\($0.least) to \($0.most)" } ?? ""
      let standard = row.shape.isSecret || row.standardText == "\"\"" ? "" : "`\(row.standardText)`"
      let choices = row.shape.choices.map { "`\($0)`" }.joined(separator: ", ")
      let type = choices.isEmpty ? row.shape.word : choices
      text += "| `\(row.path)` | \(cell(type)) | \(cell(standard)) | \(cell(range)) | \(cell(row.help)) |\n"
    }
    return text
  }

  private static func cell(_ text: String) -> String {
    text.replacing("|", with: "\\|").replacing("\n", with: " ")
  }
}

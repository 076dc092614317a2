extension Program {
  /// The manual page in man(7) macros, every verb with its options.
  public func manualPage(about: String, settings: [LoadedRow]) -> String {
    let name = root.name
    var page = ".TH \(name.uppercased()) 1 \"\" \"\(name) \(version)\" \"User Commands\"\n"
    page += ".SH NAME\n\(name) \\- \(escaped(lowerFirst(root.about)))\n"
    page += ".SH SYNOPSIS\n.B \(name)\n.I verb\n[options]\n"
    page += ".SH DESCRIPTION\n\(lines(about))"
    page += ".SH VERBS\n"
    for (path, command) in verbs() {
      page += ".SS \"\(name) \(path.joined(separator: " "))\(escaped(usage(command)))\"\n"
      page += lines(command.about)
      if !command.notes.isEmpty { page += ".PP\n" + lines(command.notes) }
      for row in command.kind?.rows ?? [] where row.place != nil {
        page += ".TP\n.I \(escaped(row.path.uppercased()))\n" + lines(sentence(row))
      }
      for flag in flags(of: command) where !flag.isCommon { page += item(flag) }
    }
    page += ".SH OPTIONS OF EVERY VERB\n"
    for flag in flags(of: root) { page += item(flag) }
    page += ".SH SETTINGS\n"
    page += lines("Written in the configuration file, in the environment or as --set name=value.")
    for row in settings.map(\.row) {
      page += ".TP\n.B \(escaped(row.path))\n" + lines("\(sentence(row)) (\(row.shape.word))")
    }
    page += ".SH EXIT STATUS\n"
    for (code, meaning) in exitMeanings { page += ".TP\n.B \(code)\n" + lines(meaning) }
    return page
  }

  private var exitMeanings: [(String, String)] {
    [
      ("0", "Done."), ("1", "The check found differences, or the question has no answer."),
      ("64", "The command line is wrong."), ("65", "The data are wrong."),
      ("69", "A service (Kafka, Redis) is not reachable."), ("70", "A mistake of the program."),
      ("78", "The settings are wrong."), ("128+n", "Ended by signal n."),
    ]
  }

  private func item(_ flag: Flag) -> String {
    ".TP\n.B \(escaped(flag.usage.trimmed))\n" + lines(sentence(flag.row))
  }

  /// Text that no macro or escape is read into; each sentence's line may begin with anything.
  private func lines(_ text: String) -> String {
    text.split(separator: "\n").map { line in
      let line = escaped(String(line))
      return (line.hasPrefix(".") || line.hasPrefix("'") ? "\\&" : "") + line + "\n"
    }.joined()
  }

  private func escaped(_ text: String) -> String {
    text.replacing("\\", with: "\\e").replacing("-", with: "\\-")
  }

  private func lowerFirst(_ text: String) -> String {
    var text = text
    if text.hasSuffix(".") { text.removeLast() }
    return text.prefix(1).lowercased() + text.dropFirst()
  }
}

/// Reads the words of a command line against the program's tree; tells all mistakes at once.
///
/// The word after an option that takes a value is its value whatever it looks like (so `-o -100` works). No
/// abbreviations: they would break when an option is added.
struct WordParser<Context, Common: Sendable> {
  let program: Program<Context, Common>
  private var command: Command<Context>
  private var path: [String] = []
  private var values: [String: [Node]] = [:]
  private var assignments: [String] = []
  private var places: [Node] = []
  private var mistakes: [String] = []
  private var wantsHelp = false

  init(program: Program<Context, Common>) {
    self.program = program
    command = program.root
  }

  mutating func parse(_ words: [String]) -> Program<Context, Common>.Request {
    var rest = words[...]
    if rest.first == "help" {
      rest = rest.dropFirst()
      wantsHelp = true
    }
    var onlyPlaces = false
    while let word = rest.popFirst() {
      if onlyPlaces || word == "-" || !word.hasPrefix("-") {
        take(word)
      } else if word == "--" {
        onlyPlaces = true
      } else if word == "--help" || (word == "-h" && flag(short: "h") == nil) {
        wantsHelp = true
      } else if word == "--version", command.kind == nil {
        return .show(program.version + "\n")
      } else if word.hasPrefix("--") {
        long(word, &rest)
      } else {
        shorts(word, &rest)
      }
    }
    if !wantsHelp, let name = command.alone, let child = command.child(name) {
      command = child
      path.append(name)
    }
    if wantsHelp, mistakes.isEmpty { return .show(program.helpPage(path)) }
    guard let kind = command.kind else {
      if path.isEmpty, words.isEmpty { return .show(program.helpPage([])) }
      if mistakes.isEmpty {
        let names = command.visible.map(\.name)
        mistakes = ["\(title) needs \(names.count == 1 ? "" : "one of ")\(names.joined(separator: ", "))"]
      }
      return misuse()
    }
    return finish(kind)
  }

  private var title: String { (["thalweg"] + path).joined(separator: " ") }

  private mutating func take(_ word: String) {
    if command.kind != nil {
      places.append(Node(.scalar(word), origin: .argument(word), isQuoted: true))
    } else if let child = command.child(word) {
      command = child
      path.append(word)
    } else if mistakes.isEmpty {
      let near = Spelling.nearest(word, in: command.visible.map(\.name)).map { "; did you mean \($0)?" } ?? ""
      mistakes.append("\(title) has no verb \(word)\(near)")
    }
  }

  private func flags() -> [Flag] { program.flags(of: command) }
  private func flag(short: Character) -> Flag? { flags().first { $0.row.short == short } }

  private mutating func long(_ word: String, _ rest: inout ArraySlice<String>) {
    let parts = word.dropFirst(2).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    let name = String(parts[0])
    guard let flag = flags().first(where: { $0.name == name }) else {
      // A setting written as an option: any of them may be, by its dotted name.
      if command.kind?.readsSettings == true, let row = program.settingRows[name] {
        return value(of: Flag(name, row, setting: name), parts.count == 2 ? String(parts[1]) : nil, &rest)
      }
      let near = Spelling.nearest(name, in: flags().map(\.name)).map { "; did you mean --\($0)?" } ?? ""
      return mistakes.append("\(title) has no option --\(name)\(near)")
    }
    value(of: flag, parts.count == 2 ? String(parts[1]) : nil, &rest)
  }

  /// `-f`, `-o -100`, `-fo-100`, `-c=10`.
  private mutating func shorts(_ word: String, _ rest: inout ArraySlice<String>) {
    var letters = word.dropFirst()
    while let letter = letters.popFirst() {
      guard let flag = flag(short: letter) else {
        return mistakes.append("\(title) has no option -\(letter)")
      }
      if flag.isSwitch, letters.first != "=" {
        value(of: flag, nil, &rest)
      } else {
        if letters.first == "=" { letters = letters.dropFirst() }
        value(of: flag, letters.isEmpty ? nil : String(letters), &rest)
        return
      }
    }
  }

  private mutating func value(of flag: Flag, _ given: String?, _ rest: inout ArraySlice<String>) {
    let text: String
    if let given {
      text = given
    } else if flag.isSwitch {
      text = "true"
    } else if let next = rest.popFirst() {
      text = next
    } else {
      return mistakes.append("--\(flag.name) needs a value (\(flag.row.shape.word))")
    }
    if let setting = flag.setting { return assignments.append("\(setting)=\(text)") }
    let key = (flag.isCommon ? "common:" : "verb:") + flag.row.path
    values[key, default: []].append(Node(.scalar(text), origin: .argument("--\(flag.name)")))
  }

  private mutating func finish(_ kind: Command<Context>.Kind) -> Program<Context, Common>.Request {
    let wanted = kind.rows.filter { $0.place != nil }
    var left = places[...]
    for row in wanted {
      if row.place == .rest {
        if !left.isEmpty { values["verb:" + row.path] = Array(left) }
        left = []
      } else if let node = left.popFirst() {
        values["verb:" + row.path] = [node]
      } else if row.place == .required {
        mistakes.append("\(title) needs \(row.path.uppercased()): \(row.help)")
      }
    }
    if let extra = left.first?.text { mistakes.append("\(title) does not know what to do with \(extra)") }
    let values = values
    func find(_ prefix: String) -> (Row) -> Node? {
      { row in
        guard let nodes = values[prefix + row.path], let last = nodes.last else { return nil }
        guard row.shape.isList else { return last }
        if nodes.count == 1, row.place == nil { return last }
        return Node(.list(nodes), origin: last.origin)
      }
    }
    let (run, problems) = kind.build(find("verb:"))
    let common = Loaded(program.makeCommon, find: find("common:"))
    mistakes += (problems + common.problems).map { "\($0.origin): \($0.message)" }
    guard mistakes.isEmpty else { return misuse() }
    return .run(
      .init(
        path: path, common: common.value, assignments: assignments, readsSettings: kind.readsSettings,
        isService: kind.isService, run: run))
  }

  private func misuse() -> Program<Context, Common>.Request {
    let lines = mistakes.map { "thalweg: \($0)\n" }.joined()
    return .misuse(lines + "thalweg: try \(title) --help\n")
  }
}

/// The whole command line: a tree of verbs, the options common to all, and the rows of the settings.
///
/// `request(words)` is a pure function, so that every case of the command line is a table-driven test.
public struct Program<Context, Common: Sendable>: Sendable {
  public var root: Command<Context>
  public var version: String
  let makeCommon: @Sendable () -> Common
  /// Options that every verb takes.
  let commonRows: [Row]
  /// Rows of the settings, for verbs that take some of them as options.
  let settingRows: [String: Row]

  public init(
    _ root: Command<Context>, version: String, common: @escaping @Sendable () -> Common, settings: [Row] = []
  ) {
    self.root = root
    self.version = version
    makeCommon = common
    commonRows = Loaded(common) { _ in nil }.rows.map(\.row)
    settingRows = Dictionary(settings.map { ($0.path, $0) }) { first, _ in first }
  }

  /// What the words ask for.
  public enum Request {
    case run(Invocation)
    /// Text for stdout, exit 0.
    case show(String)
    /// Text for stderr, exit 64.
    case misuse(String)
  }

  /// A verb with everything that its words said.
  public struct Invocation {
    /// Names from the group down, such as `alerts tail`.
    public var path: [String]
    public var common: Common
    /// `name=value` of settings written as options of the verb; they come after those of `--set`.
    public var assignments: [String]
    public var readsSettings: Bool
    public var isService: Bool
    public var run: @Sendable (Context) throws -> Void
  }

  public func request(_ words: [String]) -> Request {
    var parser = WordParser(program: self)
    return parser.parse(words)
  }

  /// Every verb with its full name, depth first; hidden ones left out.
  public func verbs() -> [(path: [String], command: Command<Context>)] {
    func walk(_ command: Command<Context>, _ path: [String]) -> [(path: [String], command: Command<Context>)] {
      if command.kind != nil { return [(path, command)] }
      return command.visible.flatMap { walk($0, path + [$0.name]) }
    }
    return walk(root, [])
  }

  /// Options of a verb by what they are called on the command line: its own, its settings, the common ones.
  func flags(of command: Command<Context>) -> [Flag] {
    var flags: [Flag] = []
    for row in command.kind?.rows ?? [] where row.place == nil { flags.append(Flag(row.path, row)) }
    for path in command.kind?.settings ?? [] {
      if let row = settingRows[path] { flags.append(Flag(row.path.replacing("_", with: "-"), row, setting: path)) }
    }
    // A verb's own letter wins over a common one (`alerts tail -c 10`).
    let taken = Set(flags.compactMap(\.row.short))
    for var row in commonRows {
      if let short = row.short, taken.contains(short) { row.short = nil }
      flags.append(Flag(row.path, row, isCommon: true))
    }
    return flags
  }

  /// Names that stand twice in one verb (long or short), for a test: the parser takes the first silently.
  public func clashes() -> [String] {
    verbs().flatMap { path, command in
      var seen: Set<String> = []
      let all = flags(of: command).flatMap { ["--\($0.name)"] + ($0.row.short.map { ["-\($0)"] } ?? []) }
      return all.filter { !seen.insert($0).inserted }.map { path.joined(separator: " ") + " " + $0 }
    }
  }

  /// Settings named by verbs that do not exist, for a test.
  public func unknownSettings() -> [String] {
    verbs().flatMap { $0.command.kind?.settings ?? [] }.filter { settingRows[$0] == nil }
  }
}

/// An option as the command line knows it.
struct Flag {
  var name: String
  var row: Row
  /// Dotted name when it is a setting.
  var setting: String?
  var isCommon: Bool

  init(_ name: String, _ row: Row, setting: String? = nil, isCommon: Bool = false) {
    self.name = name
    self.row = row
    self.setting = setting
    self.isCommon = isCommon
  }
  var isSwitch: Bool { row.shape.isFlag }
  /// `-c, --config FILE`
  var usage: String {
    let long = "--\(name)" + (isSwitch ? "" : " \(placeholder)")
    return (row.short.map { "-\($0), " } ?? "    ") + long
  }
  var placeholder: String {
    row.shape.choices.isEmpty
      ? row.shape.word.replacing(", or off", with: "").uppercased().replacing(" ", with: "-").replacing(
        "LIST-OF-", with: "") : row.shape.choices.joined(separator: "|")
  }
}

extension String {
  func replacing(_ part: String, with new: String) -> String {
    guard !part.isEmpty else { return self }
    var out = ""
    var rest = self[...]
    while let found = rest.firstMatch(of: part) {
      out += rest[..<found.lowerBound] + new
      rest = rest[found.upperBound...]
    }
    return out + rest
  }
}

extension Substring {
  fileprivate func firstMatch(of part: String) -> Range<Index>? {
    var at = startIndex
    while at < endIndex {
      if self[at...].hasPrefix(part) { return at..<index(at, offsetBy: part.count) }
      at = index(after: at)
    }
    return nil
  }
}

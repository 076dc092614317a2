/// A command of the program: its `@Option`s and `@Argument`s are its command line.
public protocol Verb: Sendable {
  /// What every verb is given when it runs.
  associatedtype Context
  /// One sentence that begins with a verb: "Prints drift alerts as they come."
  static var about: String { get }
  /// Further paragraphs for the help page and the manual.
  static var notes: String { get }
  /// Names of settings that may also be written as options of this verb, such as `from`.
  static var settings: [String] { get }
  /// False for verbs that must work whatever the settings are (`version`, `completion`).
  static var readsSettings: Bool { get }
  /// True for verbs that end in order on SIGTERM and SIGINT: they run beside a thread that waits for signals.
  static var isService: Bool { get }
  init()
  func run(_ context: Context) throws
}

extension Verb {
  public static var notes: String { "" }
  public static var settings: [String] { [] }
  public static var readsSettings: Bool { true }
  public static var isService: Bool { false }
}

/// An error that decides the exit code; its description is the one line that people read.
public protocol Exiting: Error, CustomStringConvertible {
  var exitCode: Int32 { get }
}

/// Exit codes of every verb, after sysexits(3).
public enum ExitCode {
  public static let failed: Int32 = 1
  public static let misuse: Int32 = 64
  public static let data: Int32 = 65
  public static let unavailable: Int32 = 69
  public static let `internal`: Int32 = 70
  public static let settings: Int32 = 78
}

/// Ends a verb with a code and one line on stderr (none if empty).
public struct Failure: Exiting, Equatable {
  public var exitCode: Int32
  public var description: String
  public init(_ exitCode: Int32, _ description: String) {
    self.exitCode = exitCode
    self.description = description
  }
}

/// A verb or a group of them, by name.
public struct Command<Context>: Sendable {
  public var name: String
  public var about: String
  public var notes: String
  public var isHidden = false
  public var children: [Command] = []
  /// The child that runs where a group is named alone.
  public var alone: String?
  /// What the parser and the pages need of a verb; nil for a group.
  var kind: Kind?

  struct Kind: Sendable {
    var rows: [Row]
    var settings: [String]
    var readsSettings: Bool
    var isService: Bool
    var build: @Sendable (@escaping (Row) -> Node?) -> (run: @Sendable (Context) throws -> Void, [Problem])
  }

  /// - Parameter alone: The child that runs where nothing follows the group's name; nil = none does.
  public static func group(_ name: String, _ about: String, alone: String? = nil, _ children: [Command]) -> Command {
    var group = Command(name: name, about: about, notes: "", children: children)
    group.alone = alone
    return group
  }

  public static func verb<V: Verb>(_ name: String, _ type: V.Type, hidden: Bool = false) -> Command
  where V.Context == Context {
    var command = Command(name: name, about: V.about, notes: V.notes)
    command.isHidden = hidden
    command.kind = Kind(
      rows: Loaded({ V() }) { _ in nil }.rows.map(\.row), settings: V.settings,
      readsSettings: V.readsSettings, isService: V.isService,
      build: { find in
        let loaded = Loaded({ V() }, find: find)
        return ({ try loaded.value.run($0) }, loaded.problems)
      })
    return command
  }

  init(name: String, about: String, notes: String, children: [Command] = []) {
    self.name = name
    self.about = about
    self.notes = notes
    self.children = children
  }

  func child(_ name: String) -> Command? { children.first { $0.name == name } }
  var visible: [Command] { children.filter { !$0.isHidden } }
}

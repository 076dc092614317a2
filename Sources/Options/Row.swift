/// One option as declared: everything that help, docs, schema, completion and messages say about it.
public struct Row: Sendable, Hashable {
  /// Dotted name, such as `kafka.session_timeout`.
  public var path: String
  /// One letter for the command line.
  public var short: Character?
  /// One sentence.
  public var help: String
  public var shape: Shape
  /// The default, as a node that reads back to it.
  public var standard: Node
  /// Least and greatest value allowed, as text.
  public var range: ClosedText?
  /// Command line: takes a word by its place instead of its name.
  public var place: Place?

  public struct ClosedText: Sendable, Hashable {
    public var least: String
    public var most: String
  }
  public enum Place: Sendable, Hashable {
    case required, optional, rest
  }

  /// Last part of the dotted name.
  public var name: String { path.split(separator: ".").last.map(String.init) ?? path }
  /// The default on one line of YAML; empty where nothing stands for "none".
  public var standardText: String { YAML.flow(standard) }
  /// What the environment calls it: two underscores between levels, since names hold one.
  public func environmentName(prefix: String) -> String {
    prefix + path.uppercased().split(separator: ".").joined(separator: "__")
  }
}

/// A group of options, as declared.
public struct SectionRow: Sendable, Hashable {
  public var path: String
  public var help: String
}

/// A row with the value in force and where it came from.
public struct LoadedRow: Sendable {
  public var row: Row
  /// In force; secrets are stars.
  public var text: String
  public var origin: Origin
}

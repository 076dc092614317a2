public import Options

/// The learning steps that may be switched off one by one.
public enum FoldName: String, Choice {
  case vector, trust, affinity, history, temporal, traits, session, decisions, context, memory, trend, metrics, arms
  /// All but an arm per title.
  public static let standard: [FoldName] = allCases.filter { $0 != .arms }
}

public enum Durability: String, Choice { case kill, power }
public enum ExchangeKind: String, Choice { case local }
public enum StoreKind: String, Choice { case redis, sqlite, memory }
public enum TrustPresetName: String, Choice {
  case v2, seed
  case seedClamped = "seed-clamped"
  case w1
}
/// Keeps what the preset says, or decides otherwise.
public enum PresetSwitch: String, Choice { case preset, on, off }
public enum AffinitySignalName: String, Choice { case watch, rate }
public enum VectorFormName: String, Choice { case unit, plain }
public enum HistoryFormName: String, Choice { case d5, d6, d7 }
public enum RewardMapName: String, Choice {
  case mediaV1 = "media-v1"
  case seedS3 = "seed-s3"
  case seedS4 = "seed-s4"
  case w1, table
}
/// How a rating r becomes a reward: nothing, (r - 3) / 2, (r - 1) / 4.
public enum RateRewardForm: String, Choice { case none, signed, share }
/// Which watches are worth their completion instead of the table's value.
public enum WatchRewardForm: String, Choice { case none, partial, all }
public enum RewardWait: String, Choice { case fed, all }
public enum ObservedRule: String, Choice { case cascade, first, all }
public enum LearnFrom: String, Choice { case decisions, events }
public enum BanditLearner: String, Choice {
  case shared, hybrid, disjoint, thompson, beta, squarecb, linear, logistic
}
public enum LogLevelName: String, Choice { case debug, info, warning, error }
public enum LogFormatName: String, Choice { case auto, text, json }

public enum Until: String, Choice {
  case off
  case caughtUp = "caught-up"
}

/// Where a group without state begins to read.
public enum StartFrom: OptionValue, Hashable {
  case earliest, latest
  /// Unix ms.
  case timestamp(Int64)
  /// So long before the start of the worker.
  case last(Duration)

  public static let shape = Shape(
    "place to begin", .string, pattern: "^(earliest|latest|ts=[0-9T:.Z+-]+|last=[0-9a-z]+)$")

  public init(_ node: Node) throws(BadValue) {
    let text = try node.scalar()
    if text == "earliest" {
      self = .earliest
    } else if text == "latest" {
      self = .latest
    } else if text.hasPrefix("last=") {
      self = .last(try Duration(Node(String(text.dropFirst(5)))))
    } else if text.hasPrefix("ts="), let time = Timestamp.parse(String(text.dropFirst(3))) {
      self = .timestamp(time)
    } else {
      throw BadValue("must be earliest, latest, ts=1795230000000, ts=2026-11-21T03:00:00Z or last=1h")
    }
  }

  public var node: Node {
    switch self {
    case .earliest: Node("earliest")
    case .latest: Node("latest")
    case .timestamp(let time): Node("ts=\(time)")
    case .last(let duration): Node("last=\(duration.text)")
    }
  }
}

/// A part of the configuration that somebody else compiles: handed on as it was parsed.
public struct Tree: OptionValue, Hashable {
  public let node: Node
  public init() { node = Node(.list([])) }
  public static let shape: Shape = {
    var shape = Shape("list of maps", .array)
    shape.element = [Shape("map", .object)]
    return shape
  }()
  public init(_ node: Node) throws(BadValue) {
    if let text = node.text, text.hasPrefix("["), let parsed = try? YAML.parse(text, name: "value") {
      self.node = parsed
    } else {
      self.node = node
    }
    guard self.node.list != nil else { throw BadValue("must be a list, not \(node.kind)") }
  }
  public var isEmpty: Bool { node.list?.isEmpty ?? true }
}

/// One published field in place of the standard rows.
public struct View: OptionValue, Hashable {
  public enum Row: String, Choice {
    /// The event-driven vector, little-endian Float32.
    case viewerVector = "viewer.vector"
    /// The five components and the overall score, six little-endian Float32.
    case titleTrust = "title.trust"
    /// theta of the title's arm, little-endian Float32.
    case titleArm = "title.arm"
    /// How often the title's arm was updated.
    case titleArmUpdates = "title.arm_updates"
  }
  public var row: Row
  /// Key with `{id}` where the id stands.
  public var key: String
  public var field: String

  public static let shape: Shape = {
    var shape = Shape("map of row, key, field", .object)
    shape.element = [String.shape]
    return shape
  }()
  public init(_ node: Node) throws(BadValue) {
    guard let map = node.map else {
      throw BadValue("must be a map such as {row: viewer.vector, key: \"u:{id}\", field: p}")
    }
    for entry in map where !["row", "key", "field"].contains(entry.key) {
      throw BadValue("has \(entry.key), but a view has row, key and field only")
    }
    guard let row = node["row"], let key = node["key"]?.text, let field = node["field"]?.text, !field.isEmpty else {
      throw BadValue("needs row, key and field")
    }
    do throws(BadValue) { self.row = try Row(row) } catch { throw BadValue("has a row that \(error.message)") }
    guard key.split(separator: "{id}", omittingEmptySubsequences: false).count == 2 else {
      throw BadValue("needs {id} once in its key")
    }
    self.key = key
    self.field = field
  }
  public var node: Node {
    func entry(_ name: String, _ value: Node) -> Node.Entry { .init(key: name, origin: .standard, value: value) }
    return Node(.map([entry("row", row.node), entry("key", key.node), entry("field", field.node)]))
  }
}

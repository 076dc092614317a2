import Bandits
import Glibc
import Ports
public import Options

/// The settings of one run with everything that `config show` tells about them.
public struct LoadedSettings: Sendable {
  public var settings: Settings
  public var rows: [LoadedRow]
  public var sections: [SectionRow]
  /// Empty = the settings may be used.
  public var problems: [Problem]
  /// Worth a line in the log, no reason to stop.
  public var warnings: [Problem]

  /// All rows as one JSON object, name to value and origin; secrets are stars (`config show`, `/debug/config`).
  public var json: String { Self.json(rows) }

  static func json(_ rows: [LoadedRow]) -> String {
    let members = rows.map { row in
      "\(JSONText.quoted(row.row.path)):{\"value\":\(JSONText.quoted(row.text)),"
        + "\"origin\":\(JSONText.quoted("\(row.origin)"))}"
    }
    return "{\(members.joined(separator: ","))}"
  }
}

extension Settings {
  public static let environmentPrefix = "THALWEG_"

  /// Rows of the declarations with their defaults.
  public static let declared: Loaded<Settings> = Loaded({ Settings() }) { _ in nil }

  /// Defaults, then the file, the environment and the assignments, each stronger than the one before.
  ///
  /// - Parameter file: Path of a file, or nil for the configuration that ships as `configs/worker.yaml`.
  public static func load(
    file: String?, environment: [String: String] = processEnvironment(), assignments: [String] = []
  ) -> LoadedSettings {
    guard let file else { return load(shipped: "worker", environment: environment, assignments: assignments) }
    do throws(Problem) {
      return load(tree: try YAML.read(file), environment: environment, assignments: assignments)
    } catch {
      return LoadedSettings(
        settings: Settings(), rows: declared.rows, sections: declared.sections, problems: [error], warnings: [])
    }
  }

  /// The settings of a file that ships, such as `w1`, wherever the program runs.
  public static func load(
    shipped name: String, environment: [String: String] = processEnvironment(), assignments: [String] = []
  ) -> LoadedSettings {
    do throws(Problem) {
      guard let text = Shipped.text(name) else { throw Problem(.argument(name), "is no configuration that ships") }
      return load(
        tree: try YAML.parse(text, name: "configs/\(name).yaml"), environment: environment, assignments: assignments)
    } catch {
      return LoadedSettings(
        settings: Settings(), rows: declared.rows, sections: declared.sections, problems: [error], warnings: [])
    }
  }

  /// The settings of a parsed file.
  ///
  /// - Parameter overlay: Values by dotted name, stronger than the environment; an empty name stands for a whole tree,
  ///   such as the `settings` of a story, whose JSON `YAML.parse` reads.
  public static func load(
    tree: Node, environment: [String: String] = [:], assignments: [String] = [],
    overlay: [(path: String, node: Node)] = []
  ) -> LoadedSettings {
    var layers = Layers(file: tree, environment: environment, environmentPrefix: environmentPrefix)
    layers.assignments = assignments
    layers.overlay = overlay
    layers.synonyms = synonyms
    let (loaded, warnings) = layers.load { Settings() }
    let settings = loaded.value
    let cross = settings.contradictions().map { path, message in
      Problem(loaded.rows.first { $0.row.path == path }?.origin ?? .standard, path: path, message)
    }
    return LoadedSettings(
      settings: settings, rows: loaded.rows, sections: loaded.sections, problems: loaded.problems + cross,
      warnings: warnings)
  }

  /// Names that people bring from their other systems, for "did you mean".
  static let synonyms = [
    "consumer_group": "kafka.group", "group_id": "kafka.group", "bootstrap_servers": "kafka.brokers",
    "auto_offset_reset": "from", "commit_interval": "checkpoint.interval", "reward_wait": "reward.wait",
    "default_reward": "reward.default", "half_life": "affinity.half_life", "key_ttl_seconds": "store.ttl",
    "trust": "trust.preset",
  ]

  /// What each option alone allows but all together do not.
  func contradictions() -> [(path: String, message: String)] {
    var found: [(String, String)] = []
    for pair in rewards.values.pairs where !RewardMapSettings.signals.contains(pair.name) {
      let near = Spelling.nearest(pair.name, in: RewardMapSettings.signals).map { "; did you mean \($0)?" } ?? ""
      found.append(("rewards.values", "\(pair.name) is no feedback\(near)"))
    }
    if drift.baselineBucket.wholeNanoseconds % max(1, drift.bucket.wholeNanoseconds) != 0 {
      found.append(("drift.baseline_bucket", "must be a multiple of drift.bucket, \(drift.bucket.text)"))
    }
    if kafka.brokers.isEmpty { found.append(("kafka.brokers", "needs at least one broker")) }
    if kafka.group.isEmpty { found.append(("kafka.group", "needs a name")) }
    do throws(PortError) { _ = try redisAddress() } catch {
      found.append(("redis.url", error.message.replacing("redis.url: ", with: "").replacing("redis.url ", with: "")))
    }
    if stateDir.isEmpty { found.append(("state_dir", "needs a folder")) }
    if bandit.learnFrom == .events && !folds.contains(.arms) {
      found.append(("bandit.learn_from", "events needs the fold arms; add it to folds"))
    } else if bandit.learnFrom == .events {
      if let problem = armLayoutProblem() { found.append(("bandit.layout", problem)) }
      if bandit.halfLife != nil { found.append(("bandit.half_life", "arms that learn from events forget nothing")) }
    }
    if let fault = ContextLayout.fault(in: bandit.layout) { found.append(("bandit.layout", fault)) }
    for named in bandit.named where NamedModel(named) == nil {
      found.append(
        ("bandit.named", "\(named) is not KEY=LEARNER, as in genre=beta; keys are genre and policy"))
    }
    return found
  }

  /// The process's environment.
  public static func processEnvironment() -> [String: String] {
    var all: [String: String] = [:]
    var at = environ
    while let entry = at.pointee {
      let text = String(cString: entry)
      if let equals = text.firstIndex(of: "=") {
        all[String(text[..<equals])] = String(text[text.index(after: equals)...])
      }
      at += 1
    }
    return all
  }
}

import JSON
import Options

struct DecisionsTail: Verb {
  static let about = "Prints what decisions earned, item by item, the last hundred or as they come."
  static let notes = """
    Reads kafka.resolved_topic. With --output json each line is the record as it stands there, which is VW DSJSON: \
    thalweg decisions tail -o beginning --output json | vw --dsjson --cb_explore_adf. An item whose reward changed has a \
    line for each reward; decisions export keeps the last.
    """
  static let settings = ["kafka.brokers", "kafka.resolved_topic"]
  static let isService = true
  @Option("follow", short: "f", "Waits for more at the end.") var follow = false
  @Option("offset", short: "o", "Where to begin: beginning, end, -N for the last N, or an offset.") var offset = "-100"
  @Option("count", short: "c", "Ends after so many.", in: 1...1_000_000_000) var count: Int? = nil

  func run(_ context: Context) throws {
    let topic = context.settings.kafka.resolvedTopic
    if !context.output.isJSON { context.output.line(DecisionText.header) }
    try TailRequest(topic: topic, offset: offset, count: count, follow: follow).read(context) { record in
      guard let value = record.value else { return false }
      context.output.line(context.output.isJSON ? String(decoding: value, as: UTF8.self) : DecisionText.row(value))
      return true
    }
  }
}

/// One learned item as a row of a table.
enum DecisionText {
  static let header = line([
    "TIME", "DECISION", "USER", "TITLE", "SLOT", "PROPENSITY", "REWARD", "STAGE", "AFTER", "BY",
  ])

  static func row(_ value: [UInt8]) -> String {
    guard let json = try? JSONValue(parsing: value), json["decision_id"] != nil else {
      return "(no decision: \(Printable.line(String(decoding: value.prefix(80), as: UTF8.self), 80)))"
    }
    func word(_ name: String) -> String { json[name]?.string.map { Printable.line($0, 40) } ?? "-" }
    func number(_ name: String) -> String { json[name]?.double.map { FeatureAnswer.short($0) } ?? "-" }
    let reward = number("reward")
    let corrected = json["_original_label_cost"]?.double.map { "\(FeatureAnswer.short(0 - $0))->\(reward)" } ?? reward
    let stage = json["stage"]?.int.map { stages.indices.contains($0) ? stages[$0] : "\($0)" } ?? "-"
    return line([
      word("Timestamp"), word("decision_id"), word("user_id"), word("content_id"), number("slot"), number("propensity"),
      corrected, stage,
      json["latency_ms"]?.double.map { Figures.seconds($0 / 1000) } ?? "-",
      json["VWState"]?["m"]?.string.flatMap { $0.isEmpty ? nil : Printable.line($0, 40) } ?? "-",
    ])
  }

  /// Names of the stages of feedback; 0 = nobody answered.
  static let stages = ["default", "view", "click", "watch", "explicit"]

  private static func line(_ cells: [String]) -> String {
    let widths = [24, 16, 12, 16, 4, 10, 13, 8, 7, 0]
    return zip(cells, widths).map { $0 + String(repeating: " ", count: max(0, $1 - $0.count)) }.joined(separator: "  ")
  }
}

enum ExportForm: String, Choice { case obp, dsjson }

struct DecisionsExport: Verb {
  static let about = "Writes what decisions earned as arrays of the Open Bandit Pipeline, or as a file for VW."
  static let notes = """
    Reads kafka.resolved_topic up to where it ends now. obp leaves context, action, reward, pscore, position and \
    action_context as .npy, x (each item's own features) and about.json (the titles behind the action numbers); lines \
    without a logged propensity or without features are left out and counted. dsjson leaves decisions.dsjson. Either \
    holds each item of a decision once, with its latest reward: lines that a later one corrects are left out.
    """
  static let settings = ["kafka.brokers", "kafka.resolved_topic"]
  @Option("format", "Arrays of the Open Bandit Pipeline, or lines for VW.") var format = ExportForm.obp
  @Option("to", "Folder for the files; made if need be.") var to = ""
  @Option("offset", short: "o", "Where to begin: beginning, -N for the last N, or an offset.") var offset = "beginning"
  @Option("count", short: "c", "Ends after so many.", in: 1...1_000_000_000) var count: Int? = nil

  func run(_ context: Context) throws {
    guard !to.isEmpty else { throw Failure(ExitCode.misuse, "decisions export needs --to DIR") }
    FileSystem.makeDirectory(to)
    var export = DecisionExport()
    var lines: [[UInt8]] = []
    /// Line of an item, by its event id.
    var places: [String: Int] = [:]
    var read = 0
    let request = TailRequest(
      topic: context.settings.kafka.resolvedTopic, offset: offset, count: count, follow: false)
    try request.read(context) { record in
      guard let value = record.value else { return false }
      read += 1
      switch format {
      case .obp: export.take(value)
      case .dsjson:
        let event = (try? JSONValue(parsing: value))?["EventId"]?.string
        if let event, let place = places[event] {
          lines[place] = value
        } else {
          if let event { places[event] = lines.count }
          lines.append(value)
        }
      }
      return true
    }
    let files = format == .obp ? export.files : [("decisions.dsjson", lines.flatMap { $0 + [0x0a] })]
    for file in files {
      guard FileSystem.write(to + "/" + file.name, file.bytes) else {
        throw Failure(ExitCode.failed, "cannot write \(to)/\(file.name)")
      }
    }
    var answer = JSONWriter()
    answer.beginObject()
    answer.field("records", read)
    if format == .dsjson { answer.field("lines", lines.count) }
    if format == .obp {
      answer.field("rounds", export.count)
      answer.field("actions", export.actions.count)
      answer.field("skipped", export.skipped)
    }
    answer.field("folder", to)
    answer.endObject()
    context.output.line(
      context.output.isJSON
        ? answer.text
        : format == .obp
          ? "\(export.count) rounds over \(export.actions.count) actions in \(to), \(export.skipped) records left out"
          : "\(lines.count) lines in \(to)/decisions.dsjson, \(read - lines.count) corrected ones left out")
  }
}

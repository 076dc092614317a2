import JSON
import KafkaPort
import Options
import Ports
import Telemetry

/// What `alerts tail`, `dead-letters tail` and `topics tail` have in common: where to begin, how many, whether to wait.
struct TailRequest {
  var topic: String
  var offset: String
  var count: Int?
  var follow: Bool

  static func unknown(_ offset: String) -> Failure {
    Failure(ExitCode.misuse, "--offset takes beginning, end, -N (the last N) or an offset, not \(offset)")
  }

  func read(_ context: Context, _ each: (TailRecord) -> Bool) throws {
    guard let start = TailStart(offset) else { throw Self.unknown(offset) }
    let tail = try KafkaTail(context.settings.kafkaConfig(joinsGroup: false), topic: topic)
    defer { tail.close() }
    var given = 0
    try tail.read(from: start, follow: follow, isStopped: { context.stop.isRequested }) { record in
      guard each(record) else { return true }
      if follow { context.output.flush() }
      given += 1
      return count.map { given < $0 } ?? true
    }
  }
}

struct AlertsTail: Verb {
  static let about = "Prints drift alerts, the last hundred or as they come."
  static let notes = "With --output json each line is the alert's CloudEvent as it stands in the topic."
  static let settings = ["kafka.brokers", "kafka.alerts_topic"]
  static let isService = true
  @Option("follow", short: "f", "Waits for more at the end.") var follow = false
  @Option("offset", short: "o", "Where to begin: beginning, end, -N for the last N, or an offset.") var offset = "-100"
  @Option("count", short: "c", "Ends after so many.", in: 1...1_000_000_000) var count: Int? = nil

  func run(_ context: Context) throws {
    let topic = context.settings.kafka.alertsTopic
    guard TailStart(offset) != nil else { throw TailRequest.unknown(offset) }
    if !context.output.isJSON { context.output.line(AlertLine.header) }
    try TailRequest(topic: topic, offset: offset, count: count, follow: follow).read(context) { record in
      guard let value = record.value else { return false }  // a tombstone: this alert is forgotten
      context.output.line(context.output.isJSON ? String(decoding: value, as: UTF8.self) : AlertLine(value).text)
      return true
    }
  }
}

/// One alert as a row of a table.
struct AlertLine {
  static let header = row("TIME", "STATE", "METRIC", "SCOPE", "CURRENT", "BASELINE", "MESSAGE")
  let text: String

  init(_ value: [UInt8]) {
    guard let event = try? JSONValue(parsing: value), let data = event["data"] else {
      text = "(no alert: \(String(decoding: value.prefix(80), as: UTF8.self)))"
      return
    }
    func word(_ names: String...) -> String { names.lazy.compactMap { data[$0]?.string }.first ?? "-" }
    func number(_ names: String...) -> String {
      names.lazy.compactMap { data[$0]?.double }.first.map { Self.fixed($0) } ?? "-"
    }
    let kind = (event["type"]?.string ?? "").split(separator: ".").dropLast().last.map(String.init)
    let state = data["state"]?.string ?? data["status"]?.string ?? kind ?? "-"
    let scope = data["scope"]?.string ?? event["subject"]?.string ?? "-"
    text = Self.row(
      event["time"]?.string ?? "-", state, word("metric", "feature"), scope, number("current", "after"),
      number("baseline", "before"), word("message"))
  }

  private static func row(_ cells: String...) -> String {
    let widths = [24, 9, 16, 24, 9, 9, 0]
    return zip(cells, widths).map { $0 + String(repeating: " ", count: max(0, $1 - $0.count)) }.joined(separator: " ")
  }

  /// Four decimals.
  private static func fixed(_ value: Double) -> String {
    guard value.magnitude < 1e12 else { return "\(value)" }
    let units = Int64((value.magnitude * 10_000).rounded())
    let fraction = String(units % 10_000)
    return (value < 0 && units > 0 ? "-" : "") + "\(units / 10_000)."
      + String(repeating: "0", count: 4 - fraction.count) + fraction
  }
}

struct DeadLettersTail: Verb {
  static let about = "Prints records that could not become events, with the reason of each."
  static let settings = ["kafka.brokers", "kafka.dead_letter_topic"]
  static let isService = true
  @Option("follow", short: "f", "Waits for more at the end.") var follow = false
  @Option("offset", short: "o", "Where to begin: beginning, end, -N for the last N, or an offset.") var offset = "-100"
  @Option("count", short: "c", "Ends after so many.", in: 1...1_000_000_000) var count: Int? = nil

  func run(_ context: Context) throws {
    let topic = context.settings.kafka.deadLetterTopic
    try TailRequest(topic: topic, offset: offset, count: count, follow: follow).read(context) { record in
      func header(_ name: String) -> String? {
        record.headers.last { $0.name == name }.map { String(decoding: $0.value, as: UTF8.self) }
      }
      let value = String(decoding: record.value ?? [], as: UTF8.self)
      if context.output.isJSON {
        var json = JSONWriter()
        json.beginObject()
        json.field("reason", header("thalweg.reason"))
        json.field("field", header("thalweg.field"))
        json.field("topic", header("__connect.errors.topic"))
        json.field("partition", header("__connect.errors.partition").flatMap { Int64($0) })
        json.field("offset", header("__connect.errors.offset").flatMap { Int64($0) })
        json.field("time", record.timestamp >= 0 ? Telemetry.Timestamp.utc(record.timestamp) : nil)
        json.field("message", header("__connect.errors.exception.message"))
        json.field("value", value)
        json.endObject()
        context.output.line(String(decoding: json.bytes, as: UTF8.self))
      } else {
        let place = ["topic", "partition", "offset"].map { header("__connect.errors." + $0) ?? "?" }
        let what = [header("thalweg.reason") ?? "?", header("thalweg.field")].compactMap(\.self).joined(separator: " ")
        let time = record.timestamp >= 0 ? Telemetry.Timestamp.utc(record.timestamp) : "-"
        context.output.line("\(time)  \(what)  \(place.joined(separator: "/"))  \(Printable.line(value, 200))")
      }
      return true
    }
  }
}

struct TopicsTail: Verb {
  static let about = "Prints the records of a topic."
  static let settings = ["kafka.brokers"]
  static let isService = true
  @Argument("topic", "Name of the topic.") var topic = ""
  @Option("follow", short: "f", "Waits for more at the end.") var follow = false
  @Option("offset", short: "o", "Where to begin: beginning, end, -N for the last N, or an offset.") var offset = "-100"
  @Option("count", short: "c", "Ends after so many.", in: 1...1_000_000_000) var count: Int? = nil

  func run(_ context: Context) throws {
    try TailRequest(topic: topic, offset: offset, count: count, follow: follow).read(context) { record in
      let key = record.key.map { String(decoding: $0, as: UTF8.self) }
      let value = record.value.map { String(decoding: $0, as: UTF8.self) }
      if context.output.isJSON {
        var json = JSONWriter()
        json.beginObject()
        json.field("topic", record.topic)
        json.field("partition", Int64(record.partition))
        json.field("offset", record.offset)
        json.field("timestamp", record.timestamp >= 0 ? record.timestamp : nil)
        json.field("key", key)
        json.beginObject("headers")
        for header in record.headers { json.field(header.name, String(decoding: header.value, as: UTF8.self)) }
        json.endObject()
        json.field("value", value)
        json.endObject()
        context.output.line(String(decoding: json.bytes, as: UTF8.self))
      } else {
        let time = record.timestamp >= 0 ? Telemetry.Timestamp.utc(record.timestamp) : "-"
        context.output.line(
          "\(time)  \(record.partition)/\(record.offset)  \(key.map { Printable.line($0, 64) } ?? "-")  "
            + (value.map { Printable.line($0, 4_096) } ?? "(tombstone)"))
      }
      return true
    }
  }
}

/// Foreign text for a terminal: one line, no control characters, no longer than asked.
enum Printable {
  static func line(_ text: String, _ limit: Int) -> String {
    let scalars = text.unicodeScalars.prefix(limit).map { $0.properties.generalCategory == .control ? " " : $0 }
    return String(String.UnicodeScalarView(scalars)) + (text.unicodeScalars.count > limit ? "..." : "")
  }
}

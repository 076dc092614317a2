import JSON
import KafkaPort
import Options
import Ports

struct DeadLettersReplay: Verb {
  static let about = "Puts dead letters back into their topics after a mapping was mended, each once."
  static let notes = """
    Sends the original bytes under their key and time to the topic they came from. How far it has come is kept per \
    reason in state_dir, so a second run sends only what came since; records whose value was cut (over 1 MiB) are \
    left and counted.
    """
  static let settings = ["kafka.brokers", "kafka.dead_letter_topic", "state_dir"]
  @Option("reason", "Only letters of this reason, such as missing_field.") var reason = ""
  @Option("dry-run", "Only says what would be sent.") var isDryRun = false

  func run(_ context: Context) throws {
    context.configureLog(atLeast: .warning)
    guard !reason.isEmpty else {
      throw Failure(ExitCode.misuse, "say which: --reason R; `dead-letters tail` shows them")
    }
    let path = context.settings.stateDir + "/dead-letters-replayed.json"
    var done = Progress(path)
    var sent = 0
    var cut = 0
    try Worded.errors {
      let config = context.settings.kafkaConfig(joinsGroup: false)
      let tail = try KafkaTail(config, topic: context.settings.kafka.deadLetterTopic)
      defer { tail.close() }
      let outlet = try KafkaOutlet(config, topics: [])
      defer { outlet.close() }
      try tail.read(from: TailStart("beginning")!, follow: false) { record in
        func header(_ name: String) -> String? {
          record.headers.last { $0.name == name }.map { String(decoding: $0.value, as: UTF8.self) }
        }
        guard header("thalweg.reason") == reason, let topic = header("__connect.errors.topic"),
          record.offset >= done.next(reason, record.partition)
        else { return true }
        done.set(reason, record.partition, record.offset + 1)
        guard header("thalweg.sha256") == nil else {
          cut += 1
          return true
        }
        sent += 1
        if !isDryRun {
          try outlet.send(
            OutRecord(topic: topic, key: record.key ?? [], value: record.value, timestamp: max(0, record.timestamp)))
        }
        return true
      }
      guard isDryRun || outlet.flush(timeoutMs: 60_000) else {
        throw Failure(ExitCode.unavailable, "the brokers did not take all of them; run it again")
      }
    }
    if !isDryRun {
      FileSystem.makeDirectory(context.settings.stateDir)
      guard done.save() else {
        throw Failure(ExitCode.unavailable, "\(path) cannot be written: a second run would send them again")
      }
    }
    context.output.line(
      "\(sent) records \(isDryRun ? "would be sent" : "sent") again" + (cut > 0 ? ", \(cut) too large to send" : ""))
  }

  /// Next dead-letter offset per reason and partition.
  private struct Progress {
    private let path: String
    private var offsets: [String: Int64] = [:]

    init(_ path: String) {
      self.path = path
      guard let bytes = FileSystem.read(path), let json = try? JSONValue(parsing: bytes) else { return }
      for member in json.object ?? [] { offsets[member.key] = member.value.int64 }
    }

    func next(_ reason: String, _ partition: Int32) -> Int64 { offsets["\(reason)/\(partition)"] ?? 0 }
    mutating func set(_ reason: String, _ partition: Int32, _ next: Int64) { offsets["\(reason)/\(partition)"] = next }

    func save() -> Bool {
      let members = offsets.sorted { $0.key < $1.key }.map { JSONValue.Member($0.key, .integer($0.value)) }
      return FileSystem.write(path, JSONValue.object(members).serialized())
    }
  }
}

import JSON
import KafkaPort
import Options
import Pipeline
import Ports

struct DeadLettersReplay: Verb {
  static let about = "Puts dead letters back into their topics after a mapping was mended, each once."
  static let notes = """
    Sends the original bytes with their key, headers and time to the topic they came from. How far it has come is kept \
    per reason in state_dir, so a second run sends only what came since, and a letter that stands twice in the topic is \
    sent once; a run that is killed may send its last 500 again. Records whose value was cut (over 1 MiB) are left and \
    counted.
    """
  static let settings = ["kafka.brokers", "kafka.dead_letter_topic", "state_dir"]
  @Option("reason", "Only letters of this reason, such as missing_field.") var reason = ""
  @Option("dry-run", "Only says what would be sent.") var isDryRun = false

  func run(_ context: Context) throws {
    context.configureLog(atLeast: .warning)
    guard !reason.isEmpty else {
      throw Failure(ExitCode.misuse, "say which: --reason R; `dead-letters tail` shows them")
    }
    if !isDryRun { FileSystem.makeDirectory(context.settings.stateDir) }
    var replay = Replay(reason: reason, path: context.settings.stateDir + "/dead-letters-replayed.json")
    try Worded.errors {
      let config = context.settings.kafkaConfig(joinsGroup: false)
      let tail = try KafkaTail(config, topic: context.settings.kafka.deadLetterTopic)
      defer { tail.close() }
      let outlet = try KafkaOutlet(config, topics: [])
      defer { outlet.close() }
      try tail.read(from: TailStart("beginning")!, follow: false) { record in
        guard let letter = replay.take(record), !isDryRun else { return true }
        try outlet.send(letter)
        if replay.sent % 500 == 0 { try replay.settle(outlet) }
        return true
      }
      if !isDryRun { try replay.settle(outlet) }
    }
    var text = "\(replay.sent) records \(isDryRun ? "would be sent" : "sent") again"
    if replay.again > 0 { text += ", \(replay.again) were sent before" }
    if replay.cut > 0 { text += ", \(replay.cut) too large to send" }
    context.output.line(text)
  }
}

/// Which letters of one reason are still to be sent.
///
/// Kept is, per partition of the dead-letter topic and of the topic a letter came from, the next offset in the latter:
/// one partition's letters stand there in their order, and copies after a crash repeat offsets that came before.
private struct Replay {
  private let reason: String
  private let path: String
  private var next: [String: Int64] = [:]
  private(set) var sent = 0
  private(set) var again = 0
  private(set) var cut = 0

  init(reason: String, path: String) {
    self.reason = reason
    self.path = path
    guard let bytes = FileSystem.read(path), let json = try? JSONValue(parsing: bytes) else { return }
    for member in json.object ?? [] { next[member.key] = member.value.int64 }
  }

  /// The record to send; nil = this letter is of another reason, was sent, or cannot be.
  mutating func take(_ record: TailRecord) -> OutRecord? {
    func header(_ name: String) -> String? {
      record.headers.last { $0.name == name }.map { String(decoding: $0.value, as: UTF8.self) }
    }
    guard header("thalweg.reason") == reason, let topic = header("__connect.errors.topic"),
      let partition = header("__connect.errors.partition"),
      let offset = header("__connect.errors.offset").flatMap({ Int64($0) })
    else { return nil }
    let place = "\(reason)/\(record.partition)/\(topic)/\(partition)"
    guard offset >= next[place] ?? 0 else {
      again += 1
      return nil
    }
    next[place] = offset + 1
    guard header("thalweg.sha256") == nil else {
      cut += 1
      return nil
    }
    sent += 1
    return OutRecord(
      topic: topic, key: record.key ?? [], value: record.value,
      headers: record.headers.filter { !DeadLetter.isOurs(header: $0.name) }, timestamp: max(0, record.timestamp))
  }

  /// Everything sent so far is with the brokers, and that is written down.
  func settle(_ outlet: KafkaOutlet) throws {
    guard outlet.flush(timeoutMs: 60_000) else {
      throw Failure(ExitCode.unavailable, "the brokers did not take all of them; run it again")
    }
    let members = next.sorted { $0.key < $1.key }.map { JSONValue.Member($0.key, .integer($0.value)) }
    guard FileSystem.write(path, JSONValue.object(members).serialized()) else {
      throw Failure(ExitCode.unavailable, "\(path) cannot be written: a second run would send them again")
    }
  }
}

import Events
import JSON
import KafkaPort
import Options
import Ports

struct TryVerb: Verb {
  static let about = "Prints for each record the event it would become, or the reason it would not."
  static let notes = """
    Records come from a file with one JSON document a line (--sample; - reads standard input) or from a topic \
    (--from-topic). Nothing is written anywhere. Exit 1 when a record would be a dead letter.
    """
  static let settings = ["kafka.brokers", "kafka.options"]
  @Option("sample", "File of records, one a line; - = standard input.") var sample = ""
  @Option("from-topic", "Reads the newest records of this topic.") var fromTopic = ""
  @Option("topic", "With --sample: the input topic the records would come from; empty = the mapping's first.")
  var topic = ""
  @Option("count", short: "c", "At most so many records.", in: 1...1_000_000) var count = 20
  @Option("mapping", "Mapping file, or the name of one that ships; empty = the one of the settings.") var mapping = ""

  func run(_ context: Context) throws {
    context.configureLog(atLeast: .warning)
    var settings = context.settings
    if !mapping.isEmpty {
      settings.mapping = [mapping]
      settings.inputs = Tree()
    }
    let compiled: CompiledMapping
    do { compiled = try settings.mappings().compiled } catch { throw Failure(ExitCode.settings, "\(error)") }
    let ids = Identities()
    var trial = Trial(decoder: Decoder(mapping: compiled, ids: ids), ids: ids, output: context.output)
    guard sample.isEmpty != fromTopic.isEmpty else {
      throw Failure(ExitCode.misuse, "try needs --sample FILE or --from-topic TOPIC")
    }
    let wanted = fromTopic.isEmpty ? topic : fromTopic
    guard let input = wanted.isEmpty ? 0 : compiled.inputs.firstIndex(where: { $0.topic == wanted }) else {
      throw Failure(
        ExitCode.misuse,
        "the mapping has no input \(wanted); it has \(compiled.inputs.map(\.topic).joined(separator: ", "))")
    }
    if fromTopic.isEmpty {
      let path = sample == "-" ? "/dev/stdin" : sample
      guard let bytes = FileSystem.read(path) else { throw Failure(ExitCode.data, FileSystem.unreadable(sample)) }
      for (number, line) in bytes.split(separator: 10).prefix(count).enumerated() {
        trial.take(
          value: Array(line), key: nil, partition: 0, offset: Int64(number), timestamp: -1, headers: NoHeaders(), input)
      }
    } else {
      try Worded.errors {
        let tail = try KafkaTail(context.settings.kafkaConfig(joinsGroup: false), topic: fromTopic)
        defer { tail.close() }
        try tail.read(from: TailStart("-\(count)")!, follow: false, limit: count) { record in
          trial.take(
            value: record.value, key: record.key, partition: record.partition, offset: record.offset,
            timestamp: record.timestamp, headers: ListedHeaders(record.headers), input)
          return true
        }
      }
    }
    if trial.rejected > 0 {
      throw Failure(ExitCode.failed, "\(trial.rejected) of \(trial.seen) records would be dead letters")
    }
  }
}

/// Decodes records one by one and says what became of each.
private struct Trial: ~Copyable {
  var decoder: Decoder
  let ids: Identities
  let output: Output
  private(set) var seen = 0
  private(set) var rejected = 0
  private var batch = DecodedBatch()

  init(decoder: consuming Decoder, ids: Identities, output: Output) {
    self.decoder = decoder
    self.ids = ids
    self.output = output
  }

  mutating func take(
    value: [UInt8]?, key: [UInt8]?, partition: Int32, offset: Int64, timestamp: Int64, headers: any RecordHeaders,
    _ input: Int
  ) {
    seen += 1
    batch.removeAll()
    let own = value ?? []
    let ownKey = key ?? []
    let outcome = own.withUnsafeBytes { bytes in
      ownKey.withUnsafeBytes { keyBytes in
        decoder.decode(
          Record(
            source: 0, input: input, partition: partition, offset: offset, timestamp: timestamp,
            key: key == nil ? nil : keyBytes, value: value == nil ? nil : bytes, headers: headers), into: &batch)
      }
    }
    switch outcome {
    case .events:
      for event in batch.events { output.line(EventText.json(event, payload: batch.payload, ids: ids)) }
    case .reference(let row): output.line("{\"reference\":\(Self.quoted("\(row)"))}")
    case .skipped(let why): output.line("{\"skipped\":\(Self.quoted(why)),\"offset\":\(offset)}")
    case .rejected(let reason, let field):
      rejected += 1
      var writer = JSONWriter()
      writer.beginObject()
      writer.field("dead_letter", reason.rawValue)
      if let field { writer.field("field", field) }
      writer.field("offset", offset)
      writer.field("value", String(decoding: own.prefix(200), as: UTF8.self))
      writer.endObject()
      output.line(writer.text)
    }
  }

  private static func quoted(_ text: String) -> String {
    var bytes: [UInt8] = []
    bytes.appendQuoted(text)
    return String(decoding: bytes, as: UTF8.self)
  }
}

/// Headers as a list.
struct ListedHeaders: RecordHeaders {
  private let headers: [(name: String, value: [UInt8])]
  init(_ headers: [(name: String, value: [UInt8])]) { self.headers = headers }
  func header(_ name: String) -> [UInt8]? { headers.first { $0.name == name }?.value }
}

import Events
import Glibc
import JSON
import KafkaPort
import Options
import Pipeline
import Ports
import Telemetry

/// `bench envelope`: workload W1's events in our own envelope, under `configs/worker.yaml` as it ships.
struct BenchEnvelope: Verb {
  static let about = "Runs the worker as it ships over W1's events in our own envelope."
  static let notes = """
    Reads the topics watch, click and rate that W1 is loaded into, writes the same events as envelope records to topics \
    of its own on the same brokers, and then runs the same worker as `thalweg worker` over those: all folds, \
    de-duplication, a catalog with genres and vectors. The clock starts with the first record in hand and ends with the \
    store's last answer. Prints JSON as bench w1 does.
    """
  static let readsSettings = false
  @Option("brokers", "Where the topics watch, click and rate are.") var brokers = ""
  @Option("redis", "The feature store, as host:port.") var redis = ""
  @Option("catalog", "Folder with catalog.ndjson and embeddings.f32; empty = made up, for the titles met.")
  var catalog = ""
  @Option("max-events", "Ends after so many events, or all there are.", in: 1...1_000_000_000) var maxEvents = 4_000_000

  func run(_ context: Context) throws {
    guard !brokers.isEmpty, !redis.isEmpty else {
      throw Failure(ExitCode.misuse, "bench envelope needs --brokers and --redis")
    }
    let places = try BenchPlaces(brokers: brokers, redis: redis)
    defer { places.close() }
    let made = try Worded.errors { try Reencoder(brokers: brokers, topics: places.topics, count: maxEvents).run() }
    var folder = catalog
    if folder.isEmpty {
      folder = places.folder + "/catalog"
      // W1 names its titles c0000 to c4999, or as many as it has.
      made.writeCatalog(to: folder)
    }
    // Re-encoded partition by partition, nearly all of them wait at the worst moment.
    let run = MeasuredRun(name: "thalweg-envelope", maxEvents: made.count, waiting: made.count)
    try run.measure(places.settings([("catalog.files", folder)]), context.output)
  }
}

/// Reads W1's records and sends each on as an envelope record, keys and timestamps as they are.
private final class Reencoder: RecordSink {
  private let source: KafkaSource
  private let feed: KafkaFeed
  private let wanted: Int
  private var ends: [Int64] = []
  private(set) var count = 0
  private var titles: Set<[UInt8]> = []
  private var trouble: (any Error)?
  private var value: [UInt8] = []
  private static let heads = ["watch", "click", "rate"].map { Array("{\"schema\":\"\($0)/1\",".utf8) }

  init(brokers: String, topics: [String], count: Int) throws {
    let config = KafkaConfig(brokers: brokers, group: "bench", joinsGroup: false)
    source = try KafkaSource(config)
    feed = try KafkaFeed(config, topics: topics, lingerMs: 20)
    wanted = count
  }

  func run() throws -> Reencoder {
    defer { source.close() }
    defer { feed.close() }
    let own = ["watch", "click", "rate"]
    let partitions = try source.partitions(of: own)
    let marks = try partitions.map { try source.watermarks($0, timeoutMs: 10_000) }
    let there = marks.reduce(0) { $0 + Int($1.high - $1.low) }
    guard there > 0 else { throw Failure(ExitCode.data, "the topics watch, click and rate are empty or missing") }
    ends = marks.map(\.high)
    try source.start(
      partitions.enumerated().map { ($1, UInt16($0), own.firstIndex(of: $1.topic)!, marks[$0].low) })
    let goal = min(wanted, there)
    while count < goal, trouble == nil { _ = try source.poll(timeoutMs: 100, limit: 8192, into: self) }
    if let trouble { throw trouble }
    guard feed.flush(timeoutMs: 120_000) else { throw Failure(ExitCode.unavailable, "the brokers refused records") }
    return self
  }

  func take(_ record: Record) {
    guard count < wanted, let bytes = record.value, bytes.first == 0x7b, trouble == nil else { return }
    value.removeAll(keepingCapacity: true)
    value += Self.heads[record.input]
    // The same members; what W1 counts from 0 the envelope counts from 1.
    value += bytes.dropFirst()
    if record.input == 1 { raisePosition() }
    noteTitle()
    do {
      try value.withUnsafeBytes {
        try feed.send(
          record.input, key: record.key ?? UnsafeRawBufferPointer(start: nil, count: 0), value: $0,
          timestamp: record.timestamp)
      }
      count += 1
    } catch { trouble = error }
  }

  private func raisePosition() {
    guard let start = place(of: "\"position\":") else { return }
    var end = start
    var number: Int64 = 0
    while end < value.count, value[end] >= 48, value[end] <= 57 {
      number = number * 10 + Int64(value[end] - 48)
      end += 1
    }
    var digits: [UInt8] = []
    digits.appendDecimal(number + 1)
    value.replaceSubrange(start..<end, with: digits)
  }

  private func noteTitle() {
    guard let start = place(of: "\"content_id\":\""), let end = value[start...].firstIndex(of: 34) else { return }
    titles.insert(Array(value[start..<end]))
  }

  /// Where the text begins that follows this one.
  private func place(of text: StaticString) -> Int? {
    value.withUnsafeBytes { all in
      text.withUTF8Buffer { wanted in
        guard all.count >= wanted.count else { return nil }
        for start in 0...(all.count - wanted.count)
        where memcmp(all.baseAddress! + start, wanted.baseAddress!, wanted.count) == 0 { return start + wanted.count }
        return nil
      }
    }
  }

  func writeCatalog(to folder: String) {
    BenchTraffic.writeCatalog(to: folder, ids: titles.sorted { $0.lexicographicallyPrecedes($1) }, dimension: 128)
  }
}

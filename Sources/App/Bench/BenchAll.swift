import Events
import FoundationEssentials
import Glibc
import KafkaPort
import Learners
import Options
import Pipeline
import Ports
import RedisPort
import SQLitePort
import Telemetry

/// `bench` alone: every part of the road beside something else that was measured in the same run.
struct BenchAll: Verb {
  static let about = "Measures every part of the road, each against something else in the same run."
  static let notes = """
    Decode against Foundation's JSONDecoder and against copying the bytes; folds stage by stage against copying a \
    viewer's row; the whole road on the embedded broker against a loop that only consumes; publishing against the same \
    writes pipelined raw; a checkpoint against writing the same bytes to a file; a restart against reading the file. How \
    to read it: docs/BENCH.md.
    """
  static let readsSettings = false
  @Option("events", "Events of each measurement in memory.", in: 10_000...100_000_000) var events = 300_000
  @Option("viewers", "Viewers.", in: 100...10_000_000) var viewers = 20_000
  @Option("titles", "Titles.", in: 10...1_000_000) var titles = 5000

  func run(_ context: Context) throws {
    Log.shared.configure(level: .warning, format: .auto)
    var report = BenchReport("all")
    try Worded.errors {
      let places = try BenchPlaces()
      defer { places.close() }
      BenchTraffic.writeCatalog(to: places.folder + "/catalog", titles: titles, dimension: 128)
      let loaded = try places.settings([("catalog.files", places.folder + "/catalog")])
      let parts = try WorkerParts(loaded: loaded)
      try decode(parts, &report)
      let ids = Identities(viewers: viewers, titles: titles)
      let bench = RoadBench(options: parts.options, ids: ids, clock: SystemClock())
      BenchLives.name(viewers: viewers, titles: titles, in: ids)
      bench.apply(try CatalogFiles.read([places.folder + "/catalog"]))
      try folds(bench, parts.options, ids, &report)
      try publish(bench, places, &report)
      try save(bench, parts.options, places, &report)
      try wholeRoad(loaded, places, &report)
    }
    report.show(context.output)
  }

  // MARK: Decode

  private struct PlainEvent: Decodable {
    var schema: String
    var event_id: String
    var user_id: String
    var content_id: String
    var timestamp: Int64
    var device: String?
    var platform: String?
    var duration_seconds: Double?
    var completion_rate: Double?
    var position: Int?
    var rating: Double?
  }

  private func decode(_ parts: WorkerParts, _ report: inout BenchReport) throws {
    let run = DecodeRun(viewers: viewers, titles: titles, events: events)
    let ours = run.nanoseconds(parts.decoder(Identities(viewers: viewers, titles: titles)))
    let decoder = JSONDecoder()
    let few = min(20_000, events)
    var at = 0
    var sum: Int64 = 0
    let foundation = try Self.nanoseconds {
      for (end, _) in run.ends.prefix(few) {
        let event = try decoder.decode(PlainEvent.self, from: Data(run.bytes[at..<end]))
        sum &+= event.timestamp
        at = end
      }
    }
    precondition(sum != 0)
    var copy = [UInt8](repeating: 0, count: run.bytes.count)
    let copied = Self.nanoseconds {
      copy.withUnsafeMutableBytes { to in run.bytes.withUnsafeBytes { to.copyMemory(from: $0) } }
    }
    precondition(copy.last == run.bytes.last)
    report.add(
      "decode an envelope event, ids found", ours, "ns/event", against: "JSONDecoder", foundation / Double(few))
    report.add(
      "decode, by bytes", Double(run.bytes.count) / Double(events) / ours, "GB/s", against: "memory copy",
      Double(run.bytes.count) / copied)
  }

  // MARK: Folds

  private func folds(
    _ bench: RoadBench, _ options: WorkerOptions, _ ids: Identities, _ report: inout BenchReport
  ) throws {
    var lives = BenchLives(viewers: viewers, titles: titles)
    _ = lives.live(bench, events: 20)
    // The same stages by hand, over rows of their own, one behind another as a turn has them.
    let road = bench.road
    let viewerTable = ViewerTable(options: options.learn)
    let titleTable = TitleTable()
    viewerTable.fix(dimension: road.catalog.dimension)
    viewerTable.reserve(viewers)
    titleTable.reserve(titles)
    var viewerFold = ViewerFold(table: viewerTable, catalog: road.catalog, ids: ids, options: options.learn)
    var titleFold = TitleFold(table: titleTable, catalog: road.catalog, ids: ids, options: options.learn)
    var metricFold = MetricFold(catalog: road.catalog, ids: ids, options: options.learn)
    var tally = Tally()
    var spent = (viewer: 0.0, title: 0.0, metric: 0.0)
    var turn: [Event] = Array(repeating: Event(kind: .watch), count: 16_384)
    var effects = Array(repeating: Effect(), count: turn.count)
    var random = DemoRandom(21)
    for pass in 0..<(max(4, events / turn.count * 2)) {
      for i in turn.indices {
        turn[i] = Event(kind: .watch)
        lives.fill(&turn[i], viewer: UInt32(random.below(viewers)), at: Int64(pass) * 600_000 + Int64(i), step: i)
        turn[i].mergeTime = turn[i].time
      }
      let isMeasured = pass >= events / turn.count
      turn.withUnsafeBufferPointer { turn in
        effects.withUnsafeMutableBufferPointer { effects in
          let viewer = Self.nanoseconds {
            for i in turn.indices {
              if i + 16 < turn.count { viewerFold.prefetchRows(turn.baseAddress! + i + 16) }
              if i + 8 < turn.count { viewerFold.prefetchVector(turn.baseAddress! + i + 8) }
              viewerFold.fold(turn.baseAddress! + i, .empty, into: &effects[i], tally: &tally)
            }
          }
          let title = Self.nanoseconds {
            for i in turn.indices {
              if i + 16 < turn.count { titleFold.prefetchRow(turn.baseAddress! + i + 16) }
              titleFold.fold(turn.baseAddress! + i, .empty, effects.baseAddress! + i)
            }
          }
          let metric = Self.nanoseconds {
            for i in turn.indices {
              if i + 16 < turn.count { metricFold.prefetchNode(turn.baseAddress! + i + 16) }
              if i + 8 < turn.count { metricFold.prefetchCell(turn.baseAddress! + i + 8) }
              let time = turn[i].mergeTime
              if metricFold.isDue(before: time) { _ = metricFold.advance(to: time, tally: &tally) }
              metricFold.fold(turn.baseAddress! + i, .empty, effects.baseAddress! + i, tally: &tally)
            }
          }
          if isMeasured {
            spent.viewer += viewer
            spent.title += title
            spent.metric += metric
          }
        }
      }
    }
    let measured = Double((max(4, events / turn.count * 2) - events / turn.count) * turn.count)
    let copied = Self.copyRows(viewers, bytes: MemoryLayout<ViewerRow>.stride + viewerTable.stride * 4, events)
    let whole = Double(lives.visit(bench, events: events)) / Double(events)
    let against = "copy of a viewer's row"
    report.add("fold: stage U, viewers", spent.viewer / measured, "ns/event", against: against, copied)
    report.add("fold: stage C, titles", spent.title / measured, "ns/event", against: against, copied)
    report.add("fold: stage M, metrics", spent.metric / measured, "ns/event", against: against, copied)
    report.add("fold: a whole turn, S with it", whole, "ns/event", against: against, copied)
  }

  /// Copies rows of so many bytes at random places; nanoseconds of one.
  private static func copyRows(_ rows: Int, bytes: Int, _ count: Int) -> Double {
    let table = UnsafeMutableRawPointer.allocate(byteCount: rows * bytes, alignment: 64)
    defer { table.deallocate() }
    table.initializeMemory(as: UInt8.self, repeating: 1, count: rows * bytes)
    let to = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
    defer { to.deallocate() }
    var random = DemoRandom(31)
    let places = (0..<count).map { _ in random.below(rows) * bytes }
    return nanoseconds { for place in places { to.copyMemory(from: table + place, byteCount: bytes) } } / Double(count)
  }

  // MARK: Publish

  private func publish(_ bench: RoadBench, _ places: BenchPlaces, _ report: inout BenchReport) throws {
    let (batch, encoding) = bench.encode(limit: 20_000)
    let keys = Double(batch.count)
    let store = RedisStore(try RedisAddress("redis://" + places.redis), options: RedisStore.Options())
    _ = try store.open(group: "bench")
    let ours = Self.nanoseconds {
      guard store.submit(batch) else { return }
      while store.inFlight > 0 { _ = store.pump() }
    }
    store.close()
    let raw = try RawRedis(places.redis)
    var requests: [UInt8] = []
    var count = 0
    batch.forEach { operation, key, fields in
      guard operation == .put else { return }
      count += 1
      requests += "*\(2 + fields.count * 2)\r\n$4\r\nHSET\r\n$\(key.count)\r\n".utf8
      requests += key
      for (name, value) in fields {
        requests += "\r\n$\(name.count)\r\n".utf8
        requests += name
        requests += "\r\n$\(value.count)\r\n".utf8
        requests += value
      }
      requests += "\r\n".utf8
    }
    let pipelined = try Self.nanoseconds {
      let sender = Running { try? requests.withUnsafeBytes { try raw.send($0) } }
      for _ in 0..<count { _ = try raw.reply() }
      sender.join()
    }
    report.add("publish: encode", encoding.microseconds / keys, "us/key")
    report.add(
      "publish: fenced transaction, answers read", ours / 1000 / keys, "us/key", against: "raw pipelined writes",
      pipelined / 1000 / Double(max(1, count)))
  }

  // MARK: Checkpoint and restart

  private func save(
    _ bench: RoadBench, _ options: WorkerOptions, _ places: BenchPlaces, _ report: inout BenchReport
  ) throws {
    let path = places.folder + "/checkpoint.db"
    let state = try SQLiteState(path: path)
    let saved = try bench.save(to: state, viewersAtOnce: .max)
    state.close()
    let bytes = [UInt8](repeating: 7, count: saved.bytes)
    let plain = Self.nanoseconds { FileSystem.write(places.folder + "/plain", bytes) }
    report.add("checkpoint: copy on the road's thread", saved.copyNs.microseconds / Double(saved.rows), "us/row")
    report.add(
      "checkpoint: one transaction", Double(saved.writeNs) / 1e6, "ms", against: "writing the bytes to a file",
      plain / 1e6)
    report.add("checkpoint: size", Double(saved.bytes) / 1e6, "MB")
    let ids = Identities(viewers: viewers, titles: titles)
    let again = RoadBench(options: options, ids: ids, clock: SystemClock())
    let stored = try SQLiteState(path: path)
    defer { stored.close() }
    let loading = try Self.nanoseconds { try again.load(from: stored) }
    let reading = Self.nanoseconds { _ = FileSystem.read(path) }
    report.add(
      "restart: load, every checksum verified", loading / 1e6, "ms", against: "reading the file", reading / 1e6)
    report.add("restart: by size", loading / 1e9 / (Double(saved.bytes) / 1e9), "s/GB")
  }

  // MARK: The whole road

  private func wholeRoad(_ loaded: LoadedSettings, _ places: BenchPlaces, _ report: inout BenchReport) throws {
    try ChildProcess([
      ChildProcess.ownPath, "__latency-probe", "--brokers", places.brokers, "--topics",
      places.topics.joined(separator: ","), "--rate", "0", "--events", "\(events)", "--from", "1763683200000",
      "--viewers", "\(viewers)", "--titles", "\(titles)", "--partitions", "\(places.partitions)",
    ]).finishWell()
    let consumed = try consume(places)
    let clock = SystemClock()
    let host = try WorkerHost(loaded: loaded, joinsGroup: false)
    var began: Int64 = 0
    host.worker.whenFirstRecordArrives { began = clock.monotonicNs }
    try host.start()
    while Int(host.worker.status.eventsFolded) < events { _ = try host.worker.step(waitMs: 20) }
    try host.worker.publishEverything()
    let rate = Double(events) / (Double(clock.monotonicNs - began) / 1e9)
    host.worker.close()
    report.add(
      "whole road, worker.yaml as it ships, embedded broker", rate, "events/s", against: "consume only", consumed)
  }

  private func consume(_ places: BenchPlaces) throws -> Double {
    let source = try KafkaSource(places.settings().settings.kafkaConfig(joinsGroup: false))
    defer { source.close() }
    let partitions = try source.partitions(of: places.topics)
    try source.start(partitions.enumerated().map { ($1, UInt16($0), 0, 0) })
    let sink = CountingSink()
    let clock = SystemClock()
    while sink.count < events { _ = try source.poll(timeoutMs: 20, limit: 8192, into: sink) }
    return Double(sink.count) / (Double(clock.monotonicNs - sink.began) / 1e9)
  }

  static func nanoseconds(_ body: () throws -> Void) rethrows -> Double {
    let clock = SystemClock()
    let start = clock.monotonicNs
    try body()
    return Double(clock.monotonicNs - start)
  }
}

extension Int64 {
  fileprivate var microseconds: Double { Double(self) / 1000 }
}

private final class CountingSink: RecordSink {
  private(set) var count = 0
  private(set) var began: Int64 = 0
  private let clock = SystemClock()

  func take(_ record: Record) {
    if count == 0 { began = clock.monotonicNs }
    count += 1
  }
}

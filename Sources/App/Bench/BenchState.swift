import Events
import Glibc
import JSON
import KafkaPort
import Learners
import Options
import Pipeline
import Ports
import SQLitePort
import Telemetry

/// `bench state`: what a viewer and a title take in memory, and how long a worker with that state takes to start.
struct BenchState: Verb {
  static let about = "Measures bytes per viewer and title, and the start of a worker with that state."
  static let notes = """
    A process of its own folds made-up lives into the worker's rows under configs/worker.yaml as it ships and saves \
    them; another one starts the worker on that state, file cache warm, everything checked, and folds the first record \
    from a topic. The start is compared with reading the same file.
    """
  static let readsSettings = false
  @Option("viewers", "Viewers.", in: 100...20_000_000) var viewers = 100_000
  @Option("dim", "Length of the vectors.", in: 0...2048) var dimension = 128
  @Option("titles", "Titles.", in: 10...1_000_000) var titles = 50_000
  @Option("events", "Lifetime events of a viewer.", in: 1...10_000) var events = 100
  @Option("dir", "Folder for the state; empty = a temporary one.") var directory = ""

  func run(_ context: Context) throws {
    let places = try BenchPlaces(folder: directory)
    defer { places.close() }
    BenchTraffic.writeCatalog(to: places.folder + "/catalog", titles: titles, dimension: dimension)
    let config = places.write()
    let fill = try ChildProcess(
      [ChildProcess.ownPath, "__state-fill", "--config", config, "--catalog", places.folder + "/catalog"]
        + ["--viewers", "\(viewers)", "--titles", "\(titles)", "--events", "\(events)"])
    let filled = try answer(fill)
    try Self.mark(places, filled["version"]?.string ?? "")
    try produce(places)
    // What is still on its way to the disk would hold up the first write of the start.
    sync()
    let read = Self.secondsToRead(places.folder + "/state/state.db")
    let start = try ChildProcess([
      ChildProcess.ownPath, "__state-start", "--config", config, "--since", "\(SystemClock().monotonicNs)",
    ])
    let started = try answer(start)
    report(filled, started, read).show(context.output)
  }

  private func answer(_ child: ChildProcess) throws -> JSONValue {
    let (text, code) = child.finish()
    guard code == 0, let json = try? JSONValue(parsing: Array(text.utf8)) else {
      throw Failure(ExitCode.unavailable, "a part of this bench ended with \(code) \(text)")
    }
    return json
  }

  /// The store that has everything: what the worker's last batch would have left.
  private static func mark(_ places: BenchPlaces, _ version: String) throws {
    let redis = try RawRedis(places.redis)
    try redis.send(["HSET", places.prefix + "meta:writer", "group", "bench", "v", version])
    _ = try redis.reply()
  }

  private func produce(_ places: BenchPlaces) throws {
    let feed = try KafkaFeed(
      KafkaConfig(brokers: places.brokers, group: "bench", joinsGroup: false), topics: places.topics, lingerMs: 1)
    defer { feed.close() }
    var traffic = BenchTraffic(viewers: viewers, titles: titles, seed: 8)
    for i in 0..<1000 {
      let time = 1_800_000_000_000 + Int64(i)
      traffic.make(at: time)
      try traffic.key.withUnsafeBytes { key in
        try traffic.value.withUnsafeBytes { try feed.send(traffic.kind.rawValue, key: key, value: $0, timestamp: time) }
      }
    }
    guard feed.flush(timeoutMs: 30_000) else { throw Failure(ExitCode.unavailable, "the broker took no records") }
  }

  private static func secondsToRead(_ path: String) -> Double {
    let clock = SystemClock()
    let start = clock.monotonicNs
    guard let file = fopen(path, "rb") else { return .nan }
    defer { fclose(file) }
    var chunk = [UInt8](repeating: 0, count: 1 << 20)
    while fread(&chunk, 1, chunk.count, file) > 0 {}
    return Double(clock.monotonicNs - start) / 1e9
  }

  private func report(_ filled: JSONValue, _ started: JSONValue, _ read: Double) -> BenchReport {
    var report = BenchReport("state")
    func number(_ name: String, of json: JSONValue? = nil) -> Double { (json ?? filled)[name]?.double ?? .nan }
    let count = Double(viewers)
    for (name, word) in [
      ("viewer_rows", "row"), ("viewer_vectors", "vector"), ("viewer_lists", "lists"), ("viewer_ids", "id"),
    ] { report.add("viewer: \(word)", number(name) / count, "B") }
    let viewer = ["viewer_rows", "viewer_vectors", "viewer_lists", "viewer_ids"].reduce(0) { $0 + number($1) } / count
    report.add(
      "a viewer", viewer, "B", bar: "budget \(ViewerRow.budget(dimension: dimension))",
      meets: dimension == 128 && events == 100 ? viewer <= Double(ViewerRow.budget(dimension: dimension)) : nil)
    for (name, word) in [
      ("title_rows", "row"), ("title_lists", "voters"), ("title_catalog", "catalog"), ("title_ids", "id"),
    ] { report.add("title: \(word)", number(name) / Double(titles), "B") }
    let title =
      ["title_rows", "title_lists", "title_catalog", "title_ids"].reduce(0) { $0 + number($1) } / Double(titles)
    report.add("a title", title, "B")
    report.add("drift series", number("drift") / 1e6, "MB")
    let resident = number("resident")
    let rows = viewer * count + title * Double(titles) + number("drift")
    report.add("resident, folds only", resident / 1e9, "GB", against: "sum of the rows", rows / 1e9)
    let ring = number("ring")
    let queues = number("queues")
    let whole = resident - number("ring_used") + queues
    let isFull = viewers == 1_000_000 && dimension == 128 && events == 100
    report.add(
      "resident with queues at their ceiling", whole / 1e9, "GB", bar: isFull ? "< 3.5 GB" : nil,
      meets: isFull ? whole < 3.5e9 : nil)
    report.add("beside it: de-duplication ring at its ceiling", ring / 1e6, "MB")
    report.add("fold", number("fold_ns"), "ns/event")
    report.add("state saved", number("saved_bytes") / 1e9, "GB")
    report.add("save", number("saved_bytes") / number("save_s") / 1e6, "MB/s")
    let ready = number("ready_s", of: started)
    report.add(
      "start to the first record folded", ready, "s", against: "reading the state file", read,
      bar: isFull ? "< 5 s" : nil, meets: isFull ? ready < 5 : nil)
    report.add("of it loading the state", number("load_s", of: started), "s")
    report.add("start, of saved state", ready / (number("saved_bytes") / 1e9), "s/GB")
    report.add("resident after the start", number("resident", of: started) / 1e9, "GB")
    let per = (number("grown") - number("ring_used") - number("drift")) / count + number("viewer_ids") / count
    report.note(
      "Sizing: \(BenchReport.text(per)) B a viewer and \(BenchReport.text(title)) B a title, so 1 M viewers take \(BenchReport.text(per * 1e6 / 1e9)) GB and 10 M \(BenchReport.text(per * 1e7 / 1e9)) GB; add align.max_bytes, dedup.max_bytes and drift.max_bytes."
    )
    return report
  }
}

/// Folds lives into rows and saves them; a part of `bench state`.
struct StateFill: Verb {
  static let about = "Fills a state with made-up viewers; a part of bench state."
  @Option("viewers", "Viewers.") var viewers = 1000
  @Option("titles", "Titles.") var titles = 1000
  @Option("events", "Events of a viewer.") var events = 100
  @Option("catalog", "Folder of the catalog.") var catalog = ""

  func run(_ context: Context) throws {
    Log.shared.configure(level: .warning, format: .auto)
    let parts = try WorkerParts(loaded: context.loaded)
    let ids = Identities()
    let bench = RoadBench(options: parts.options, ids: ids, clock: SystemClock())
    BenchLives.name(viewers: viewers, titles: titles, in: ids)
    bench.apply(try CatalogFiles.read([catalog]))
    let before = Resident.bytes
    var lives = BenchLives(viewers: viewers, titles: titles)
    let rounds = min(10, events)
    var spent: Int64 = 0
    for round in 0..<rounds {
      spent += lives.live(bench, events: events * (round + 1) / rounds - events * round / rounds)
    }
    let resident = Resident.bytes
    let census = bench.census()
    FileSystem.makeDirectory(context.settings.stateDir)
    let directory = try StateDirectory(context.settings.stateDir)
    let state = try SQLiteState(path: directory.statePath)
    let saved = try bench.save(to: state)
    state.close()
    var writer = JSONWriter()
    writer.beginObject()
    writer.field("viewer_rows", census.viewers.rows)
    writer.field("viewer_vectors", census.viewers.vectors)
    writer.field("viewer_lists", census.viewers.lists)
    writer.field("viewer_ids", census.viewers.ids)
    writer.field("title_rows", census.titles.rows)
    writer.field("title_lists", census.titles.lists)
    writer.field("title_catalog", census.titles.vectors)
    writer.field("title_ids", census.titles.ids)
    writer.field("drift", census.drift)
    writer.field("ring", census.ring)
    writer.field("ring_used", min(census.ring, viewers * events * 32))
    writer.field("queues", parts.options.alignMaxBytes)
    writer.field("resident", resident)
    writer.field("grown", resident - before)
    writer.field("fold_ns", Double(spent) / Double(viewers * events))
    writer.field("saved_bytes", saved.bytes)
    writer.field("save_s", Double(saved.copyNs + saved.writeNs) / 1e9)
    writer.field("version", bench.version.text)
    writer.endObject()
    context.output.line(writer.text)
  }
}

/// Starts the worker on a state until it has folded a record; a part of `bench state`.
struct StateStart: Verb {
  static let about = "Starts a worker on a state and tells when it has folded a record; a part of bench state."
  @Option("since", "Monotonic time at which this program was started, ns.") var since = 0

  func run(_ context: Context) throws {
    Log.shared.configure(level: .warning, format: .auto)
    let clock = SystemClock()
    try Worded.errors {
      let host = try WorkerHost(loaded: context.loaded, joinsGroup: false)
      let begun = clock.monotonicNs
      try host.start()
      let loaded = clock.monotonicNs
      let before = host.worker.status.eventsFolded
      while host.worker.status.eventsFolded == before { _ = try host.worker.step(waitMs: 20) }
      let ready = clock.monotonicNs
      var writer = JSONWriter()
      writer.beginObject()
      writer.field("ready_s", Double(ready - Int64(since)) / 1e9)
      writer.field("load_s", Double(loaded - begun) / 1e9)
      writer.field("resident", Resident.bytes)
      writer.endObject()
      host.worker.close()
      context.output.line(writer.text)
    }
  }
}

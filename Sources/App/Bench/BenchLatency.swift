import Events
import Glibc
import KafkaPort
import Options
import Pipeline
import Ports
import RedisPort
import Telemetry

/// `bench latency`: from the produce call to the new version in Redis, seen by another process.
struct BenchLatency: Verb {
  static let about = "Measures the time from a produce call to the new features in Redis."
  static let notes = """
    Two workers one after the other, crash safety on: one publishes what configs/w1.yaml does, a vector a viewer and a \
    trust score a title, the other all features, as configs/worker.yaml ships. Another process produces events and \
    polls the keys of some of their viewers. Measured at a fixed rate and at half of what the worker reached over a \
    backlog just before, each across checkpoints and one daily sweep of trust. Beside it, in the same run, a relay that \
    does nothing but read each record and write one key: what Kafka and Redis take without us.
    """
  static let readsSettings = false
  @Option("brokers", "Brokers; empty = an in-process broker of its own.") var brokers = ""
  @Option("redis", "Redis, as host:port; empty = a server of its own.") var redis = ""
  @Option("rate", "Events a second of the first measurement.", in: 100...1_000_000) var rate = 10_000
  @Option("seconds", "Length of each measurement.", in: 2...600) var seconds = 15
  @Option("backlog", "Events of the backlog over which the maximum is measured.", in: 10_000...100_000_000)
  var backlog = 60_000
  @Option("viewers", "Viewers.", in: 100...10_000_000) var viewers = 20_000
  @Option("titles", "Titles.", in: 10...1_000_000) var titles = 5000
  @Option("partitions", "Partitions of each of the three topics.", in: 1...1000) var partitions = 2
  @Option(
    "rows", "What is published: compact = vectors and trust alone, as in configs/w1.yaml; full = as it ships; both."
  ) var rows = Rows.both

  enum Rows: String, Choice {
    case both, compact, full

    var each: [Rows] { self == .both ? [.compact, .full] : [self] }
    var name: String { self == .compact ? "W1's rows" : "all features" }
  }

  /// What configs/w1.yaml changes of what ships, but for the arms, which publish nothing sooner.
  private static let compact = """
    folds: [vector, trust]
    shards: 1
    trust: {preset: w1}
    rewards: {map: w1}
    vector: {form: plain}
    publish:
      views:
        - {row: viewer.vector, key: "w1:u:{id}", field: p}
        - {row: title.trust, key: "w1:c:{id}", field: t}

    """

  /// Event times begin here, so that the sweep at 04:00 falls into the middle of a measurement.
  private static let sweep: Int64 = 1_763_697_600_000

  /// Of the in-process broker, which keeps five megabytes a partition and forgets what came before; most events are
  /// watches.
  private static let keptAPartition = 36_000

  func run(_ context: Context) throws {
    guard !brokers.isEmpty || backlog <= Self.keptAPartition * partitions else {
      throw Failure(
        ExitCode.misuse,
        "--backlog \(backlog): the in-process broker keeps about \(Self.keptAPartition * partitions) events in \(partitions) partitions a topic; give fewer, more --partitions, or --brokers"
      )
    }
    Log.shared.configure(level: .warning, format: .auto)
    var report = BenchReport("latency")
    var floor: Measured?
    for rows in rows.each {
      // Topics, and where none are given broker and store, of its own: what one worker left behind slows no other.
      let places = try BenchPlaces(brokers: brokers, redis: redis, partitions: partitions)
      defer { places.close() }
      try Worded.errors {
        let relayed = try floor ?? relay(places)
        floor = relayed
        try measure(rows, places, relayed, &report)
      }
    }
    if rows != .compact {
      report.note(
        "All features have no bar at half of the maximum: over a backlog a row is written once, live up to 25 times a second (docs/PERFORMANCE.md)."
      )
    }
    report.note("The relay reads and writes a key a record, without decoding, order, plans or folds.")
    report.show(context.output)
  }

  private func measure(
    _ rows: Rows, _ places: BenchPlaces, _ floor: Measured, _ report: inout BenchReport
  ) throws {
    BenchTraffic.writeCatalog(to: places.folder + "/catalog", titles: titles, dimension: 128)
    try produce(places, rate: 0, events: backlog, from: Self.sweep - 10 * 3_600_000, seed: 2).finishWell()
    let host = try WorkerHost(
      loaded: places.settings(
        [("catalog.files", places.folder + "/catalog")], more: rows == .compact ? Self.compact : ""),
      joinsGroup: false)
    defer { host.worker.close() }
    let maximum = try catchUp(host)
    let fixed = try live(host, places, rows, rate: rate, from: Self.sweep - Int64(seconds) * 500, seed: 3)
    let half = max(100, Int(maximum / 2))
    let loaded = try live(
      host, places, rows, rate: half, from: Self.sweep + 86_400_000 - Int64(seconds) * 500, seed: 4)
    add(fixed, "\(rows.name), \(rate) events/s", limit: 25, floor, to: &report)
    // Over a backlog a row is written once, live up to 25 times a second: with all features, which are mostly the store's
    // work, half of what a backlog reaches may be more than this machine's store takes at all. W1's rows are the promise.
    add(
      loaded, "\(rows.name), \(half) events/s, half of the maximum", limit: rows == .compact ? 50 : nil, floor,
      to: &report)
    report.add("\(rows.name), maximum over a backlog", maximum, "events/s")
    report.note(
      "\(rows.name): checkpoints \(fixed.checkpoints) and \(loaded.checkpoints); titles the sweeps moved \(fixed.swept) and \(loaded.swept); turns \(fixed.turns) and \(loaded.turns)."
    )
  }

  private struct Measured {
    var milliseconds: [Double] = []
    var lost = 0
    var checkpoints: UInt64 = 0
    var swept = 0
    var turns: UInt64 = 0
  }

  private func add(
    _ measured: Measured, _ name: String, limit: Double?, _ floor: Measured, to report: inout BenchReport
  ) {
    for (share, word) in [(0.5, "p50"), (0.9, "p90"), (0.99, "p99"), (1.0, "max")] {
      let value = measured.milliseconds.percentile(share)
      let bar = share == 0.99 ? limit : nil
      report.add(
        "\(name): \(word)", value, "ms", against: "relay", floor.milliseconds.percentile(share),
        bar: bar.map { "< \(Int($0)) ms" }, meets: bar.map { value < $0 && measured.lost == 0 })
    }
    report.add("\(name): probes", Double(measured.milliseconds.count), "seen")
    if measured.lost > 0 { report.note("\(name): \(measured.lost) probes were not seen within five seconds.") }
  }

  private func produce(
    _ places: BenchPlaces, rate: Int, events: Int, from: Int64, seed: Int, prefix: String = ""
  ) throws -> ChildProcess {
    try ChildProcess([
      ChildProcess.ownPath, "__latency-probe", "--brokers", places.brokers, "--topics",
      places.topics.joined(separator: ","), "--redis", places.redis, "--prefix", prefix, "--into",
      places.folder + "/answers", "--rate", "\(rate)", "--events", "\(events)", "--from", "\(from)", "--seed",
      "\(seed)",
      "--viewers", "\(viewers)", "--titles", "\(titles)", "--partitions", "\(places.partitions)",
    ])
  }

  private func answers(_ places: BenchPlaces) -> Measured {
    var measured = Measured()
    for line in (FileSystem.read(places.folder + "/answers") ?? []).split(separator: 10) {
      let parts = line.split(separator: 32)
      guard parts.count == 2, let value = Double(String(decoding: parts[1], as: UTF8.self)) else { continue }
      if value < 0 { measured.lost += 1 } else { measured.milliseconds.append(value / 1000) }
    }
    return measured
  }

  /// The worker over what lies in the topics; events a second from the first record to the store's last answer.
  private func catchUp(_ host: WorkerHost) throws -> Double {
    let clock = SystemClock()
    var began: Int64 = 0
    host.worker.whenFirstRecordArrives { began = clock.monotonicNs }
    try host.start()
    while Int(host.worker.status.eventsFolded) < backlog { _ = try host.worker.step(waitMs: 20) }
    try host.worker.publishEverything()
    return Double(host.worker.status.eventsFolded) / (Double(clock.monotonicNs - began) / 1e9)
  }

  private func live(
    _ host: WorkerHost, _ places: BenchPlaces, _ rows: Rows, rate: Int, from: Int64, seed: Int
  ) throws -> Measured {
    let before = host.worker.status
    let child = try produce(
      places, rate: rate, events: rate * seconds, from: from, seed: seed,
      prefix: places.prefix + (rows == .full ? "user:" : "w1:u:"))
    while !child.hasEnded { _ = try host.worker.step(waitMs: 50) }
    try child.finishWell()
    var measured = answers(places)
    measured.checkpoints = host.worker.status.checkpoints - before.checkpoints
    measured.turns = host.worker.status.turn - before.turn
    measured.swept = host.worker.road.latestSweep.count
    return measured
  }

  /// What Kafka and Redis take by themselves: each record read, and one key written for the viewers polled.
  private func relay(_ places: BenchPlaces) throws -> Measured {
    let source = try KafkaSource(places.settings().settings.kafkaConfig(joinsGroup: false))
    defer { source.close() }
    let partitions = try source.partitions(of: places.topics)
    try source.start(
      partitions.enumerated().map { number, partition in
        (partition, UInt16(number), 0, try Self.end(of: partition, source))
      })
    let store = RedisStore(try RedisAddress("redis://" + places.redis), options: Self.options("relay-\(getpid()):"))
    _ = try store.open(group: "relay")
    defer { store.close() }
    let sink = Relay()
    var runs = 0
    func carry(seconds: Int) throws {
      runs += 1
      let child = try produce(
        places, rate: rate, events: rate * seconds, from: Self.sweep - 20 * 3_600_000, seed: 100 + runs,
        prefix: "relay-\(getpid()):user:")
      while !child.hasEnded {
        _ = try source.poll(timeoutMs: store.inFlight > 0 ? 1 : 50, limit: 8192, into: sink)
        _ = store.pump()
        if sink.batch.count > 0, store.submit(sink.batch) { sink.next() }
      }
      try child.finishWell()
    }
    // The first seconds are not counted: a virtual machine that has just started compiles while it serves, and a topic
    // made a moment ago may be read only after some.
    for _ in 0..<5 where !sink.hasTaken { try carry(seconds: 2) }
    try carry(seconds: min(5, seconds))
    return answers(places)
  }

  /// A topic made a moment ago may not have a leader yet.
  private static func end(of partition: TopicPartition, _ source: KafkaSource) throws -> Int64 {
    var triesLeft = 50
    while true {
      do { return try source.watermarks(partition, timeoutMs: 5000).high } catch {
        triesLeft -= 1
        guard error.isRetriable, triesLeft > 0 else { throw error }
        usleep(200_000)
      }
    }
  }

  private static func options(_ prefix: String) -> RedisStore.Options {
    var options = RedisStore.Options()
    options.prefix = prefix
    return options
  }
}

/// Takes records and keeps the keys of those that are polled.
private final class Relay: RecordSink {
  private(set) var batch = FeatureBatch(version: Version(lineage: 1, epoch: 1, turn: 1))
  private(set) var hasTaken = false

  func take(_ record: Record) {
    guard let key = record.key, key.starts(with: "probe-".utf8) else { return }
    hasTaken = true
    batch.begin(.put, key: Array("user:".utf8) + Array(key))
    batch.field("n", "1")
  }

  func next() {
    batch.removeAll(version: Version(lineage: 1, epoch: 1, turn: batch.version.turn + 1))
  }
}

extension ChildProcess {
  /// Waits for its end; anything but success is an error.
  func finishWell() throws {
    let (text, code) = finish()
    guard code == 0 else { throw Failure(ExitCode.unavailable, "a part of this bench ended with \(code) \(text)") }
  }
}

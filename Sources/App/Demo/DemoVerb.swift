import Glibc
import JSON
import KafkaPort
import Options
import Ports
import Telemetry

struct DemoVerb: Verb {
  static let about = "Runs everything embedded: broker, store, worker, real viewing data and a made-up audience."
  static let notes = """
    The broker is librdkafka's mock cluster on loopback, the store a SQLite file. 12,000 rows of KuaiRand-27K (CC BY-SA \
    4.0) are replayed, shifted so that they end now; then a made-up audience goes on in wall time, and one popular title \
    stops playing for a while so that its drift alert fires and resolves. Titles, genres and vectors are made up.
    """
  static let readsSettings = false
  static let isService = true
  @Option("for", "Ends by itself after this time; 0 = when it is told to.", in: .zero...(.days(7))) var duration:
    Duration = .zero
  @Option("speed", "Rows of real viewing data replayed per second.", in: 1...1_000_000) var speed = 6000
  @Option("rate", "Visits of the made-up audience per second.", in: 1...100_000) var rate = 600
  @Option("dir", "Folder of state and features; without it a new one under the temporary folder, removed at the end.")
  var directory = ""

  func run(_ context: Context) throws {
    let folder = directory.isEmpty ? FileSystem.temporaryDirectory() : directory
    FileSystem.makeDirectory(folder)
    defer { if directory.isEmpty { FileSystem.removeTree(folder) } }
    let demo = try Worded.errors { try Demo(folder: folder, context: context, speed: speed, rate: rate) }
    defer { demo.close() }
    try Worded.errors { try demo.run(for: duration) }
  }
}

/// Broker, worker and audience of one demo, each on a thread of its own, and the picture on the caller's.
final class Demo {
  private let context: Context
  private let folder: String
  private let mock: MockCluster
  private let host: WorkerHost
  private let service: WorkerService
  private let outlet: KafkaOutlet
  private let speed: Int
  private let rate: Int
  private let clock = SystemClock()
  private let stop = StopRequest()
  private let failure = Locked<String?>(nil)
  private let configPath: String
  static let partitions = 8

  init(folder: String, context: Context, speed: Int, rate: Int) throws {
    self.context = context
    self.folder = folder
    self.speed = speed
    self.rate = rate
    let shipped = Settings.load(shipped: "demo", environment: [:])
    let topics = try shipped.settings.mappings().compiled.inputs.map(\.topic)
    mock = try MockCluster(
      topics: topics.map { ($0, Self.partitions) }
        + [(shipped.settings.kafka.alertsTopic, 1), (shipped.settings.kafka.deadLetterTopic, 1)])
    configPath = folder + "/demo.yaml"
    let text =
      Shipped.text("demo")!
      .replacing("kafka:\n", with: "kafka:\n  brokers: [\"\(mock.bootstrap)\"]\n")
      + "state_dir: \"\(folder)/state\"\n"
    FileSystem.write(configPath, Array(text.utf8))
    let loaded = Settings.load(file: configPath, environment: [:])
    guard loaded.problems.isEmpty else { throw Failure(ExitCode.settings, "\(loaded.problems[0])") }
    let own = Context(loaded: loaded, output: context.output, stop: context.stop, configPath: configPath)
    own.configureLog()
    outlet = try KafkaOutlet(loaded.settings.kafkaConfig(joinsGroup: false), topics: topics)
    host = try WorkerHost(loaded: loaded, joinsGroup: false)
    service = try WorkerService(host: host, context: own)
  }

  func close() {
    service.close()
    outlet.close()
  }

  func run(for duration: Duration) throws {
    let start = clock.monotonicNs
    let end = duration == .zero ? Int64.max : start + duration.wholeNanoseconds
    var audience = DemoAudience()
    introduce(audience)
    let catalog = audience.catalog
    let now = clock.wallMs
    for title in catalog.titles {
      try outlet.send(
        OutRecord(
          topic: "content.catalog", key: Array(title.id.utf8), value: catalog.row(title, at: now), timestamp: now))
    }
    guard outlet.flush(timeoutMs: 30_000) else {
      throw Failure(ExitCode.unavailable, "the embedded broker did not take the catalog")
    }
    let worker = Running { [self] in
      do {
        try host.run {
          service.tick()
          return !stop.isRequested
        }
      } catch { failure.withLock { $0 = "\(error)" } }
    }
    let watching = Running { [self] in
      do { try perform(&audience, until: end) } catch { failure.withLock { $0 = "\(error)" } }
    }
    let view = DemoView(context.output)
    while !context.stop.isRequested, clock.monotonicNs < end, failure.withLock({ $0 }) == nil {
      usleep(200_000)
      view.show(service.status)
    }
    stop.request()
    watching.join()
    worker.join()
    view.close()
    if let text = failure.withLock({ $0 }) { throw Failure(ExitCode.failed, text) }
    summarize(seconds: Double(clock.monotonicNs - start) / 1e9)
  }

  /// Real rows at `speed`, then visits at `rate`, until the end.
  ///
  /// Where the end is set, rows take at most a quarter of the time, and the title breaks early enough for its alert
  /// to fire and resolve, also on a slow machine.
  private func perform(_ audience: inout DemoAudience, until end: Int64) throws {
    let rows = audience.rows
    let shift = clock.wallMs - (rows.last?.time ?? 0)
    var pace = Pace(clock: clock, perSecond: speed)
    let start = clock.monotonicNs
    let enough = end == .max ? Int64.max : start + (end - start) / 4
    for row in rows where clock.monotonicNs < enough {
      guard !stop.isRequested else { return }
      for record in audience.records(of: row, shiftedBy: shift) { try send(record) }
      pace.next()
    }
    let began = clock.monotonicNs
    audience.plan(life: end == .max ? 60 : Double(end - began) / 1e9)
    pace = Pace(clock: clock, perSecond: rate)
    while !stop.isRequested, clock.monotonicNs < end {
      let second = Double(clock.monotonicNs - began) / 1e9
      for record in audience.visit(at: clock.wallMs, second: second) { try send(record) }
      pace.next()
    }
  }

  private func send(_ record: OutRecord) throws {
    while outlet.unacknowledged > 20_000, !stop.isRequested { _ = outlet.flush(timeoutMs: 5) }
    try outlet.send(record)
  }

  private func introduce(_ audience: DemoAudience) {
    guard !context.output.isJSON else { return }
    let program = CommandLine.arguments.first ?? "thalweg"
    let output = context.output
    output.line("Thalweg demo: embedded broker at \(mock.bootstrap), features and state in \(folder)")
    output.line("\(audience.rows.count) real viewing rows (KuaiRand-27K, CC BY-SA 4.0), then a made-up audience;")
    output.line("titles, genres and vectors are made up; drift windows are shortened to seconds.")
    if let url = service.url {
      output.line("Look closer: \(url)  or from a second terminal:")
    } else {
      output.line("From a second terminal:")
    }
    output.line("  \(program) features get user:\(audience.viewers[0]) --config \(configPath)")
    output.line("  \(program) features top --by trend --config \(configPath)")
    output.line("  \(program) alerts tail -f -o beginning --config \(configPath)")
    output.line("  \(program) lag --config \(configPath)")
    output.line("  \(program) replay --plans --verify --config \(configPath)")
    output.flush()
  }

  private func summarize(seconds: Double) {
    let worker = host.worker
    let events = worker.status.eventsFolded
    var writer = JSONWriter()
    writer.beginObject()
    writer.field("events", events)
    writer.field("events_per_s", (Double(events) / max(0.001, seconds)).rounded())
    writer.field("dead_letters", worker.status.deadLetters.values.reduce(0, +))
    writer.field("viewers", worker.road.viewerCount)
    writer.field("titles", worker.road.titleCount)
    writer.field("alerts_fired", worker.status.alertsFired)
    writer.field("alerts_resolved", worker.status.alertsResolved)
    writer.field("elapsed_s", (seconds * 1000).rounded() / 1000)
    writer.endObject()
    context.output.line(context.output.isJSON ? writer.text : "done: \(writer.text)")
  }
}

/// Keeps a loop at so many rounds per second.
struct Pace {
  private let clock: SystemClock
  private let stepNs: Double
  private let start: Int64
  private var rounds = 0.0

  init(clock: SystemClock, perSecond: Int) {
    self.clock = clock
    stepNs = 1e9 / Double(perSecond)
    start = clock.monotonicNs
  }

  mutating func next() {
    rounds += 1
    let ahead = start + Int64(rounds * stepNs) - clock.monotonicNs
    if ahead > 1_000_000 { usleep(UInt32(ahead / 1000)) }
  }
}

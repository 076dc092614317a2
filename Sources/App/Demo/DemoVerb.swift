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
    stops playing for a while so that its drift alert fires and resolves. Members of the audience get lists that are \
    ranked by the model the worker publishes, one in four of them lists drawn evenly: ctr_ranked is the share of lists \
    with a click in the last third, ctr_ranked_start in the first three seconds, ctr_control that of the other group all \
    along. The audience waits for a worker that falls seconds behind. Titles, genres, vectors and tastes are made up.
    """
  static let readsSettings = false
  static let isService = true
  @Option("for", "Ends by itself after this time; 0 = when it is told to.", in: .zero...(.days(7))) var duration:
    Duration = .zero
  @Option("speed", "Rows of real viewing data replayed per second.", in: 1...1_000_000) var speed = 6000
  @Option("rate", "Visits of the made-up audience per second.", in: 1...100_000) var rate = 600
  @Option("lists", "Ends no sooner than after so many ranked lists.", in: 0...1_000_000_000) var lists = 0
  @Option("dir", "Folder of state and features; without it a new one under the temporary folder, removed at the end.")
  var directory = ""

  func run(_ context: Context) throws {
    let folder = directory.isEmpty ? FileSystem.temporaryDirectory() : directory
    FileSystem.makeDirectory(folder)
    defer { if directory.isEmpty { FileSystem.removeTree(folder) } }
    let demo = try Worded.errors { try Demo(folder: folder, context: context, speed: speed, rate: rate, lists: lists) }
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
  private let lists: Int
  private let clock = SystemClock()
  private let stop = StopRequest()
  private let failure = Locked<String?>(nil)
  private let configPath: String
  private let settings: Settings
  private let score = DemoScore()
  private let topics: [String]
  /// When the audience came, monotonic ns; 0 = not yet.
  private let began = Locked<Int64>(0)
  static let partitions = 8

  init(folder: String, context: Context, speed: Int, rate: Int, lists: Int) throws {
    self.context = context
    self.folder = folder
    self.speed = speed
    self.rate = rate
    self.lists = lists
    let shipped = Settings.load(shipped: "demo", environment: [:])
    topics = try shipped.settings.mappings().compiled.inputs.map(\.topic)
    mock = try MockCluster(
      topics: topics.map { ($0, Self.partitions) }
        + [
          (shipped.settings.kafka.alertsTopic, 1), (shipped.settings.kafka.deadLetterTopic, 1),
          (shipped.settings.kafka.resolvedTopic, Self.partitions),
        ])
    configPath = folder + "/demo.yaml"
    let text =
      Shipped.text("demo")!
      .replacing("kafka:\n", with: "kafka:\n  brokers: [\"\(mock.bootstrap)\"]\n")
      + "state_dir: \"\(folder)/state\"\n"
    FileSystem.write(configPath, Array(text.utf8))
    let loaded = Settings.load(file: configPath, environment: [:])
    guard loaded.problems.isEmpty else { throw Failure(ExitCode.settings, "\(loaded.problems[0])") }
    settings = loaded.settings
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
    let side = audience
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
    let members = Running { [self] in
      do { try performMembers(side, until: end) } catch { failure.withLock { $0 = "\(error)" } }
    }
    let view = DemoView(context.output, score)
    while !context.stop.isRequested, !isOver(end), failure.withLock({ $0 }) == nil {
      usleep(200_000)
      if let line = score.line { service.remark(line) }
      view.show(service.status)
    }
    stop.request()
    watching.join()
    members.join()
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
    self.began.withLock { $0 = began }
    audience.plan(life: end == .max ? 60 : Double(end - began) / 1e9)
    pace = Pace(clock: clock, perSecond: max(1, rate * 3 / 5))
    while !stop.isRequested {
      if isAhead() { pace.restart() }
      let second = Double(clock.monotonicNs - began) / 1e9
      for record in audience.visit(at: clock.wallMs, second: second) { try send(record) }
      pace.next()
    }
  }

  /// Two in five visits are members': their lists are ranked, shown and reacted to, on a thread of their own, so that
  /// ranking holds up nobody else.
  private func performMembers(_ audience: DemoAudience, until end: Int64) throws {
    while began.withLock({ $0 }) == 0 {
      guard !stop.isRequested else { return }
      usleep(20_000)
    }
    let began = began.withLock { $0 }
    let own = try KafkaOutlet(settings.kafkaConfig(joinsGroup: false), topics: topics)
    defer { own.close() }
    let ranker = DemoRanker(try WorkerHost.reader(settings), settings, audience.catalog)
    var audience = audience.members(life: end == .max ? 60 : Double(end - began) / 1e9)
    var pace = Pace(clock: clock, perSecond: max(1, rate * 2 / 5))
    while !stop.isRequested {
      if isAhead() { pace.restart() }
      let second = Double(clock.monotonicNs - began) / 1e9
      let visit = audience.invite(at: clock.wallMs)
      let list = try ranker.rank(
        visit.user, visit.candidates, visit.situation, decision: audience.serial, isControl: visit.isControl)
      let (records, isClicked) = audience.react(to: list, of: visit, at: clock.wallMs, second: second)
      while own.unacknowledged > 20_000, !stop.isRequested { _ = own.flush(timeoutMs: 5) }
      for record in records { try own.send(record) }
      score.note(isControl: visit.isControl, isClicked: isClicked, second: second)
      pace.next()
    }
  }

  private func isOver(_ end: Int64) -> Bool { clock.monotonicNs >= end && score.all.ranked.shown >= lists }

  /// Waits while the worker is about four seconds of the audience's records behind; true = it did.
  private func isAhead() -> Bool {
    var waited = false
    while service.status.lag > max(2000, rate * 10), !stop.isRequested {
      waited = true
      usleep(20_000)
    }
    return waited
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
    output.line("titles, genres and tastes are made up; drift and reward windows are shortened to seconds.")
    if let url = service.url {
      output.line("Look closer: \(url)  or from a second terminal:")
    } else {
      output.line("From a second terminal:")
    }
    output.line("  \(program) features get user:\(audience.viewers[0]) --config \(configPath)")
    output.line("  \(program) features top --by trend --config \(configPath)")
    output.line("  \(program) bandit show titles --config \(configPath)")
    output.line("  \(program) decisions tail -f --config \(configPath)")
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
    writer.field("lists_ranked", score.all.ranked.shown)
    writer.field("lists_control", score.all.control.shown)
    writer.field("ctr_ranked", Self.rounded(score.late.ranked.rate))
    writer.field("ctr_control", Self.rounded(score.all.control.rate))
    writer.field("ctr_ranked_start", Self.rounded(score.first(3).ranked.rate))
    writer.field("elapsed_s", (seconds * 1000).rounded() / 1000)
    writer.endObject()
    context.output.line(context.output.isJSON ? writer.text : "done: \(writer.text)")
  }

  private static func rounded(_ rate: Double?) -> Double? { rate.map { ($0 * 10_000).rounded() / 10_000 } }
}

/// Keeps a loop at so many rounds per second.
struct Pace {
  private let clock: SystemClock
  private let stepNs: Double
  private var start: Int64
  private var rounds = 0.0

  init(clock: SystemClock, perSecond: Int) {
    self.clock = clock
    stepNs = 1e9 / Double(perSecond)
    start = clock.monotonicNs
  }

  /// Forgets what was missed.
  mutating func restart() {
    start = clock.monotonicNs
    rounds = 0
  }

  mutating func next() {
    rounds += 1
    let ahead = start + Int64(rounds * stepNs) - clock.monotonicNs
    if ahead > 1_000_000 { usleep(UInt32(ahead / 1000)) }
  }
}

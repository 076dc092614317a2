import Glibc
import JSON
import Options
import Pipeline
import Telemetry

struct BenchW1: Verb {
  static let about = "Runs the road over workload W1's topics and prints one line of figures."
  static let notes = """
    The same worker as `thalweg worker` with configs/w1.yaml, crash safety on. The clock starts with the first record \
    in hand and ends with the store's last answer. Prints JSON: events, invalid, elapsed_s, cpu_s, maxrss_kb, \
    page_faults, redis_writes, checkpoints, plans, state_bytes.
    """
  static let readsSettings = false
  @Option("brokers", "Where the topics watch, click and rate are.") var brokers = ""
  @Option("redis", "The feature store, as host:port.") var redis = ""
  @Option("catalog", "Folder with catalog.ndjson and embeddings.f32.") var catalog = ""
  @Option("max-events", "Ends after so many events.", in: 1...1_000_000_000) var maxEvents = 400_000
  @Option("bandit", "An arm per title learns too.") var bandit = Toggle.off

  func run(_ context: Context) throws {
    guard !brokers.isEmpty, !redis.isEmpty, !catalog.isEmpty else {
      throw Failure(ExitCode.misuse, "bench w1 needs --brokers, --redis and --catalog")
    }
    let run = MeasuredRun(name: "thalweg", maxEvents: maxEvents, waiting: maxEvents * 2 / 3)
    let folder = "thalweg-w1-\(getpid())"
    defer { FileSystem.removeTree(folder) }
    var overlay = [
      ("kafka.brokers", brokers), ("redis.url", "redis://" + redis), ("catalog.files", catalog),
      ("state_dir", folder), ("log.level", "warning"),
    ]
    if bandit == .off { overlay += [("folds", "vector,trust"), ("bandit.learn_from", "decisions")] }
    let loaded = try SettingsOverlay.shipped("w1", overlay)
    try run.measure(loaded, context.output)
  }
}

enum Toggle: String, Choice { case off, on }

/// One worker run to a number of events, measured from the first record to the store's last answer.
final class MeasuredRun {
  private let name: String
  private let maxEvents: Int
  /// Records that wait for others at the worst moment.
  private let waiting: Int
  private let clock = SystemClock()
  private var startNs: Int64 = 0
  private var startCPU = 0.0
  private var startFaults = 0

  init(name: String, maxEvents: Int, waiting: Int) {
    self.name = name
    self.maxEvents = maxEvents
    self.waiting = waiting
  }

  func measure(_ loaded: LoadedSettings, _ output: Output) throws {
    let setup = loaded.settings.logSetup
    Log.shared.configure(level: setup.level, format: setup.format)
    try Worded.errors {
      let host = try WorkerHost(loaded: loaded, joinsGroup: false)
      host.worker.prefault(records: maxEvents, waiting: waiting, titles: host.catalogRows)
      host.worker.whenFirstRecordArrives { [unowned self] in
        startNs = clock.monotonicNs
        startCPU = Self.cpuSeconds()
        startFaults = Self.pageFaults()
      }
      try host.start()
      var progress = BackfillProgress()
      while Int(host.worker.status.eventsFolded) < maxEvents {
        _ = try host.worker.step(waitMs: 20)
        if output.isTerminal { progress.show(host.worker, output) }
      }
      try host.worker.publishEverything()
      let elapsed = Double(clock.monotonicNs - startNs) / 1e9
      let cpu = Self.cpuSeconds() - startCPU
      let faults = Self.pageFaults() - startFaults
      let status = host.worker.status
      var writer = JSONWriter()
      writer.beginObject()
      writer.field("name", name)
      writer.field("events", status.eventsFolded)
      writer.field("invalid", status.deadLetters.values.reduce(0, +))
      writer.field("elapsed_s", elapsed)
      writer.field("cpu_s", cpu)
      writer.field("maxrss_kb", Self.maxRSS())
      writer.field("page_faults", faults)
      writer.field("redis_writes", host.worker.keysWritten)
      writer.field("checkpoints", status.checkpoints)
      writer.field("plans", status.plansWritten)
      writer.field("state_bytes", status.stateBytes)
      writer.endObject()
      host.worker.close()
      output.line(writer.text)
    }
  }

  private static func usage() -> rusage {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return usage
  }

  static func cpuSeconds() -> Double {
    let usage = usage()
    return Double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
      + Double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6
  }

  /// Pages touched for the first time, or again after the system took them.
  private static func pageFaults() -> Int { Int(usage().ru_minflt) }

  static func maxRSS() -> Int { Int(usage().ru_maxrss) }
}

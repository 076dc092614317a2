import Events
import KafkaPort
import MemoryPort
import Options
import Pipeline
import Ports
import SQLitePort

struct ReplayVerb: Verb {
  static let about = "Folds the log again, beside the worker and without touching its state, store or group."
  static let notes = """
    --plans repeats the turns as they were planned and gives the bytes of the state that the worker saved, starting \
    empty or from a backup (--base). Without it the log is folded as a backlog from its beginning. --verify compares \
    with the worker's newest checkpoint and names the first row that differs; exit 1 if one does.
    """
  static let settings = ["state_dir", "kafka.brokers"]
  @Option("plans", "By the plans kept beside the state.") var plans = false
  @Option("base", "With --plans: a backup to start from.") var base = ""
  @Option("verify", "Compares with the state instead of printing rows.") var verify = false

  func run(_ context: Context) throws {
    context.configureLog(atLeast: .warning)
    let work = FileSystem.temporaryDirectory()
    defer { FileSystem.removeTree(work) }
    try Worded.errors {
      // One moment of the state: a running worker goes on saving.
      let folder = context.settings.stateDir
      let needsState = plans || verify
      var live: (road: Road, manifest: Manifest)?
      if needsState {
        try StoredState.open(folder).backup(to: work + "/state.db")
        live = try Road.reading(try StoredState.open(work), options: try WorkerParts(loaded: context.loaded).options)
      }
      let worker = try makeWorker(context, folder: folder, work: work, live: live?.manifest)
      try worker.start(catalog: try CatalogFiles.read(context.settings.catalog.files))
      var progress = BackfillProgress()
      while !worker.replayIsDone, try worker.step(waitMs: 50), !context.stop.isRequested {
        progress.show(worker, context.output)
      }
      defer { worker.close() }
      guard !context.stop.isRequested else { throw Failure(ExitCode.failed, "stopped before the end") }
      if verify, let live {
        try compare(live.road, worker.road, context.output)
      } else {
        worker.road.dump { context.output.write(String(decoding: $0, as: UTF8.self) + "\n") }
      }
      context.output.flush()
    }
  }

  private func makeWorker(_ context: Context, folder: String, work: String, live: Manifest?) throws -> Worker {
    let parts = try WorkerParts(loaded: context.loaded)
    var options = parts.options
    options.commitsOffsets = false
    options.startAt = .earliest
    options.untilCaughtUp = !plans
    options.checkpointIntervalMs = 86_400_000
    var state: any StateStore = MemoryState()
    var log: any PlanLog = MemoryPlans()
    if plans, let live {
      options.replay = ReplayPlan(manifest: live, upTo: live.turn)
      log = try SQLitePlans(path: folder + "/plans.db", isReadOnly: true)
      if !base.isEmpty {
        try StoredState.open(base).backup(to: work + "/base.db")
        state = try SQLiteState(path: work + "/base.db")
      }
    }
    let ids = Identities(viewers: options.expectedViewers, titles: options.expectedTitles)
    return Worker(
      options: options, decoder: parts.decoder(ids), ids: ids,
      source: try KafkaSource(context.settings.kafkaConfig(joinsGroup: false)), store: MemoryStore(),
      outlet: MemoryOutlet(), state: state, plans: log, clock: SystemClock())
  }

  private func compare(_ live: Road, _ again: Road, _ output: Output) throws {
    var rows: [[UInt8]] = []
    live.dump { rows.append($0) }
    var at = 0
    var difference: String?
    again.dump { line in
      defer { at += 1 }
      guard difference == nil else { return }
      guard at < rows.count else { return difference = "the state lacks \(Self.name(line))" }
      if rows[at] != line { difference = "\(Self.name(rows[at])) differs, or \(Self.name(line)) is not in both" }
    }
    if difference == nil, at < rows.count { difference = "the replay lacks \(Self.name(rows[at]))" }
    if let difference { throw Failure(ExitCode.failed, difference) }
    output.line("\(rows.count) rows, all equal")
  }

  private static func name(_ line: [UInt8]) -> String {
    line.split(separator: 9, maxSplits: 2).prefix(2).map { String(decoding: $0, as: UTF8.self) }.joined(separator: ":")
  }
}

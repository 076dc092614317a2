import Events
import Glibc
import KafkaPort
import MemoryPort
import Options
import Pipeline
import Ports
import RedisPort
import SQLitePort
import Telemetry

/// One worker with everything it stands on, built from settings and run on the caller's thread.
final class WorkerHost {
  let parts: WorkerParts
  let directory: StateDirectory
  private(set) var worker: Worker
  private let clock = SystemClock()
  private let makeParts: () throws -> (Worker, KafkaSource)
  private let catalog: [ReferenceRow]
  /// The worker's log.
  private var source: KafkaSource
  /// What the start waits for; nil = nothing.
  private(set) var awaited: Awaited?
  /// Whether a start waits, without end, for brokers that do not answer; else it fails.
  var waitsForLog = false
  /// Rows of the catalog files.
  var catalogRows: Int { catalog.count }

  /// - Parameter joinsGroup: false for brokers inside this process, which know no groups.
  init(loaded: LoadedSettings, joinsGroup: Bool = true) throws {
    let settings = loaded.settings
    parts = try WorkerParts(loaded: loaded)
    let parts = parts
    directory = try StateDirectory(settings.stateDir)
    let directory = directory
    let clock = clock
    catalog = try CatalogFiles.read(settings.catalog.files)
    var saving = SQLiteState.Options()
    saving.survivesPower = settings.durability == .power
    makeParts = { [saving] in
      let kafka = settings.kafkaConfig(instanceID: directory.instanceID, joinsGroup: joinsGroup)
      if let problem = kafka.problem() { throw problem }
      let source = try KafkaSource(kafka)
      let worker = parts.worker(
        source: source, store: try Self.store(settings), outlet: try KafkaOutlet(kafka, topics: []),
        state: try SQLiteState(path: directory.statePath, options: saving),
        plans: try SQLitePlans(path: directory.plansPath, survivesPower: saving.survivesPower),
        clock: clock)
      return (worker, source)
    }
    StateRequest.carryOut(in: directory)
    (worker, source) = try makeParts()
  }

  private func makeWorker() throws { (worker, source) = try makeParts() }

  static func store(_ settings: Settings) throws -> any FeatureStore {
    switch settings.store.kind {
    case .sqlite: return SQLiteStore(path: settings.storePath)
    case .memory: return MemoryStore()
    case .redis:
      return RedisStore(try settings.redisAddress(), options: settings.redisOptions())
    }
  }

  /// Reads features the way `store.kind` says.
  static func reader(_ settings: Settings) throws -> any FeatureReader {
    switch settings.store.kind {
    case .sqlite: return try SQLiteReader(path: settings.storePath)
    case .redis:
      return RedisReader(
        try settings.redisAddress(), prefix: settings.redis.prefix,
        timeoutMs: Int(settings.redis.timeout.wholeMilliseconds))
    case .memory:
      throw Failure(ExitCode.settings, "store.kind memory keeps features inside the worker; nothing else can read them")
    }
  }

  /// Starts; a damaged state, already set aside, is rebuilt from the log. Without a state it waits for the store, and
  /// with ``waitsForLog`` for brokers that do not answer.
  ///
  /// - Parameter each: Asked some times a second while it waits; false = give up.
  /// - Returns: False = it gave up.
  @discardableResult
  func start(while each: () -> Bool = { true }) throws -> Bool {
    while true {
      guard try reachLog(while: each) else { return false }
      switch try begin() {
      case .begun:
        answered()
        return true
      case .damaged(let text):
        Log.shared.error(
          "the state was damaged and set aside; it is rebuilt from the log",
          mend: "nothing, if the log reaches back far enough; else restore a state backup", ["cause": .text(text)])
      case .storeAway(let text):
        if isAway(.store, text) {
          Log.shared.warning(
            "there is no state and the feature store does not answer; waiting for it",
            mend: "start it, or check redis.url", ["cause": .text(text)])
        }
        guard pause(while: each) else { return false }
      case .logAway(let text):
        logIsAway(text)
        guard pause(while: each) else { return false }
      }
      worker.close()
      try makeWorker()
    }
  }

  /// Returns once brokers answer; false = it gave up. What they refuse is thrown.
  private func reachLog(while each: () -> Bool) throws -> Bool {
    guard waitsForLog else { return true }
    let patientUntil = clock.monotonicNs + 2_000_000_000  // a long way there is no absence
    while true {
      do throws(PortError) {
        try source.reach(parts.options.inputs.map(\.name), timeoutMs: 500)
        return true
      } catch {
        guard error.isRetriable else { throw WorkerFault.port(error) }
        if clock.monotonicNs > patientUntil { logIsAway(error.message) }
      }
      guard each() else { return false }
    }
  }

  private func logIsAway(_ cause: String) {
    guard isAway(.log, cause) else { return }
    Log.shared.warning(
      "Kafka does not answer; the worker starts once it does",
      mend: "look at the brokers, at kafka.brokers and at the network; the worker goes on by itself",
      ["cause": .text(cause)])
  }

  /// True = it was not known yet.
  private func isAway(_ what: Awaited.What, _ cause: String) -> Bool {
    guard awaited?.what != what else {
      awaited?.cause = cause
      return false
    }
    awaited = Awaited(what: what, cause: cause, sinceNs: clock.monotonicNs)
    return true
  }

  private func answered() {
    guard let awaited else { return }
    let seconds = Double(clock.monotonicNs - awaited.sinceNs) / 1e9
    Log.shared.info(awaited.what == .log ? "Kafka answers" : "the feature store answers", ["after_s": .real(seconds)])
    self.awaited = nil
  }

  private func pause(while each: () -> Bool) -> Bool {
    for _ in 0..<10 {
      guard each() else { return false }
      usleep(100_000)
    }
    return true
  }

  private enum Beginning {
    case begun
    case damaged(String)
    case storeAway(String)
    case logAway(String)
  }

  private func begin() throws -> Beginning {
    do throws(WorkerFault) {
      try worker.start(catalog: catalog)
      return .begun
    } catch {
      switch error {
      case .state(.corrupt(let text)): return .damaged(text)
      case .storeAway(let cause): return .storeAway(cause.message)
      case .port(let cause) where waitsForLog && cause.isRetriable: return .logAway(cause.message)
      default: throw error
      }
    }
  }

  /// Runs until asked to stop or, with `until`, until caught up; then drains, saves and lets go.
  ///
  /// Where partitions were added to a topic, and where `state restore` or `state rebuild` asks for it, the worker stops
  /// in order and starts anew.
  ///
  /// - Parameter each: Called after every round; false = stop now.
  func run(while each: () -> Bool) throws {
    guard try start(while: each) else { return worker.close() }
    while true {
      let isRestart = try rounds(while: each)
      _ = try worker.stop(deadlineMs: 8000)
      guard isRestart else { return }
      StateRequest.carryOut(in: directory)
      try makeWorker()
      guard try start(while: each) else { return worker.close() }
    }
  }

  /// Rounds until the end (false) or until a new start is due (true).
  private func rounds(while each: () -> Bool) throws -> Bool {
    var lookAgain = clock.monotonicNs + lookNs
    var lookForRequest: Int64 = 0
    do {
      while try worker.step(waitMs: 50), each() {
        let now = clock.monotonicNs
        if now >= lookForRequest {
          lookForRequest = now + 500_000_000
          if let request = StateRequest.pending(in: directory.path) {
            Log.shared.info("stopping in order to change the state, as asked", ["request": .text(request.rawValue)])
            return true
          }
        }
        guard now >= lookAgain else { continue }
        lookAgain = now + lookNs
        if let added = worker.addedPartitions(), !added.isEmpty {
          Log.shared.info(
            "partitions were added; starting anew on all of them",
            ["first": .text("\(added[0].topic)[\(added[0].partition)]"), "count": .integer(added.count)])
          return true
        }
      }
      return false
    } catch {
      worker.close()
      throw error
    }
  }

  /// How often the topics are looked at for new partitions, and the brokers for an answer.
  var lookNs: Int64 = 10_000_000_000
}

import JSON
import Learners
import Options
import Pipeline
import Ports
import Telemetry

/// The latest picture of a worker, copied out between its rounds so that no reader ever waits for a fold.
final class StatusBoard: StatusProvider {
  private struct Shared {
    var status = WorkerStatus()
    var refusal: String? = "starting"
    var stopping: String?
    /// Of this start of the process, whatever it starts anew within.
    var hasCaughtUp = false
  }
  private let shared = Locked(Shared())
  private let settings: Settings
  /// Seconds that the log or the store may be away before readiness ends.
  private let patience: Double
  private let reads: CounterFamily?
  private let clock = Locked(RateMemory())
  /// What stands beside the status's own note; empty = nothing.
  let remark = Locked("")
  private let started = SystemClock().wallMs

  /// Counts of the last look, for rates.
  private struct RateMemory {
    var atNs: Int64 = 0
    var events: UInt64 = 0
    var topics: [String: Int64] = [:]
    var rate = 0.0
    var topicRates: [String: Double] = [:]
    var firstEvents: UInt64?
    var firstTopics: [String: Int64] = [:]
  }

  init(settings: Settings, reads: CounterFamily? = nil, patience: Double = 30) {
    self.settings = settings
    self.reads = reads
    self.patience = patience
  }

  var status: WorkerStatus { shared.withLock { $0.status } }
  func summary() -> [UInt8] { status.json() }

  /// 200 after the first catch-up of this start; then 503 only while the log or the store is away for 30 s, or while
  /// nothing can be planned or saved.
  func ready() -> (ok: Bool, reason: String) {
    shared.withLock { shared in
      if let refusal = shared.stopping ?? shared.refusal { return (false, refusal) }
      return (true, "live")
    }
  }

  func lookup(kind: String, id: String) -> [UInt8]? {
    guard let reader = try? WorkerHost.reader(settings),
      let answer = try? FeatureAnswer.read(kind + ":" + id, reader, settings)
    else {
      reads?.with(kind, "not_found").add()
      return nil
    }
    reads?.with(kind, "present").add()
    return answer.serialized()
  }

  /// Readiness is over for good: the worker was asked to stop.
  func stop(_ reason: String) {
    shared.withLock {
      $0.stopping = reason
      $0.status.isReady = false
      $0.status.state = reason
    }
  }

  /// Called on the worker's thread.
  ///
  /// - Parameter awaited: What its start waits for.
  func update(_ worker: Worker, awaited: Awaited? = nil) -> WorkerStatus {
    let wall = SystemClock().wallMs
    var status = WorkerStatus()
    status.version = version
    status.group = settings.kafka.group
    status.at = wall
    status.uptimeS = Double(wall - started) / 1000
    status.events = Int(worker.status.eventsFolded)
    fillTopics(worker, wall, &status)
    status.freshnessS = worker.freshnessSeconds(now: wall)
    (status.publishP50S, status.publishP99S) = worker.publishLatency
    status.viewers = worker.road.viewerCount
    status.titles = worker.road.titleCount
    status.dirtyKeys = worker.road.dirtyKeys
    status.checkpoint.count = Int(worker.status.checkpoints)
    status.checkpoint.bytes = worker.status.lastCheckpointBytes
    status.checkpoint.durationS = worker.status.checkpoints > 0 ? Double(worker.status.lastCheckpointNs) / 1e9 : nil
    status.checkpoint.ageS =
      worker.status.lastCheckpointAtMs > 0 ? Double(wall - worker.status.lastCheckpointAtMs) / 1000 : nil
    (status.topTrust, status.topTrend) = TopTitles.of(worker, at: wall, count: 10)
    fillAlerts(worker, &status)
    fillDeadLetters(worker, &status)
    status.spotlight = Spotlight.of(worker)
    let refusal = awaited?.reason ?? refusal(worker)
    status.isReady = refusal == nil
    status.state = refusal ?? "live"
    let shortened = settings.drift.bucket.wholeMilliseconds < 60_000 ? "drift windows are shortened to seconds" : ""
    status.note = [shortened, remark.withLock { $0 }].filter { !$0.isEmpty }.joined(separator: "; ")
    shared.withLock {
      guard $0.stopping == nil else { return }
      $0.status = status
      $0.refusal = refusal
    }
    return status
  }

  private func refusal(_ worker: Worker) -> String? {
    if let reason = worker.refusal { return reason }
    for (away, what) in [(worker.secondsWithoutStore, "the feature store"), (worker.secondsWithoutLog, "Kafka")]
    where away > patience {
      return "\(what) has not answered for \(Int(patience.rounded())) s"
    }
    let hasCaughtUp = shared.withLock { shared in
      if worker.hasCaughtUp { shared.hasCaughtUp = true }
      return shared.hasCaughtUp
    }
    if hasCaughtUp { return nil }
    return "catching up: \(Figures.count(Int(worker.lag().reduce(0) { $0 + $1.records }))) records to go"
  }

  private func fillTopics(_ worker: Worker, _ wall: Int64, _ status: inout WorkerStatus) {
    var topics: [String: WorkerStatus.Topic] = [:]
    for entry in worker.lag() {
      var topic = topics[entry.partition.topic] ?? WorkerStatus.Topic()
      topic.topic = entry.partition.topic
      topic.events += Int(entry.folded)
      topic.lag += Int(entry.records)
      if entry.records > 0, entry.lastTime > 0 {
        topic.lagS = max(topic.lagS, Double(max(0, wall - entry.lastTime)) / 1000)
      }
      topics[entry.partition.topic] = topic
    }
    let now = SystemClock().monotonicNs
    let events = UInt64(status.events)
    clock.withLock { memory in
      if memory.firstEvents == nil { memory.firstEvents = events }
      let seconds = Double(now - memory.atNs) / 1e9
      if seconds >= 0.9 {
        memory.rate = memory.atNs == 0 ? 0 : Double(events &- memory.events) / seconds
        for (name, topic) in topics {
          memory.topicRates[name] =
            memory.atNs == 0 ? 0 : Double(Int64(topic.events) - (memory.topics[name] ?? 0)) / seconds
          memory.topics[name] = Int64(topic.events)
        }
        memory.atNs = now
        memory.events = events
      }
      status.eventsPerS = memory.rate
      for name in topics.keys { topics[name]!.eventsPerS = memory.topicRates[name] ?? 0 }
    }
    status.topics = topics.values.filter { $0.events > 0 || $0.lag > 0 }.sorted { $0.topic < $1.topic }
  }

  private func fillAlerts(_ worker: Worker, _ status: inout WorkerStatus) {
    status.alertsFired = Int(worker.status.alertsFired)
    status.alertsResolved = Int(worker.status.alertsResolved)
    var byID: [String: WorkerStatus.Alert] = [:]
    for alert in worker.status.alerts {
      var own = byID[alert.alertID] ?? WorkerStatus.Alert()
      own.id = alert.alertID
      own.scope = alert.scope
      own.metric = alert.metric.name
      own.firedAt = alert.firedAt
      if alert.state == .firing {
        own.baseline = alert.baseline
        own.current = alert.current
      } else {
        own.resolvedAt = alert.time
      }
      byID[alert.alertID] = own
    }
    status.alerts = Array(
      byID.values.sorted {
        ($0.resolvedAt == nil) != ($1.resolvedAt == nil)
          ? $0.resolvedAt == nil : $0.firedAt != $1.firedAt ? $0.firedAt > $1.firedAt : $0.id < $1.id
      }.prefix(20))
  }

  private func fillDeadLetters(_ worker: Worker, _ status: inout WorkerStatus) {
    for (reason, count) in worker.status.deadLetters.sorted(by: { $0.key < $1.key }) {
      var letter = WorkerStatus.DeadLetter()
      letter.reason = reason
      letter.count = Int(count)
      if let latest = worker.status.latestDeadLetter[reason] {
        letter.topic = latest.partition.topic
        letter.partition = latest.partition.partition
        letter.offset = latest.offset
        letter.field = latest.field ?? ""
        letter.sample = latest.sample
      }
      status.deadLetters.append(letter)
      status.deadLetterCount += Int(count)
    }
  }
}

/// The first titles of a worker by trust and by trend.
enum TopTitles {
  static func of(_ worker: Worker, at time: Int64, count: Int) -> (
    trust: [WorkerStatus.Title], trend: [WorkerStatus.Title]
  ) {
    let road = worker.road
    let top = road.topTitles(at: time, count: count)
    return (top.trust.map { title($0, road, time) }, top.trend.map { title($0, road, time) })
  }

  private static func title(_ slot: UInt32, _ road: Road, _ time: Int64) -> WorkerStatus.Title {
    let row = road.titles.row(slot).pointee
    let facts = road.catalog.title(slot)
    let score = row.trust(at: time, facts.pointee, road.learn.trust)
    var title = WorkerStatus.Title()
    title.id = road.ids.titles.text(slot)
    title.name = facts.pointee.title
    title.trust = score.overall
    title.trend = row.trend(at: time, road.learn)
    title.components = [score.source, score.metadata, score.availability, score.quality, score.preference]
    title.evidence = Int(row.evidence)
    return title
  }
}

/// One viewer whose profile moves: the first one met.
enum Spotlight {
  static func of(_ worker: Worker) -> WorkerStatus.Viewer? {
    let road = worker.road
    guard road.ids.viewers.count > 0, road.viewers.slots > 0, road.viewers.row(0).pointee.isAlive else { return nil }
    let json = JSONFeatureSink.object { sink in
      road.viewers.features(0, ids: road.ids, options: road.learn, into: &sink)
    }
    guard let features = try? JSONValue(parsing: json) else { return nil }
    var viewer = WorkerStatus.Viewer()
    viewer.id = road.ids.viewers.text(0)
    viewer.n = features["n"]?.int ?? 0
    viewer.affinity = (features["affinity_corrected"]?.object ?? []).map { member in
      var genre = WorkerStatus.Genre()
      genre.name = member.key
      genre.value = member.value.double ?? 0
      return genre
    }.sorted { $0.value > $1.value }
    viewer.sessionCount = features["session_count"]?.int ?? 0
    viewer.sessionEvents = Int(features["session"]?["features"]?[2]?.double ?? 0)
    if let from = features["session"]?["started"]?.int64, let to = features["session"]?["last"]?.int64 {
      viewer.sessionS = Double(to - from) / 1000
    }
    return viewer
  }
}

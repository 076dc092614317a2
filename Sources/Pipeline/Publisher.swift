import Ports
import Telemetry

/// Brings changed rows to the feature store: newest wins, one batch under way at a time and the next one encoded and
/// sent ahead meanwhile, where enough changed for one.
///
/// Writes at once while little has changed and coalesces under load: a batch takes some hundred rows, events are read and
/// folded between batches, and what changes again while its row waits is one write. Where more waits than
/// ``waitingAtOnce``, a row is written once in ``periodNs`` at most, so that those which change all the time do not hold
/// up the others (a fifth of all writes at 70,000 events a second). While a backlog is folded, when what
/// it writes is old anyway, every batch is followed by 199 times its own time for the fold, at most `maxDelayMs`.
/// What waits is a bit a key, never an event.
public final class Publisher {
  /// Most rows encoded into one batch; keeps a single step short, and shorter while somebody waits for what is new.
  static let rowsPerBatch = 4096
  private static let liveRowsPerBatch = 256
  /// Encoding a backlog's batch takes about so long at most: rows with all features take ten times what compact ones do.
  /// Redis takes a third longer for a transaction of some thousand writes than for as many in parts of some hundred, as
  /// it keeps all of one before it does the first.
  private static let backlogBatchNs: Int64 = 1_250_000
  private static let periodNs: Int64 = 40_000_000
  private static let waitingAtOnce = 128
  private var periodEndNs: Int64 = 0
  /// Changed rows from which on a batch is encoded while the one before it is under way.
  private static let rowsAhead = 64
  /// After so long without a batch an empty one asks whether the store still has what it was given.
  private static let askAfterNs: Int64 = 10_000_000_000
  /// A batch unanswered for so long is said aloud.
  private static let slowNs: Int64 = 1_000_000_000
  /// Alerts that wait for a store, newest kept: as many as its stream holds.
  private static let alertsWaiting = 10_000

  private let store: any FeatureStore
  private let clock: any WorkerClock
  private let maxDelayNs: Int64
  /// The batch encoded last; the store copies it when it takes it over.
  private var sink = StoreFeatureSink(batch: FeatureBatch(version: .zero))
  /// It is encoded and not handed over.
  private var hasBatch = false
  /// When the next batch of a backlog is due.
  private var nextFlushNs: Int64 = 0
  private var flushCostNs: Int64 = 0
  /// What a row of the latest batch took.
  private var rowNs: Int64 = 2000
  private var completeTurn: UInt64 = 0
  private var pendingAlerts: [[UInt8]] = []
  /// In the batch under way, or on its way there.
  private var batchAlerts: [[UInt8]] = []
  /// When the batch under way was handed over; 0 = there is none.
  private var submittedNs: Int64 = 0
  /// Version, keys and newest record of the batch under way.
  private var submitted = (version: Version.zero, keys: 0, recordTime: Int64(0))
  private var slowness = OnceAMinute()
  private var incompleteness = OnceAMinute()

  /// What would be said at every batch is said once a minute.
  private struct OnceAMinute {
    private var againNs: Int64 = 0

    mutating func isDue(_ now: Int64) -> Bool {
      guard now >= againNs else { return false }
      againNs = now + 60_000_000_000
      return true
    }
  }

  private var lastConfirmed: Version?
  public private(set) var keysWritten: UInt64 = 0
  public private(set) var batchesConfirmed: UInt64 = 0
  public private(set) var errors: UInt64 = 0
  public private(set) var lastConfirmedNs: Int64 = 0
  /// The store does not answer; batches wait as changed keys.
  public private(set) var isBroken = false {
    didSet { if isBroken != oldValue { brokenSinceNs = isBroken ? clock.monotonicNs : 0 } }
  }
  private var brokenSinceNs: Int64 = 0
  /// The store was found again, and not all that waited for it is written yet.
  private(set) var isRecovering = false
  /// Timestamp of the newest record folded, of the newest in the batch encoded last, and of the newest confirmed.
  private(set) var foldedRecordTime: Int64 = 0
  private var batchRecordTime: Int64 = 0
  private(set) var lastConfirmedRecordTime: Int64 = 0
  private var latencies: [Double] = []
  private var untaken: [Double] = []

  init(store: any FeatureStore, clock: any WorkerClock, maxDelayMs: Int) {
    self.store = store
    self.clock = clock
    maxDelayNs = Int64(maxDelayMs) * 1_000_000
  }

  func noteFolded(recordTime: Int64) { foldedRecordTime = max(foldedRecordTime, recordTime) }
  var secondsBroken: Double { isBroken ? Double(clock.monotonicNs - brokenSinceNs) / 1e9 : 0 }

  /// Median and 99th percentile over the last 500 batches.
  var latency: (p50: Double?, p99: Double?) {
    guard !latencies.isEmpty else { return (nil, nil) }
    let sorted = latencies.sorted()
    return (sorted[sorted.count / 2], sorted[min(sorted.count - 1, sorted.count * 99 / 100)])
  }

  func takeLatencies() -> [Double] {
    defer { untaken.removeAll() }
    return untaken
  }

  private func confirmed() {
    lastConfirmedRecordTime = max(lastConfirmedRecordTime, submitted.recordTime)
    guard submitted.recordTime > 0 else { return }
    let latency = Double(max(0, clock.wallMs - submitted.recordTime)) / 1000
    guard latency < 60 else { return }  // a backlog's age is not the road's
    latencies.append(latency)
    untaken.append(latency)
    if latencies.count > 1000 { latencies.removeFirst(500) }
    if untaken.count > 10_000 { untaken.removeFirst(5000) }
  }

  /// Nothing goes on before the store answers.
  var isWaiting: Bool { store.inFlight > 0 && hasBatch }
  var isIdle: Bool { !hasBatch && store.inFlight == 0 && pendingAlerts.isEmpty }

  /// - Parameter expecting: What the store had when it was last heard of.
  func noteUnreachable(expecting version: Version) {
    isBroken = true
    lastConfirmed = version
  }

  func opened(mark: StoreMark?, knownTurn: UInt64) {
    completeTurn = knownTurn
    lastConfirmed = mark?.version
  }

  /// Turn up to which every change is confirmed.
  func publishedTurn(now: UInt64, hasUnpublished: Bool) -> UInt64 {
    if isIdle, !hasUnpublished { completeTurn = now }
    return completeTurn
  }

  /// An alert for the store's stream.
  func note(alert: [UInt8]) {
    pendingAlerts.append(alert)
    if pendingAlerts.count > Self.alertsWaiting { pendingAlerts.removeFirst(pendingAlerts.count - Self.alertsWaiting) }
  }

  /// Sends, receives, and encodes the next batch where one is due and `mayWrite`. Never waits.
  ///
  /// - Returns: The version that a store reached again says it has.
  func pump(
    road: Road, version: Version, force: Bool, mayWrite: Bool, hasBacklog: Bool, encoding: Bool = true
  ) throws(WorkerFault) -> Version? {
    let progress = store.pump()
    noteSlowness()
    if let error = progress.error {
      errors += 1
      if !isBroken {
        Log.shared.warning(
          "the feature store failed; keys wait for its return",
          mend: "look at the store; the worker goes on by itself and publishes what waits once it answers",
          ["cause": .text(error.message)])
      }
      isBroken = true
      if !error.isRetriable { throw WorkerFault.port(error) }
    }
    if progress.lost {
      isBroken = true
      takeBack(road)
    }
    if let mark = progress.mark {
      isBroken = false
      if hasBatch { takeBack(road) }
      isRecovering = true
      if let confirmed = lastConfirmed,
        mark.version < confirmed || mark.version.lineage == confirmed.lineage && mark.version.turn < confirmed.turn
      {
        Log.shared.warning(
          "the feature store lost what it had; every key is published again",
          mend: "nothing now; look why it restarted empty, was flushed, or went back to an older copy",
          ["store": .text(mark.version.text), "known": .text(confirmed.text)])
        road.markAllUnpublished()
      }
    }
    if progress.confirmed > 0 {
      if !progress.lost { isBroken = false }  // the last answer may come with the loss of the connection
      submittedNs = 0
      batchesConfirmed += UInt64(progress.confirmed)
      lastConfirmed = submitted.version
      lastConfirmedNs = clock.monotonicNs
      batchAlerts.removeAll()
      road.confirmInFlight(again: progress.incomplete > 0)
      if progress.incomplete > 0 { noteIncomplete(progress.incomplete) }
      if submitted.keys > 0 { confirmed() }
    }
    // A mark heard for the first time may lie above `version`: the caller looks at it before anything is written.
    if mayWrite, progress.mark == nil {
      if encoding {
        try flush(road: road, version: version, force: force, hasBacklog: hasBacklog)
      } else if hasBatch {
        _ = submit(road)
      }
    }
    return progress.mark?.version
  }

  /// The batch under way did not arrive, or may not have: what it held is due again.
  private func takeBack(_ road: Road) {
    hasBatch = false
    submittedNs = 0
    pendingAlerts = batchAlerts + pendingAlerts
    batchAlerts.removeAll()
    road.republishInFlight()
  }

  private func flush(road: Road, version: Version, force: Bool, hasBacklog: Bool) throws(WorkerFault) {
    if hasBatch {
      guard submit(road) else { return }
    }
    let start = clock.monotonicNs
    let hasMore = !pendingAlerts.isEmpty || road.hasDueModels(now: start, force: force)
    let isAhead = store.inFlight > 0
    if start >= periodEndNs {
      periodEndNs = start + Self.periodNs
      road.beginPublishPeriod()
    }
    let letsRest = !force && !hasBacklog && road.unpublishedRows > Self.waitingAtOnce
    let rows = letsRest ? road.awakeRows : road.unpublishedRows
    // What is not a row waits for a batch that has the store to itself, and is not kept from it.
    guard !isAhead || !hasMore && rows >= Self.rowsAhead else { return }
    let hasNews = hasMore || rows > 0 || road.hasDueRankings(turn: version.turn, now: start, force: force)
    guard hasNews || mustAsk(now: start) else { return }
    guard force || !hasBacklog || start >= nextFlushNs else { return }
    sink.batch.removeAll(version: version)
    batchRecordTime = foldedRecordTime
    let limit = hasBacklog || force ? backlogRows : Self.liveRowsPerBatch
    let isDrained = road.publish(into: &sink, limit: limit, letsRest: letsRest)
    rowNs = (clock.monotonicNs - start) / Int64(max(1, road.encodedRows))
    let isLast = force && isDrained
    road.publishRankings(
      into: &sink, turn: version.turn, now: start, force: isLast, whole: isLast || hasBacklog)
    if !isAhead { addRest(road, now: start, force: force, isDrained: isDrained) }
    keysWritten += UInt64(sink.batch.count)
    hasBatch = sink.batch.count > 0 || !hasNews
    if hasBatch { if isAhead { store.prepare(sink.batch) } else { _ = submit(road) } }
    flushCostNs += clock.monotonicNs - start
    if !hasBacklog {
      flushCostNs = 0
    } else if !isRecovering || isDrained {
      nextFlushNs = clock.monotonicNs + min(flushCostNs * 199, maxDelayNs)
      flushCostNs = 0
    }
    if isDrained { isRecovering = false }
  }

  private var backlogRows: Int {
    max(Self.liveRowsPerBatch, min(Self.rowsPerBatch, Int(Self.backlogBatchNs / max(1, rowNs))))
  }

  /// Models and alerts.
  private func addRest(_ road: Road, now: Int64, force: Bool, isDrained: Bool) {
    if isDrained { road.publishModels(into: &sink, now: now, force: force) }
    for alert in pendingAlerts {
      sink.batch.begin(.append, key: "alerts")
      alert.withUnsafeBytes { sink.batch.field("event", $0) }
    }
    batchAlerts = pendingAlerts
    pendingAlerts.removeAll()
  }

  private func submit(_ road: Road) -> Bool {
    guard store.submit(sink.batch) else { return false }
    hasBatch = false
    submitted = (sink.batch.version, sink.batch.count, batchRecordTime)
    road.handOver()
    submittedNs = max(1, clock.monotonicNs)
    return true
  }

  /// A store emptied while nothing is published would stay empty: nobody else would notice.
  private func mustAsk(now: Int64) -> Bool {
    !isBroken && lastConfirmedNs > 0 && now - max(lastConfirmedNs, submittedNs) >= Self.askAfterNs
  }

  private func noteIncomplete(_ rows: Int) {
    errors += 1
    guard incompleteness.isDue(clock.monotonicNs) else { return }
    Log.shared.warning(
      "rows were gone from the feature store; they are written whole again",
      mend: "look who deletes keys there, and that maxmemory-policy is noeviction", ["rows": .integer(rows)])
  }

  private func noteSlowness() {
    let now = clock.monotonicNs
    guard submittedNs > 0, !isBroken, now - submittedNs > Self.slowNs, slowness.isDue(now) else { return }
    Log.shared.warning(
      "the feature store answers slowly; keys wait, events are folded on",
      mend: "look at its load, at slow commands of others (SLOWLOG GET) and at the network",
      ["seconds": .real(Double(now - submittedNs) / 1e9)])
  }
}

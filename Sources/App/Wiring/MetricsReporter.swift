import Bandits
import Events
import Learners
import Pipeline
import Telemetry

/// Brings the worker's plain counters into the exported metrics, four times a second, on the worker's thread.
struct MetricsReporter {
  private let metrics: WorkerMetrics
  private let group: String
  /// Type of event per topic, `any` where a topic carries several.
  private let types: [String: String]
  private var totals: [String: UInt64] = [:]
  private var drifting: Set<DriftCounts.Name> = []
  private static let store = "sqlite"

  /// Every series that can be named beforehand stands at 0 from here on.
  init(_ metrics: WorkerMetrics, group: String, inputs: [CompiledMapping.Input]) {
    self.metrics = metrics
    self.group = group
    types = Dictionary(inputs.map { ($0.topic, $0.emits.count == 1 ? $0.emits[0] : "any") }) { first, _ in first }
    let reasons = RejectReason.allCases.map(\.rawValue)
    for (topic, type) in types { metrics.prepare(topic: topic, type: type, reasons: reasons) }
    for reason in ["duplicate", "no_rule", "tombstone"] { _ = metrics.eventsRejected.with("all", reason) }
    for counter in Counter.allCases where counter != .folded && counter != .duplicate {
      _ = metrics.eventsNoted.with("all", counter.name)
    }
    for metric in DriftMetric.allCases {
      _ = metrics.driftScore.with("relative", metric.name)
      for severity in ["info", "warning", "critical"] {
        _ = metrics.driftAlerts.with("relative", metric.name, severity)
        _ = metrics.driftActive.with("relative", metric.name, severity)
      }
    }
    _ = metrics.consumerStatus.with(group)
    _ = metrics.featureFreshness.with("all", group)
  }

  /// What a running total has grown by since the last report.
  private mutating func growth(_ name: String, _ total: UInt64) -> Int {
    let before = totals[name] ?? 0
    totals[name] = total
    return total >= before ? Int(clamping: total - before) : 0
  }

  /// - Parameter awaited: What the worker's start waits for.
  mutating func report(_ worker: Worker, _ status: WorkerStatus, awaited: Awaited.What? = nil) {
    let isLogAway = worker.secondsWithoutLog > 0 || awaited == .log
    reportLag(worker, status)
    reportEvents(worker, status)
    reportDrift(worker.status.drift)
    for (stage, seconds) in worker.takeStageTimes() { metrics.processSeconds.with(stage.rawValue).observe(seconds) }
    metrics.turns.add(growth("turns", worker.status.turn))
    reportState(worker, status)
    reportStore(worker, status)
    let troubles = worker.groupTroubles
    metrics.rebalances.add(growth("rebalances", UInt64(troubles.rebalances)))
    metrics.kafkaErrors.with("commit").add(growth("commit", UInt64(troubles.commitFailures)))
    metrics.kafkaErrors.with("consume").add(growth("kafka errors", worker.status.kafkaErrors))
    metrics.kafkaUp.set(isLogAway ? 0 : 1)
    metrics.redisUp.set(worker.secondsWithoutStore > 0 || awaited == .store ? 0 : 1)
    metrics.ready.set(status.isReady ? 1 : 0)
    metrics.consumerStatus.with(group).set(Self.state(worker, status, isLogAway))
  }

  /// Burrow's states: 1 ok, 2 behind, 3 the log does not answer, 4 stopped.
  private static func state(_ worker: Worker, _ status: WorkerStatus, _ isLogAway: Bool) -> Double {
    if worker.pauseReason != nil { return 4 }
    if isLogAway { return 3 }
    return status.isReady || status.lag == 0 ? 1 : 2
  }

  private mutating func reportLag(_ worker: Worker, _ status: WorkerStatus) {
    let entries = worker.lag()
    var (sum, most, oldest) = (0.0, 0.0, 0.0)
    for entry in entries {
      let partition = String(entry.partition.partition)
      let records = Double(entry.records)
      let seconds = entry.records > 0 && entry.lastTime > 0 ? Double(max(0, status.at - entry.lastTime)) / 1000 : 0
      metrics.lagRecords.with(entry.partition.topic, partition).set(records)
      metrics.lagSeconds.with(entry.partition.topic, partition).set(seconds)
      metrics.groupLag.with("kafka", group, entry.partition.topic, partition).set(records)
      metrics.groupLagSeconds.with("kafka", group, entry.partition.topic, partition).set(seconds)
      (sum, most, oldest) = (sum + records, max(most, records), max(oldest, seconds))
    }
    metrics.groupSumLag.with("kafka", group).set(sum)
    metrics.groupMaxLag.with("kafka", group).set(most)
    metrics.groupMaxLagSeconds.with("kafka", group).set(oldest)
    metrics.partitionsAssigned.set(Double(entries.count))
  }

  private mutating func reportEvents(_ worker: Worker, _ status: WorkerStatus) {
    for topic in status.topics {
      metrics.eventsConsumed.with(topic.topic, types[topic.topic] ?? "any").add(
        growth("consumed " + topic.topic, UInt64(max(0, topic.events))))
    }
    let tally = worker.road.totals
    metrics.eventsRejected.with("all", "duplicate").add(growth("duplicate", tally[.duplicate]))
    for (reason, count) in worker.recordsSkipped {
      metrics.eventsRejected.with("all", reason).add(growth("skipped " + reason, count))
    }
    for counter in Counter.allCases
    where counter != .folded && counter != .duplicate && !Self.outcomes.contains(where: { $0.0 == counter }) {
      metrics.eventsNoted.with("all", counter.name).add(growth(counter.name, tally[counter]))
    }
    reportDecisions(worker, tally)
    for (topic, reasons) in worker.status.deadLettersByTopic {
      for (reason, count) in reasons {
        metrics.deadLetters.with(topic, reason).add(growth("letter \(topic) \(reason)", count))
      }
    }
  }

  private mutating func reportDrift(_ drift: DriftCounts) {
    for (metric, score) in drift.score { metrics.driftScore.with("relative", metric).set(score) }
    for (name, count) in drift.fired {
      metrics.driftAlerts.with("relative", name.metric, name.severity).add(
        growth("drift \(name.metric) \(name.severity)", UInt64(count)))
    }
    let firing = drift.firing
    drifting.formUnion(firing.keys)
    for name in drifting {
      metrics.driftActive.with("relative", name.metric, name.severity).set(Double(firing[name] ?? 0))
    }
  }

  private mutating func reportState(_ worker: Worker, _ status: WorkerStatus) {
    let saved = growth("checkpoints", worker.status.checkpoints)
    metrics.checkpoints.with(Self.store).add(saved)
    if saved > 0 {
      metrics.checkpointSeconds.with(Self.store).observe(Double(worker.status.lastCheckpointNs) / 1e9, count: saved)
    }
    metrics.checkpointErrors.with(Self.store).add(growth("checkpoint errors", worker.status.checkpointFailures))
    if let age = status.checkpoint.ageS { metrics.checkpointAge.with(Self.store).set(age) }
    metrics.stateBytes.with(Self.store).set(Double(worker.status.stateBytes))
    metrics.stateRows.with("viewer").set(Double(status.viewers))
    metrics.stateRows.with("title").set(Double(status.titles))
  }

  private mutating func reportStore(_ worker: Worker, _ status: WorkerStatus) {
    for latency in worker.takeLatencies() { metrics.eventToPublish.with("all").observe(latency) }
    metrics.dirtyKeys.set(Double(status.dirtyKeys))
    let rows = growth("writes", worker.keysWritten)
    let batches = growth("batches", worker.batchesConfirmed)
    metrics.featureWrites.with("all").add(rows)
    if batches > 0 { metrics.featureWriteBatch.with("all").observe(Double(rows) / Double(batches), count: batches) }
    let errors = growth("store errors", worker.storeErrors)
    metrics.redisErrors.with("publish").add(errors)
    metrics.featureWriteErrors.with("all").add(errors)
    if let freshness = status.freshnessS { metrics.featureFreshness.with("all", group).set(freshness) }
  }

  private static let outcomes: [(Learners.Counter, String)] = [
    (.rewardJoined, "joined"), (.rewardJoinedEarly, "joined_dangling"), (.rewardEarly, "dangling"),
    (.rewardDefault, "default_reward"), (.rewardUnobserved, "unobserved"), (.rewardEvicted, "evicted"),
    (.rewardOutOfOrder, "out_of_order"), (.rewardLate, "late_reward"),
  ]

  private mutating func reportDecisions(_ worker: Worker, _ tally: Tally) {
    for (counter, outcome) in Self.outcomes {
      metrics.joins.with(outcome).add(growth("join " + outcome, tally[counter]))
    }
    let pending = worker.road.pendingDecisions
    metrics.pendingDecisions.set(Double(pending.waiting))
    metrics.danglingRewards.set(Double(pending.early))
    let snapshots = worker.road.modelSnapshots
    metrics.modelSnapshots.add(growth("snapshots", snapshots.published))
    metrics.modelSnapshotsTooLarge.add(growth("snapshots too large", snapshots.tooLarge))
    for model in worker.road.learningModels {
      reportModel(model.name, model.health, arms: model.armCount, learned: model.learned, refused: model.refused)
    }
    if let arms = worker.road.lookAtArms() {
      reportModel(Self.arms, arms.whole, arms: arms.count, learned: arms.learned, refused: arms.refused)
      metrics.modelEvictions.with(Self.arms).add(growth("arms evicted", arms.evictions))
    }
  }

  /// What the titles' own arms are called among the models.
  private static let arms = "arms"

  private mutating func reportModel(
    _ name: String, _ health: ModelHealth, arms: Int, learned: UInt64, refused: UInt64
  ) {
    metrics.modelUpdates.with(name).add(growth("learned " + name, learned))
    metrics.modelUpdateErrors.with(name).add(growth("refused " + name, refused))
    metrics.modelCondition.with(name).set(health.condition)
    metrics.modelAsymmetry.with(name).set(health.asymmetry)
    metrics.modelRebuilds.with(name).add(growth("rebuilds " + name, UInt64(max(0, health.rebuilds))))
    metrics.modelSolveFailures.with(name).add(growth("solve failures " + name, UInt64(max(0, health.failures))))
    metrics.modelBytes.with(name).set(Double(health.byteCount))
    metrics.modelArms.with(name).set(Double(arms))
  }
}

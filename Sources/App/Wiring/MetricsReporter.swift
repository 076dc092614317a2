import Learners
import Pipeline
import Telemetry

/// Brings the worker's plain counters into the exported metrics, four times a second, on the worker's thread.
struct MetricsReporter {
  private let metrics: WorkerMetrics
  private let group: String
  private var totals: [String: UInt64] = [:]

  init(_ metrics: WorkerMetrics, group: String) {
    self.metrics = metrics
    self.group = group
  }

  /// What a running total has grown by since the last report.
  private mutating func growth(_ name: String, _ total: UInt64) -> Int {
    let before = totals[name] ?? 0
    totals[name] = total
    return total >= before ? Int(total - before) : 0
  }

  mutating func report(_ worker: Worker, _ status: WorkerStatus) {
    for topic in status.topics {
      metrics.eventsConsumed.with(topic.topic, "all").add(
        growth("consumed " + topic.topic, UInt64(max(0, topic.events))))
    }
    for entry in worker.lag() {
      let partition = String(entry.partition.partition)
      metrics.lagRecords.with(entry.partition.topic, partition).set(Double(entry.records))
      metrics.groupLag.with("kafka", group, entry.partition.topic, partition).set(Double(entry.records))
      let seconds = entry.records > 0 && entry.lastTime > 0 ? Double(max(0, status.at - entry.lastTime)) / 1000 : 0
      metrics.lagSeconds.with(entry.partition.topic, partition).set(seconds)
      metrics.groupLagSeconds.with("kafka", group, entry.partition.topic, partition).set(seconds)
    }
    let tally = worker.road.totals
    metrics.eventsRejected.with("all", "duplicate").add(growth("duplicate", tally[.duplicate]))
    for counter in Counter.allCases where counter != .folded && counter != .duplicate {
      metrics.eventsNoted.with("all", counter.name).add(growth(counter.name, tally[counter]))
    }
    for letter in status.deadLetters {
      metrics.deadLetters.with(letter.topic, letter.reason).add(growth("letter " + letter.reason, UInt64(letter.count)))
    }
    for latency in worker.takeLatencies() { metrics.eventToPublish.with("all").observe(latency) }
    metrics.turns.add(growth("turns", worker.status.turn))
    metrics.checkpoints.with("sqlite").add(growth("checkpoints", worker.status.checkpoints))
    metrics.checkpointErrors.with("sqlite").add(growth("checkpoint errors", worker.status.checkpointFailures))
    if let age = status.checkpoint.ageS { metrics.checkpointAge.with("sqlite").set(age) }
    metrics.stateBytes.with("sqlite").set(Double(worker.status.stateBytes))
    metrics.stateRows.with("viewer").set(Double(status.viewers))
    metrics.stateRows.with("title").set(Double(status.titles))
    metrics.dirtyKeys.set(Double(status.dirtyKeys))
    metrics.featureWrites.with("all").add(growth("writes", worker.keysWritten))
    metrics.redisErrors.with("publish").add(growth("store errors", worker.storeErrors))
    metrics.kafkaErrors.with("consume").add(growth("kafka errors", worker.status.kafkaErrors))
    if let freshness = status.freshnessS { metrics.featureFreshness.with("all", group).set(freshness) }
    metrics.redisUp.set(worker.secondsWithoutStore > 0 ? 0 : 1)
    metrics.kafkaUp.set(worker.secondsWithoutLog > 0 ? 0 : 1)
    metrics.ready.set(status.isReady ? 1 : 0)
    metrics.partitionsAssigned.set(Double(worker.lag().count))
  }
}

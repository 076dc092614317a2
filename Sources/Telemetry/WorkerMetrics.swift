/// Every metric a worker exports about its work, registered at once so that all stand at 0 before the first event.
///
/// Names follow what exporters of this field already use; dashboards and alert rules in `deploy/` are tested
/// against this table.
public final class WorkerMetrics: Sendable {
  /// Seconds; the buckets feature stores use for latency, with three finer ones below.
  public static let latencyBounds: [Double] = [
    0.0001, 0.00025, 0.0005, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
  ]
  /// Seconds from a decision to its reward.
  public static let delayBounds: [Double] = [1, 5, 15, 60, 300, 900, 3600, 14_400, 86_400, 604_800]

  public let registry: Metrics
  /// topic, type (`any` where a topic carries several)
  public let eventsConsumed: CounterFamily
  /// topic, reason: not folded, and no dead letter either (duplicate, unknown_type, ...)
  public let eventsRejected: CounterFamily
  /// topic, reason
  public let deadLetters: CounterFamily
  /// topic, note: folded, but something about it is worth a number (late, clock_ahead, unknown_title, ...)
  public let eventsNoted: CounterFamily
  /// stage
  public let processSeconds: HistogramFamily
  /// view
  public let eventToPublish: HistogramFamily
  /// topic, partition
  public let lagRecords: GaugeFamily
  /// topic, partition
  public let lagSeconds: GaugeFamily
  /// cluster_name, group, topic, partition; the names of kafka-lag-exporter
  public let groupLag: GaugeFamily
  public let groupLagSeconds: GaugeFamily
  /// cluster_name, group
  public let groupMaxLag: GaugeFamily
  public let groupMaxLagSeconds: GaugeFamily
  public let groupSumLag: GaugeFamily
  /// group; 1 ok, 2 warning, 3 error, 4 stopped, 5 stalled, 6 rewound (Burrow's states)
  public let consumerStatus: GaugeFamily
  public let rebalances: Counter
  public let partitionsAssigned: Gauge
  public let revokeSeconds: Histogram
  public let turns: Counter
  /// store
  public let checkpoints: CounterFamily
  public let checkpointErrors: CounterFamily
  public let checkpointSeconds: HistogramFamily
  public let checkpointAge: GaugeFamily
  public let stateBytes: GaugeFamily
  /// table
  public let stateRows: GaugeFamily
  public let dirtyKeys: Gauge
  /// policy
  public let modelUpdates: CounterFamily
  public let modelUpdateErrors: CounterFamily
  /// model
  public let modelCondition: GaugeFamily
  public let modelAsymmetry: GaugeFamily
  public let modelRebuilds: CounterFamily
  public let modelSolveFailures: CounterFamily
  public let modelBytes: GaugeFamily
  public let modelArms: GaugeFamily
  public let modelEvictions: CounterFamily
  public let modelSnapshots: Counter
  public let modelSnapshotsTooLarge: Counter
  /// outcome
  public let joins: CounterFamily
  /// kind
  public let rewardDelay: HistogramFamily
  public let pendingDecisions: Gauge
  public let danglingRewards: Gauge
  /// view
  public let featureWrites: CounterFamily
  public let featureWriteErrors: CounterFamily
  public let featureWriteBatch: HistogramFamily
  /// view, status: present or not_found; rows looked up through the admin port
  public let featureReads: CounterFamily
  /// feature_view, project
  public let featureFreshness: GaugeFamily
  /// code
  public let redisErrors: CounterFamily
  public let kafkaErrors: CounterFamily
  public let redisUp: Gauge
  public let kafkaUp: Gauge
  /// detector, metric
  public let driftScore: GaugeFamily
  /// detector, metric, severity
  public let driftAlerts: CounterFamily
  public let driftActive: GaugeFamily
  public let ready: Gauge

  public init(_ metrics: Metrics, version: String, commit: String, swift: String) {
    registry = metrics
    func counter(_ name: String, _ help: String, _ labels: [String] = []) -> CounterFamily {
      metrics.counter("thalweg_" + name, help, labels: labels)
    }
    func gauge(_ name: String, _ help: String, _ labels: [String] = []) -> GaugeFamily {
      metrics.gauge("thalweg_" + name, help, labels: labels)
    }
    func histogram(_ name: String, _ help: String, _ bounds: [Double], _ labels: [String] = []) -> HistogramFamily {
      metrics.histogram("thalweg_" + name, help, bounds: bounds, labels: labels)
    }
    let latency = Self.latencyBounds
    eventsConsumed = counter("events_consumed_total", "Records read and folded, by type of event.", ["topic", "type"])
    eventsRejected = counter("events_rejected_total", "Records not folded, by reason.", ["topic", "reason"])
    deadLetters = counter(
      "dead_letters_total", "Records sent to the dead-letter topic, by reason.", ["topic", "reason"])
    eventsNoted = counter("events_noted_total", "Events folded although something is odd.", ["topic", "note"])
    processSeconds = histogram("event_process_duration_seconds", "Time of one turn per stage.", latency, ["stage"])
    eventToPublish = histogram(
      "event_to_publish_seconds", "From a record's arrival to its features confirmed by the store.", latency, ["view"])
    lagRecords = gauge("consumer_lag_records", "Records not yet folded.", ["topic", "partition"])
    lagSeconds = gauge("consumer_lag_seconds", "Age of the oldest record not yet folded.", ["topic", "partition"])
    let groupLabels = ["cluster_name", "group", "topic", "partition"]
    groupLag = metrics.gauge("kafka_consumergroup_group_lag", "Records not yet folded.", labels: groupLabels)
    groupLagSeconds = metrics.gauge(
      "kafka_consumergroup_group_lag_seconds", "Age of the oldest record not yet folded.", labels: groupLabels)
    func whole(_ name: String, _ help: String) -> GaugeFamily {
      metrics.gauge("kafka_consumergroup_group_" + name, help, labels: ["cluster_name", "group"])
    }
    groupMaxLag = whole("max_lag", "Records not yet folded of the partition with the most.")
    groupMaxLagSeconds = whole("max_lag_seconds", "Age of the oldest record not yet folded of all partitions.")
    groupSumLag = whole("sum_lag", "Records not yet folded of all partitions.")
    consumerStatus = gauge(
      "consumer_status", "1 ok, 2 warning, 3 error, 4 stopped, 5 stalled, 6 rewound.", ["group"])
    rebalances = counter("rebalances_total", "Rebalances of the group this worker took part in.").with()
    partitionsAssigned = gauge("partitions_assigned", "Partitions this worker reads.").with()
    revokeSeconds = histogram("revoke_duration_seconds", "Time to hand partitions back.", latency).with()
    turns = counter("turns_total", "Turns folded.").with()
    checkpoints = counter("checkpoints_total", "Checkpoints saved.", ["store"])
    checkpointErrors = counter("checkpoint_errors_total", "Checkpoints that failed.", ["store"])
    checkpointSeconds = histogram("checkpoint_duration_seconds", "Time to save a checkpoint.", latency, ["store"])
    checkpointAge = gauge("checkpoint_age_seconds", "Time since the last checkpoint was saved.", ["store"])
    stateBytes = gauge("state_bytes", "Size of the state as saved.", ["store"])
    stateRows = gauge("state_rows", "Rows of the state in memory.", ["table"])
    dirtyKeys = gauge("dirty_keys", "Feature rows changed and not yet confirmed by the store.").with()
    modelUpdates = counter("model_updates_total", "Rewards a model learned from.", ["policy"])
    modelUpdateErrors = counter("model_update_errors_total", "Updates a model refused.", ["policy"])
    modelCondition = gauge("model_condition", "Bound of a model's condition number.", ["policy"])
    modelAsymmetry = gauge("model_asymmetry", "Largest relative asymmetry of a model's inverses.", ["policy"])
    modelRebuilds = counter("model_rebuilds_total", "Inverses made anew because a check failed.", ["policy"])
    modelSolveFailures = counter(
      "model_solve_failures_total", "Solves that found the sums not positive definite.", ["policy"])
    modelBytes = gauge("model_bytes", "Size of a model in memory.", ["policy"])
    modelArms = gauge("model_arms", "Arms with a state of their own.", ["policy"])
    modelEvictions = counter("model_evictions_total", "Arms that gave way to others at arms.max.", ["policy"])
    modelSnapshots = counter("model_snapshots_total", "Model snapshots published.").with()
    modelSnapshotsTooLarge = counter(
      "model_snapshots_too_large_total", "Model snapshots above model.max_bytes, not published."
    ).with()
    joins = counter("join_total", "Decisions joined with rewards, by outcome.", ["outcome"])
    rewardDelay = histogram("reward_delay_seconds", "From a decision to its reward.", Self.delayBounds, ["kind"])
    pendingDecisions = gauge("pending_decisions", "Decisions waiting for a reward.").with()
    danglingRewards = gauge("dangling_rewards", "Rewards waiting for their decision.").with()
    featureWrites = counter("feature_writes_total", "Feature rows written.", ["view"])
    featureWriteErrors = counter("feature_write_errors_total", "Feature batches the store did not take.", ["view"])
    featureWriteBatch = histogram(
      "feature_write_batch_size", "Rows per batch.", [1, 4, 16, 64, 256, 1024, 4096, 16_384], ["view"])
    featureReads = counter("feature_read_total", "Rows looked up, by outcome.", ["view", "status"])
    featureFreshness = gauge(
      "feature_freshness_seconds", "Age of the newest event whose features are published.", ["feature_view", "project"])
    redisErrors = counter("redis_errors_total", "Failures of the feature store's connection.", ["code"])
    kafkaErrors = counter("kafka_errors_total", "Errors the Kafka client reported.", ["code"])
    redisUp = gauge("redis_up", "1 while the feature store answers.").with()
    kafkaUp = gauge("kafka_up", "1 while a broker answers.").with()
    driftScore = gauge("drift_score", "Newest statistic of a detector.", ["detector", "metric"])
    driftAlerts = counter("drift_alerts_total", "Drift alerts raised.", ["detector", "metric", "severity"])
    driftActive = gauge("drift_active", "Drift alerts firing now.", ["detector", "metric", "severity"])
    ready = gauge("ready", "1 while the worker is ready, as /ready says.").with()
    gauge("build_info", "Always 1; what is running.", ["version", "commit", "swift"]).with(version, commit, swift).set(
      1)
    ProcessFacts.register(in: metrics)
    prepareFixedSeries()
  }

  static let joinOutcomes = [
    "joined", "joined_dangling", "dangling", "default_reward", "unobserved", "evicted", "out_of_order", "late_reward",
  ]
  /// Parts of the road that are timed, by turn.
  public static let stages = ["plan", "fold", "publish", "save"]

  /// Puts every series of an input topic at 0.
  ///
  /// - Parameters:
  ///   - reasons: Why a record becomes a dead letter.
  public func prepare(topic: String, type: String, reasons: [String]) {
    _ = eventsConsumed.with(topic, type)
    for reason in reasons { _ = deadLetters.with(topic, reason) }
  }

  private func prepareFixedSeries() {
    for outcome in Self.joinOutcomes { _ = joins.with(outcome) }
    for stage in Self.stages { _ = processSeconds.with(stage) }
    _ = eventToPublish.with("all")
    _ = featureWrites.with("all")
    _ = featureWriteErrors.with("all")
    _ = featureWriteBatch.with("all")
    for view in ["user", "content"] {
      for status in ["present", "not_found"] { _ = featureReads.with(view, status) }
    }
    let store = "sqlite"
    _ = checkpoints.with(store)
    _ = checkpointErrors.with(store)
    _ = checkpointSeconds.with(store)
    _ = checkpointAge.with(store)
    _ = stateBytes.with(store)
    for table in ["viewer", "title"] { _ = stateRows.with(table) }
    _ = redisErrors.with("publish")
    for code in ["consume", "commit"] { _ = kafkaErrors.with(code) }
  }
}

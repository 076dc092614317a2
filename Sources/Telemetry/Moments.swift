/// A thing that happened, worth a line and a number; one call gives both.
public protocol Moment {
  func emit(_ metrics: WorkerMetrics, _ log: Log)
}

/// A record that could not become an event went to the dead-letter topic.
public struct RecordRejected: Moment {
  public var topic: String
  public var partition: Int32
  public var offset: Int64
  public var reason: String
  public init(topic: String, partition: Int32, offset: Int64, reason: String) {
    self.topic = topic
    self.partition = partition
    self.offset = offset
    self.reason = reason
  }
  public func emit(_ metrics: WorkerMetrics, _ log: Log) {
    metrics.deadLetters.with(topic, reason).add()
    log.warning(
      "record set aside", mend: "look with `thalweg dead-letters tail`; mend the producer or the mapping, then replay",
      [
        "topic": .text(topic), "partition": .integer(Int(partition)), "offset": .integer(Int(offset)),
        "reason": .text(reason),
      ])
  }
}

/// The state was saved together with the position it stands for.
public struct CheckpointSaved: Moment {
  public var store: String
  public var seconds: Double
  public var rows: Int
  public var bytes: Int
  public init(store: String = "state", seconds: Double, rows: Int, bytes: Int) {
    self.store = store
    self.seconds = seconds
    self.rows = rows
    self.bytes = bytes
  }
  public func emit(_ metrics: WorkerMetrics, _ log: Log) {
    metrics.checkpoints.with(store).add()
    metrics.checkpointSeconds.with(store).observe(seconds)
    log.debug("checkpoint saved", ["rows": .integer(rows), "bytes": .integer(bytes), "seconds": .real(seconds)])
  }
}

/// The state could not be saved; the worker goes on and tries again.
public struct CheckpointFailed: Moment {
  public var store: String
  public var cause: String
  public init(store: String = "state", cause: String) {
    self.store = store
    self.cause = cause
  }
  public func emit(_ metrics: WorkerMetrics, _ log: Log) {
    metrics.checkpointErrors.with(store).add()
    log.error(
      "checkpoint failed",
      mend: "free room on the disk of state_dir or mend its permissions; the next one is tried by itself",
      ["store": .text(store), "cause": .text(cause)])
  }
}

/// The feature store stopped answering; features wait in memory and are sent again.
public struct StoreLost: Moment {
  public var code: String
  public var cause: String
  public init(code: String, cause: String) {
    self.code = code
    self.cause = cause
  }
  public func emit(_ metrics: WorkerMetrics, _ log: Log) {
    metrics.redisErrors.with(code).add()
    metrics.redisUp.set(0)
    log.warning(
      "feature store lost",
      mend: "check that Redis runs and its address, password and TLS settings; writes resume by themselves",
      ["code": .text(code), "cause": .text(cause)])
  }
}

/// The feature store answers again.
public struct StoreBack: Moment {
  public var seconds: Double
  public init(seconds: Double) { self.seconds = seconds }
  public func emit(_ metrics: WorkerMetrics, _ log: Log) {
    metrics.redisUp.set(1)
    log.info("feature store back", ["away_seconds": .real(seconds)])
  }
}

/// The Kafka client reported an error.
public struct BrokerTrouble: Moment {
  public var code: String
  public var cause: String
  public var isDown: Bool
  public init(code: String, cause: String, isDown: Bool) {
    self.code = code
    self.cause = cause
    self.isDown = isDown
  }
  public func emit(_ metrics: WorkerMetrics, _ log: Log) {
    metrics.kafkaErrors.with(code).add()
    if isDown { metrics.kafkaUp.set(0) }
    log.warning(
      "kafka trouble", mend: "run `thalweg doctor`; reading resumes by itself when a broker answers",
      ["code": .text(code), "cause": .text(cause)])
  }
}

/// The set of partitions this worker reads changed.
public struct Rebalanced: Moment {
  public var partitions: Int
  public init(partitions: Int) { self.partitions = partitions }
  public func emit(_ metrics: WorkerMetrics, _ log: Log) {
    metrics.rebalances.add()
    metrics.partitionsAssigned.set(Double(partitions))
    log.info("partitions assigned", ["partitions": .integer(partitions)])
  }
}

/// A drift detector fired or calmed down.
public struct DriftMoment: Moment {
  public var detector: String
  public var metric: String
  public var severity: String
  public var isFiring: Bool
  public init(detector: String, metric: String, severity: String, isFiring: Bool) {
    self.detector = detector
    self.metric = metric
    self.severity = severity
    self.isFiring = isFiring
  }
  public func emit(_ metrics: WorkerMetrics, _ log: Log) {
    if isFiring { metrics.driftAlerts.with(detector, metric, severity).add() }
    metrics.driftActive.with(detector, metric, severity).add(isFiring ? 1 : -1)
    let fields: Log.Fields = ["detector": .text(detector), "metric": .text(metric), "severity": .text(severity)]
    if isFiring {
      log.warning(
        "drift detected",
        mend: "see the alert on the alerts topic or the page; compare what changed upstream at that time",
        fields)
    } else {
      log.info("drift resolved", fields)
    }
  }
}

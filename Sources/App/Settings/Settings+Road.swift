public import Options

public struct LimitSettings: Sendable {
  @Option(
    "event_bytes", "Larger events of our own topics become dead letters too_large; a mapping says its own max_bytes.",
    in: .kibibytes(1)...(.mebibytes(16)))
  public var eventBytes = ByteCount.kibibytes(64)
  @Option(
    "catalog_bytes", "The same for catalog rows and decisions.",
    in: .kibibytes(1)...(.mebibytes(16))) public var catalogBytes = ByteCount.mebibytes(1)
  @Option(
    "clamp_ahead", "An event time further ahead of its record's Kafka timestamp is set back to this and counted.",
    in: .zero...(.days(365))) public var clampAhead: Duration = .minutes(5)
  @Option("refuse_before_2000", "Event times before the year 2000 become dead letters too_old.")
  public var refuseBefore2000 = false
  @Option(
    "dead_letter_share",
    "Stops reading and folding, with an error in the log and /ready refusing, once more than this share of the records of 10 s (at least 100) would become dead letters; a start goes on; off = never.",
    in: 0.001...1) public var deadLetterShare: Double? = nil
  public init() {}
}

public struct DedupSettings: Sendable {
  @Option("window", "An id that comes again within this time is dropped and counted.", in: .minutes(1)...(.days(30)))
  public var window: Duration = .hours(24)
  @Option("max_bytes", "Ceiling of the ids remembered; the oldest go first.", in: .mebibytes(1)...(.gibibytes(64)))
  public var maxBytes = ByteCount.mebibytes(64)
  public init() {}
}

public struct AlignSettings: Sendable {
  @Option(
    "max_wait", "Longest wait for a partition that is known to have more, once caught up.",
    in: .zero...(.minutes(10))) public var maxWait: Duration = .seconds(1)
  @Option(
    "max_bytes", "Ceiling of decoded records that wait for their turn; above it partitions pause.",
    in: .mebibytes(8)...(.gibibytes(256))) public var maxBytes = ByteCount.mebibytes(448)
  public init() {}
}

public struct CheckpointSettings: Sendable {
  @Option(
    "interval",
    "Time between two checkpoints; longer by itself when one takes a core for more than an eighth of it or a quarter of it in all, down to an eighth where 20,000 viewers and titles changed and nothing waits.",
    in: .milliseconds(10)...(.hours(1))) public var interval: Duration = .seconds(1)
  public init() {}
}

public struct PlanSettings: Sendable {
  @Option("keep", "How long plans are kept for replay.", in: .minutes(1)...(.days(3650)))
  public var keep: Duration = .days(7)
  @Option(
    "max_bytes", "Room that plans take on the disk; beyond it the oldest go before their time.",
    in: .mebibytes(1)...(.gibibytes(65536))) public var maxBytes = ByteCount.gibibytes(4)
  public init() {}
}

public struct ViewerSettings: Sendable {
  @Option("idle", "A viewer's state and rows end so long after the last event; 0 = never.", in: .zero...(.days(3650)))
  public var idle: Duration = .days(90)
  public init() {}
}

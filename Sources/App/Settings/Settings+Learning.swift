public import Options

public struct TrustSettings: Sendable {
  @Option("preset", "Table of coefficients and of what counts as what.") public var preset = TrustPresetName.v2
  @Option("sweep_at", "Time of day (UTC) at which scores that decayed are published again.")
  public var sweepAt = TimeOfDay(hour: 4)
  @Option("sweep_change", "Least change of a score that the sweep publishes.", in: 0...1)
  public var sweepChange = 0.005
  @Option("filter", "passes_filter is true from this score on.", in: 0...1) public var filter = 0.6
  @Option("caps", "At most 5 impressions, 3 clicks and 1 completion per viewer, title and day count.")
  public var caps = PresetSwitch.preset
  @Option("replacement", "A rating of the same viewer and title replaces the earlier one.")
  public var replacement = PresetSwitch.preset
  @Option("gate", "A title is unproven until it has evidence of 50 events.") public var gate = PresetSwitch.preset
  public init() {}
}

public struct AffinitySettings: Sendable {
  @Option("signal", "What moves genre affinities: engagement of watches or (stars - 1) / 4 of ratings.")
  public var signal = AffinitySignalName.watch
  @Option("decay", "What a genre's affinity keeps at each event.", in: 0...0.9999) public var decay = 0.95
  @Option("half_life", "Half-life of affinity_timed, the form that decays by time.", in: .minutes(1)...(.days(3650)))
  public var halfLife: Duration = .days(7)
  public init() {}
}

public struct EngagementSettings: Sendable {
  @Section("weights", "Engagement = the weighted sum of these, held in 0 to 1; the last two are subtracted.")
  public var weights = EngagementWeightSettings()
  public init() {}
}

public struct EngagementWeightSettings: Sendable {
  @Option("completion", "Share of the title that was watched.", in: 0...1) public var completion = 0.4
  @Option("liked", "The viewer liked it.", in: 0...1) public var liked = 0.2
  @Option("favorited", "The viewer made it a favorite.", in: 0...1) public var favorited = 0.2
  @Option("shared", "The viewer shared it.", in: 0...1) public var shared = 0.2
  @Option("skipped_early", "Subtracted: ended by the viewer before a tenth.", in: 0...1) public var skippedEarly = 0.3
  @Option("paused_frequently", "Subtracted: more than 6 pauses an hour.", in: 0...1) public var pausedFrequently = 0.2
  public init() {}
}

public struct EmbeddingSettings: Sendable {
  @Option("dim", "Length of the catalog's vectors; 0 = that of the first one.", in: 0...2048) public var dim = 0
  public init() {}
}

public struct VectorSettings: Sendable {
  @Option("form", "unit = unit vectors throughout; plain = u := decay u + (1 - decay) g c as it is.")
  public var form = VectorFormName.unit
  @Option("decay", "What the vector keeps at each event.", in: 0...0.9999) public var decay = 0.95
  public init() {}
}

public struct HistorySettings: Sendable {
  @Option(
    "form", "d5 = recency, rating and genre share; d6 = rating only; d7 = a running mean over entries.")
  public var form = HistoryFormName.d5
  @Option("titles", "Entries kept per viewer; the one of least decayed weight goes first.", in: 1...4096)
  public var titles = 256
  public init() {}
}

public struct TemporalSettings: Sendable {
  @Option("decay", "What each bin keeps at each watch.", in: 0...0.9999) public var decay = 0.95
  public init() {}
}

public struct SessionSettings: Sendable {
  @Option("idle", "A longer silence ends a session.", in: .seconds(10)...(.days(1)))
  public var idle: Duration = .minutes(30)
  public init() {}
}

public struct TrendSettings: Sendable {
  @Option("tau", "Time in which a title's trend falls to 1/e without events.", in: .seconds(10)...(.days(365)))
  public var tau: Duration = .hours(6)
  @Option("click", "What a click adds.", in: 0...100) public var click = 0.4
  @Option("watch", "What a watch adds.", in: 0...100) public var watch = 1.0
  public init() {}
}

public struct PopularitySettings: Sendable {
  @Option("tau", "Time in which a title's popularity falls to 1/e without watches.", in: .seconds(10)...(.days(3650)))
  public var tau: Duration = .days(7)
  public init() {}
}

public struct DriftSettings: Sendable {
  @Option("bucket", "Width of a bucket; metrics are judged at each boundary.", in: .seconds(1)...(.hours(24)))
  public var bucket: Duration = .minutes(5)
  @Option("current", "Buckets of the current window.", in: 1...1000) public var current = 12
  @Option("baseline_bucket", "Width of one step of the baseline.", in: .seconds(1)...(.hours(24)))
  public var baselineBucket: Duration = .hours(1)
  @Option("baseline", "Steps of the baseline, ending one step before the current window's hour.", in: 1...1000)
  public var baseline = 167
  @Option("min_count", "Least events on both sides for a judgement.", in: 1...1_000_000_000)
  public var minCount = 200
  @Option("threshold", "Least relative difference that fires.", in: 0...10) public var threshold = 0.1
  @Option("sigmas", "Standard errors that the difference must exceed too; 0 = the plain rule.", in: 0...100)
  public var sigmas = 3.0
  @Option("unjudged", "A firing alert resolves after so long without a judgement.", in: .seconds(1)...(.days(365)))
  public var unjudged: Duration = .hours(24)
  @Option(
    "max_bytes", "Ceiling of the titles' buckets; the longest untouched go first, counted.",
    in: .mebibytes(1)...(.gibibytes(64))) public var maxBytes = ByteCount.mebibytes(256)
  public init() {}
}

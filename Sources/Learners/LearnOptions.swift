/// Which folds run; what is off costs a test of a bit.
public struct Folds: OptionSet, Sendable {
  public let rawValue: UInt32
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// The event-driven vector (D4).
  public static let vector = Folds(rawValue: 1 << 0)
  /// Trust counters (C1-C9).
  public static let trust = Folds(rawValue: 1 << 1)
  /// Genre affinities (D2).
  public static let affinity = Folds(rawValue: 1 << 2)
  /// History entries (D5-D7).
  public static let history = Folds(rawValue: 1 << 3)
  /// Hour and weekday histograms (D8).
  public static let temporal = Folds(rawValue: 1 << 4)
  /// Recency bias and exploration (D9).
  public static let traits = Folds(rawValue: 1 << 5)
  /// Sessions (E6, E7).
  public static let session = Folds(rawValue: 1 << 6)
  /// Shown decisions: attribution of feedback.
  public static let decisions = Folds(rawValue: 1 << 7)
  /// Moods, companions, devices, platforms as counted from contexts.
  public static let context = Folds(rawValue: 1 << 8)
  /// Flags per title, blocks, queries, explicit preferences.
  public static let memory = Folds(rawValue: 1 << 9)
  /// Trend and popularity of titles (G8, G9).
  public static let trend = Folds(rawValue: 1 << 10)
  /// Metric windows and drift alerts (F1).
  public static let metrics = Folds(rawValue: 1 << 11)
  /// Arms and rewards: learned by the bandits, not here.
  public static let arms = Folds(rawValue: 1 << 12)

  public static let all = Folds(rawValue: (1 << 13) - 1)
  /// Workload W1.
  public static let w1: Folds = [.vector, .trust, .arms]

  /// The names of the setting `folds`.
  public static let names: [(String, Folds)] = [
    ("vector", .vector), ("trust", .trust), ("affinity", .affinity), ("history", .history), ("temporal", .temporal),
    ("traits", .traits), ("session", .session), ("decisions", .decisions), ("context", .context), ("memory", .memory),
    ("trend", .trend), ("metrics", .metrics), ("arms", .arms),
  ]
}

public enum VectorForm: UInt8, Sendable { case unit, plain }
public enum HistoryForm: UInt8, Sendable { case d5, d6, d7 }
public enum AffinitySignal: UInt8, Sendable { case watch, rate }

/// Numbers of the first drift rule (F1, decision 37). Times in ms.
public struct DriftOptions: Sendable, Equatable {
  public var bucketMs: Int64 = 300_000
  /// Buckets of the current window.
  public var currentBuckets: Int32 = 12
  /// A whole "hour" of the baseline.
  public var hourMs: Int64 = 3_600_000
  public var baselineHours: Int32 = 167
  public var minimumSamples: Int64 = 200
  public var threshold = 0.1
  /// Standard errors a deviation must pass too; 0 = the seed's rule.
  public var sigmas = 3.0
  /// An alert that could not be judged for so long resolves.
  public var unjudgedMs: Int64 = 86_400_000
  /// Of titles' series.
  public var maxBytes = 256 << 20

  public init() {}
}

/// Every setting of the folds, with its default. Plain values: a fold keeps its own copy.
public struct LearnOptions: Sendable {
  public var folds = Folds.all
  public var trust = TrustPreset.v2
  public var rewards = RewardTable.mediaV1
  public var engagement = EngagementWeights()

  /// Length of the vectors; 0 = none known.
  public var dimension = 0
  public var vectorForm = VectorForm.unit
  public var vectorDecay = 0.95

  public var affinitySignal = AffinitySignal.watch
  public var affinityDecay = 0.95
  /// Half-life of `affinity_timed`, ms.
  public var affinityHalfLifeMs: Int64 = 7 * 86_400_000

  public var historyForm = HistoryForm.d5
  public var historyTitles = 256
  /// Recency of the history form, ms.
  public var historyTauMs = 30.0 * 86_400_000
  public var historyGenreShare = 0.3
  public var historyDecay = 0.9
  public var historyMinimum: UInt32 = 3

  public var temporalDecay = 0.95
  public var recencyDecay = 0.95
  public var sessionIdleMs: Int64 = 30 * 60_000
  /// Viewer state ends so long after its last event; 0 = never. ms.
  public var viewerIdleMs: Int64 = 90 * 86_400_000

  public var trendTauMs = 6.0 * 3_600_000
  public var trendClick = 0.4
  public var trendWatch = 1.0
  public var popularityTauMs = 7.0 * 86_400_000

  /// A watch is complete from here on.
  public var completeAt = 0.9
  /// |change| of a score above which the sweep republishes a title.
  public var sweepThreshold = 0.005

  // Bounds per viewer (decision 39).
  public var capDays = 256
  public var flaggedTitles = 256
  public var ratedTitles = 64
  public var queries = 20
  public var decisionsKept = 64
  public var decisionItemsKept = 1024
  /// Feedback can name a decision for so long. ms.
  public var decisionMs: Int64 = 7 * 86_400_000

  public var drift = DriftOptions()

  public init() {}
}

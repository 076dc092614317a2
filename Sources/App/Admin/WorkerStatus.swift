/// What a worker says about itself: `/summary`, the page, its stream and the terminal view show nothing else.
///
/// Its size does not grow with viewers or titles: lists hold the first few. Times are Unix ms, durations
/// seconds; nil = not known yet, `null` in JSON. Member names in JSON are those of the properties in snake case.
public struct WorkerStatus: Sendable, Equatable {
  public struct Topic: Sendable, Equatable {
    public var topic = ""
    /// Since this start.
    public var events = 0
    public var eventsPerS = 0.0
    /// Records not yet folded, and the age of the oldest of them.
    public var lag = 0
    public var lagS = 0.0
    public init() {}
  }

  public struct Title: Sendable, Equatable {
    public var id = ""
    /// From the catalog; empty = unknown title.
    public var name = ""
    /// Overall trust, 0 to 1.
    public var trust = 0.0
    /// Decayed count.
    public var trend = 0.0
    /// In the order of ``WorkerStatus/componentNames``.
    public var components: [Double] = []
    /// Interactions the trust stands on.
    public var evidence = 0
    public init() {}
  }

  public struct Checkpoint: Sendable, Equatable {
    public var count = 0
    public var ageS: Double?
    public var durationS: Double?
    public var bytes = 0
    public init() {}
  }

  public struct Alert: Sendable, Equatable {
    public var id = ""
    /// Such as `content:v12` or `genre:drama`.
    public var scope = ""
    public var metric = ""
    public var baseline = 0.0
    public var current = 0.0
    public var firedAt: Int64 = 0
    /// nil = firing.
    public var resolvedAt: Int64?
    public init() {}
  }

  public struct DeadLetter: Sendable, Equatable {
    public var reason = ""
    public var count = 0
    /// The latest one.
    public var topic = ""
    public var partition: Int32 = 0
    public var offset: Int64 = 0
    public var field = ""
    /// First bytes of its value, as text.
    public var sample = ""
    public init() {}
  }

  public struct Genre: Sendable, Equatable {
    public var name = ""
    /// Corrected affinity.
    public var value = 0.0
    public init() {}
  }

  /// One viewer whose profile moves, chosen by the worker.
  public struct Viewer: Sendable, Equatable {
    public var id = ""
    /// Folded events.
    public var n = 0
    /// Highest first.
    public var affinity: [Genre] = []
    public var sessionCount = 0
    public var sessionEvents = 0
    public var sessionS = 0.0
    /// What was last seen of this viewer, in a few words.
    public var last = ""
    public init() {}
  }

  /// Names of a title's five trust components, as everywhere.
  public static let componentNames = [
    "source_reliability", "metadata_accuracy", "availability_confidence", "quality", "preference_confidence",
  ]

  public var version = ""
  public var group = ""
  /// When this was taken.
  public var at: Int64 = 0
  public var uptimeS = 0.0
  public var isReady = false
  /// `live`, or why not: `catching up: 12,345 records`, `feature store lost`.
  public var state = ""
  /// One sentence people should know, such as a demo's shortened times; empty = none.
  public var note = ""
  public var events = 0
  public var eventsPerS = 0.0
  public var topics: [Topic] = []
  public var freshnessS: Double?
  public var publishP50S: Double?
  public var publishP99S: Double?
  public var viewers = 0
  public var titles = 0
  public var dirtyKeys = 0
  public var checkpoint = Checkpoint()
  public var topTrust: [Title] = []
  public var topTrend: [Title] = []
  public var alertsFired = 0
  public var alertsResolved = 0
  /// Firing ones first, then the newest.
  public var alerts: [Alert] = []
  public var deadLetterCount = 0
  public var deadLetters: [DeadLetter] = []
  public var spotlight: Viewer?
  public init() {}

  public var lag: Int { topics.reduce(0) { $0 + $1.lag } }
  public var lagS: Double { topics.map(\.lagS).max() ?? 0 }
  public var alertsFiring: Int { alertsFired - alertsResolved }
}

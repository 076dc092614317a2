import Events
import Learners
import Ports

/// A topic the worker reads.
public struct InputTopic: Sendable, Equatable {
  public var name: String
  /// Index in the mapping's list of inputs.
  public var input: Int
  /// Read to its end before the first turn, outside the alignment (catalog, source).
  public var isReference: Bool
  public init(name: String, input: Int, isReference: Bool) {
    self.name = name
    self.input = input
    self.isReference = isReference
  }
}

/// Everything the loop is told. Times in milliseconds unless the name says otherwise.
public struct WorkerOptions: Sendable {
  public var group = "thalweg"
  public var inputs: [InputTopic] = []
  public var startAt = StartAt.earliest
  /// Ends by itself once everything that was there at the start is folded, published and saved.
  public var untilCaughtUp = false
  public var alignMaxWaitMs = 1000
  public var alignMaxBytes = 448 << 20
  /// Entries a turn holds at most, and twice as many deep in a backlog, where what goes with each turn while nobody folds,
  /// a plan and an order made by one thread, is what counts. Several shards take so many each, as they wait for each
  /// other at a turn's end.
  public var turnLimit = 12_288
  /// Entries that go through a stage together: the blocks between two stages, 128 bytes an entry, stay in a core's second
  /// cache.
  public var blockLimit = 512
  /// Records read at a time: some 2 ms of reading, after which it is seen whether the turn under way has ended.
  public var pollLimit = 4096
  /// Entries from which on a turn folds on a thread of its own: fewer are not worth two wake-ups.
  public var leastAside = 2048
  public var checkpointIntervalMs = 1000
  public var planKeepMs: Int64 = 7 * 86_400_000
  /// Room they may take; beyond it the oldest go before their time.
  public var planMaxBytes = 4 << 30
  public var shards = 1
  public var dedupWindowMs: Int64 = 86_400_000
  public var dedupMaxBytes = 64 << 20
  public var publishMaxDelayMs = 500
  /// Minute of the UTC day at which the trust sweep runs; nil = never.
  public var sweepMinute: Int? = 240
  public var deadLetterTopic = "dlq.events"
  public var alertsTopic = "alerts.drift"
  /// Stops reading once more than this share of 10 s of records became dead letters; nil = never.
  public var deadLetterShare: Double?
  /// Go on in a new epoch where a planned range reads differently.
  public var acceptGap = false
  /// False = the group is not told how far this run has come: it only looks.
  public var commitsOffsets = true
  /// Folds the turns that were planned, and nothing else; nil = an ordinary run.
  public var replay: ReplayPlan?
  /// Settings of the folds, hashed: a plan made under others does not replay to the same bytes.
  public var fingerprint: UInt64 = 0
  public var publish = PublishForm()
  /// Rows in another program's layout beside ours; nil = none.
  public var foreignRows: (any ForeignRows)?
  public var learn = LearnOptions()
  /// Decisions, their rewards and the models that learn from them, where `learn.folds` has decisions; nil = not.
  public var decisions: DecisionOptions? = DecisionOptions()
  /// Arms that learn from every event; nil = none do.
  public var arms: ArmOptions?
  public var sha256: @Sendable (UnsafeRawBufferPointer) -> [UInt8] = { _ in [] }
  /// Viewers and titles to size the tables for.
  public var expectedViewers = 1024
  public var expectedTitles = 1024

  public init() {}
}

/// What a replay by plans has to know of the run it repeats.
public struct ReplayPlan: Sendable {
  /// The manifest of the state that the plans led to.
  public var manifest: Manifest
  /// Last turn to fold.
  public var upTo: UInt64
  public init(manifest: Manifest, upTo: UInt64) {
    self.manifest = manifest
    self.upTo = upTo
  }
}

/// Why the worker stopped by itself.
public enum WorkerFault: Error, CustomStringConvertible, Sendable {
  /// A planned range does not read as it did.
  case gap(TopicPartition, from: Int64, to: Int64, detail: String)
  case state(StateFault)
  case port(PortError)
  /// There is no state and the feature store, which knows the last lineage, does not answer.
  case storeAway(PortError)
  case refused(String)

  public var description: String {
    switch self {
    case .gap(let partition, let from, let to, let detail):
      "\(partition.topic)[\(partition.partition)] offsets \(from)..<\(to) were planned but \(detail); restore the log, or start with --accept-gap to go on in a new epoch without them"
    case .state(let fault): "\(fault)"
    case .port(let error), .storeAway(let error): error.message
    case .refused(let text): text
    }
  }
}

import Bandits

/// What one item of a decision teaches, at its place in the order.
struct Lesson {
  enum Change {
    /// A += x xᵀ, b += r x.
    case learn(Double)
    case correct(from: Double, to: Double)
    /// Takes out what was learned with this context and time: the decision began at another moment, or its record
    /// came with another context.
    case retract(Double)
  }
  /// Merge time of the event, or when the timer was due.
  var at: Int64
  /// Timers run before the first record behind their time.
  var isTimer: Bool
  /// Place in its turn of the event, or of the record before which the timer ran.
  var entry: Int32
  var decision: UInt64
  var viewer: UInt64
  /// Order among those of one event or timer of a decision.
  var number: Int32
  var change: Change
  var title: UInt32
  /// The decision's own time.
  var time: Int64
  /// Where its context stands in the shard's cells.
  var cells: Int
  /// Index into the shard's policies, -1 = none is needed.
  var policy: Int32
  /// Index into the shard's resolved items, -1 = none is handed out.
  var resolved: Int32

  /// Total order of lessons, the same for any number of shards and wherever turns are cut.
  static func precedes(_ a: Lesson, _ b: Lesson) -> Bool {
    if a.entry != b.entry { return a.entry < b.entry }
    if a.isTimer != b.isTimer { return a.isTimer }
    if a.at != b.at { return a.at < b.at }
    if a.decision != b.decision { return a.decision < b.decision }
    if a.viewer != b.viewer { return a.viewer < b.viewer }
    return a.number < b.number
  }
}

/// What one shard's decisions taught during a turn.
struct LessonList {
  var lessons: [Lesson] = []
  var cells: [Int16] = []
  var policies: [String] = []
  var resolved: [ResolvedItem] = []

  mutating func removeAll() {
    lessons.removeAll(keepingCapacity: true)
    cells.removeAll(keepingCapacity: true)
    policies.removeAll(keepingCapacity: true)
    resolved.removeAll(keepingCapacity: true)
  }
}

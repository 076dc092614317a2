/// One genre of a viewer: 32 bytes.
struct Affinity: BitwiseCopyable {
  /// EMA from 0.
  var raw = 0.0
  /// Time-aware EMA, from the first value.
  var timed = 0.0
  /// Event time of its last update, unix ms.
  var at: Int64 = 0
  var updates: UInt32 = 0
  var genre: UInt16 = 0
  var spare: UInt16 = 0
}

/// A decision that this viewer was shown, 24 bytes; its items follow in ``ViewerRow/shown``.
struct ShownDecision: BitwiseCopyable {
  var hash: UInt64
  /// Event time of the record that opened it, unix ms.
  var time: Int64
  var items: UInt16
  var idBytes: UInt16
  /// Bit 0: an impression; bit 1: a decision record.
  var kinds: UInt32
}

/// One item of a shown decision, 8 bytes.
struct ShownTitle: BitwiseCopyable {
  var title: UInt32
  /// 1-based, 0 = not shown.
  var position: UInt16
  var isExplored: Bool
  /// Some feedback of positive value named it.
  var isAccepted: Bool
}

/// What is learned of a viewer.
///
/// Budget of a viewer with 100 lifetime events (60 watches, 30 clicks, 10 ratings of 60 titles, 20 genres), its id
/// with it: ``budget(dimension:)``. Shown decisions cost 24 + id + 8 an item, under their own bounds.
public struct ViewerRow: BitwiseCopyable {
  /// Bytes of the row itself; a test compares it with what the compiler lays out.
  public static let rowBudget = 488
  /// Bytes of one such viewer: row, vector, affinities 20 x 32, history 60 x 20, caps 60 x 8, ratings 10 x 8,
  /// platforms 16, a fifth of slack on the lists, id 80.
  public static func budget(dimension: Int) -> Int {
    rowBudget + (dimension + 15) / 16 * 64 + (20 * 32 + 60 * 20 + 60 * 8 + 10 * 8 + 16) * 6 / 5 + 80
  }

  struct Scalars: BitwiseCopyable {
    /// Bit 0 alive, bit 1 vector warm, bit 2 in the idle queue.
    var bits: UInt32 = 0
    var n: UInt32 = 0
    /// Merge time of the last event, unix ms.
    var touchedAt: Int64 = 0
    var watches: UInt32 = 0
    /// History form d7: entries so far, and their decayed weight.
    var historyCount: UInt32 = 0
    var historyWeight = 0.0
    var recency = 0.0
    var sessionStarted: Int64 = 0
    var sessionLast: Int64 = 0
    var pageViews: UInt32 = 0
    var interactions: UInt32 = 0
    var conversions: UInt32 = 0
    var sessionPosition: Int32 = 0
    var sessionCount: UInt32 = 0
    /// Earlier sessions with at most one page view and no interaction.
    var bounces: UInt32 = 0
    var exploredShown: UInt32 = 0
    var exploredAccepted: UInt32 = 0
    /// By ``Vocabulary/moods``; the first five.
    var moods: [6 of UInt32] = .init(repeating: 0)
    var companions: [4 of UInt32] = .init(repeating: 0)
    /// By ``Device``.
    var devices: [8 of UInt32] = .init(repeating: 0)
    /// Hours 0-23, weekdays 24-30 (Monday first).
    var histogram: [32 of Float] = .init(repeating: 0)
  }
  var s = Scalars()
  var affinities = Run<Affinity>()
  var historyTitles = Run<UInt32>()
  var history = Run<HistoryEntry>()
  /// Title << 32 | UTC day << 16 | completions << 10 | clicks << 5 | impressions, oldest first.
  var caps = Run<UInt64>()
  /// Title << 32 | block 8, share 4, favorite 2, like 1, oldest first.
  var flags = Run<UInt64>()
  /// Title << 32 | half stars, rated longest ago first.
  var ratings = Run<UInt64>()
  /// Symbol << 32 | count.
  var platforms = Run<UInt64>()
  var decisions = Run<ShownDecision>()
  var shown = Run<ShownTitle>()
  var decisionIDs = Run<UInt8>()
  /// [time i64][count u16][UTF-8], oldest first.
  var queries = Run<UInt8>()
  /// See ``ExplicitPreferences``.
  var explicit = Run<UInt8>()

  public init() {}

  public var isAlive: Bool { s.bits & 1 != 0 }
  /// The event-driven vector has left zero.
  public var isWarm: Bool { s.bits & 2 != 0 }
  public var n: Int { Int(s.n) }
  public var watches: Int { Int(s.watches) }
  public var updatedAt: Int64 { s.touchedAt }
  /// Value of the viewer's latest opinion, 0 before the first; set by whoever hands contexts to the bandits.
  public var previousReward: Float = 0

  var runBytes: Int {
    affinities.byteCount
      + historyTitles.byteCount
      + history.byteCount
      + caps.byteCount
      + flags.byteCount
      + ratings.byteCount
      + platforms.byteCount
      + decisions.byteCount
      + shown.byteCount
      + decisionIDs.byteCount
      + queries.byteCount
      + explicit.byteCount
  }

  mutating func free() {
    affinities.free()
    historyTitles.free()
    history.free()
    caps.free()
    flags.free()
    ratings.free()
    platforms.free()
    decisions.free()
    shown.free()
    decisionIDs.free()
    queries.free()
    explicit.free()
  }

  func encodeRuns(into bytes: inout [UInt8]) {
    affinities.encode(into: &bytes)
    historyTitles.encode(into: &bytes)
    history.encode(into: &bytes)
    caps.encode(into: &bytes)
    flags.encode(into: &bytes)
    ratings.encode(into: &bytes)
    platforms.encode(into: &bytes)
    decisions.encode(into: &bytes)
    shown.encode(into: &bytes)
    decisionIDs.encode(into: &bytes)
    queries.encode(into: &bytes)
    explicit.encode(into: &bytes)
  }

  mutating func decodeRuns(_ reader: inout ByteReader) throws(StateError) {
    try affinities.decode(&reader)
    try historyTitles.decode(&reader)
    try history.decode(&reader)
    try caps.decode(&reader)
    try flags.decode(&reader)
    try ratings.decode(&reader)
    try platforms.decode(&reader)
    try decisions.decode(&reader)
    try shown.decode(&reader)
    try decisionIDs.decode(&reader)
    try queries.decode(&reader)
    try explicit.decode(&reader)
  }
}

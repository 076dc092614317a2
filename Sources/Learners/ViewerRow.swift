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
  public static let rowBudget = 224
  /// Bytes of one such viewer: row, vector, front of the lists, affinities 20 x 26, history 60 x 18, caps 60 x 8,
  /// ratings 10 x 8, counts 8 x 8, a tenth of slack on the lists, id 80.
  public static func budget(dimension: Int) -> Int {
    rowBudget + (dimension + 15) / 16 * 64 + 64 + (20 * 26 + 60 * 18 + 60 * 8 + 10 * 8 + 8 * 8) * 11 / 10 + 80
  }

  struct Scalars: BitwiseCopyable {
    /// Bit 0 alive, bit 1 vector warm, bit 2 in the idle queue; from bit 3 on see ``Standing``. Saved are the first two.
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
    /// Hours 0-23, weekdays 24-30 (Monday first).
    var histogram: [31 of Float] = .init(repeating: 0)
    var previousReward: Float = 0
  }
  /// All lists of the viewer, nil before the first event. In front: lists know it by the row's address.
  var lists: ListBlock?
  var s = Scalars()

  public init() {}

  public var isAlive: Bool { s.bits & 1 != 0 }
  /// The event-driven vector has left zero.
  public var isWarm: Bool { s.bits & 2 != 0 }
  public var n: Int { Int(s.n) }
  public var watches: Int { Int(s.watches) }
  public var updatedAt: Int64 { s.touchedAt }
  /// Value of the viewer's latest opinion, 0 before the first; set by whoever hands contexts to the bandits.
  public var previousReward: Float {
    get { s.previousReward }
    set { s.previousReward = newValue }
  }
}

/// What contexts of a viewer's events say, counted in cells of ``UnsafeMutablePointer/counts``: a platform is its symbol.
enum Counted {
  /// By ``Vocabulary/moods``; the first five.
  static let moods: UInt32 = 1 << 16
  static let companions: UInt32 = 2 << 16
  /// By ``Device``.
  static let devices: UInt32 = 3 << 16
}

extension ViewerRow {
  /// Entries of one list, for reading.
  func values<Element>(_ list: ListBlock.Index, of: Element.Type) -> UnsafeBufferPointer<Element> {
    guard let lists else { return UnsafeBufferPointer(start: nil, count: 0) }
    let start = (lists.base + lists.start(list)).assumingMemoryBound(to: Element.self)
    return UnsafeBufferPointer(start: start, count: lists.count(list))
  }
}

extension UnsafeMutablePointer where Pointee == ViewerRow {
  @inline(__always)
  var affinities: ViewerList<Affinity> { list(.affinities) }
  /// Titles of the history; what each weighs stands in ``history``.
  @inline(__always)
  var historyTitles: ViewerList<UInt32> { list(.historyTitles) }
  @inline(__always)
  var history: ViewerList<HistoryCell> { list(.history) }
  /// Title << 32 | UTC day << 16 | completions << 10 | clicks << 5 | impressions, oldest first.
  @inline(__always)
  var caps: ViewerList<UInt64> { list(.caps) }
  /// Title << 32 | block 8, share 4, favorite 2, like 1, oldest first.
  @inline(__always)
  var flags: ViewerList<UInt64> { list(.flags) }
  /// Title << 32 | half stars, rated longest ago first.
  @inline(__always)
  var ratings: ViewerList<UInt64> { list(.ratings) }
  /// ``Counted`` << 32 | count.
  @inline(__always)
  var counts: ViewerList<UInt64> { list(.counts) }
  @inline(__always)
  var decisions: ViewerList<ShownDecision> { list(.decisions) }
  @inline(__always)
  var shown: ViewerList<ShownTitle> { list(.shown) }
  @inline(__always)
  var decisionIDs: ViewerList<UInt8> { list(.decisionIDs) }
  /// [time i64][count u16][UTF-8], oldest first.
  @inline(__always)
  var queries: ViewerList<UInt8> { list(.queries) }
  /// See ``ExplicitPreferences``.
  @inline(__always)
  var explicit: ViewerList<UInt8> { list(.explicit) }

  @inline(__always)
  private func list<Element>(_ index: ListBlock.Index) -> ViewerList<Element> {
    ViewerList(UnsafeMutableRawPointer(self).assumingMemoryBound(to: ListBlock?.self), index)
  }

  /// Where a row holds the address of its lists.
  var listPlace: BlockArena.Place {
    UnsafeMutableRawPointer(self).assumingMemoryBound(to: UnsafeMutableRawPointer?.self)
  }

  /// Counts one more of something.
  func count(_ what: UInt32) {
    let cells = counts
    for index in 0..<cells.count where cells[index] >> 32 == UInt64(what) {
      cells[index] += 1
      return
    }
    cells.append(UInt64(what) << 32 | 1)
  }

  /// How often something was counted.
  func counted(_ what: UInt32) -> Int {
    Int((counts.values.first { $0 >> 32 == UInt64(what) } ?? 0) & 0xffff_ffff)
  }

  /// Gives a row without lists empty ones.
  func begin(in arena: BlockArena) { _ = ListBlock.make(in: arena, for: listPlace) }
}

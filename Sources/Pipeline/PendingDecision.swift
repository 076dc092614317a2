import Bandits
import Events
import Kernels

/// Where an item's context is from.
enum ContextOrigin: UInt8 {
  /// It has none: it teaches no model.
  case none = 0
  /// Put together on the road.
  case assembled
  /// Logged by who decided.
  case logged
}

/// One item of a decision while its reward is awaited, and afterwards while it stays readable.
struct PendingItem {
  /// What it counts for against the ceiling, beside its context.
  static let declaredBytes = 128

  var title: UInt32
  /// 1-based, 0 = not shown.
  var position: UInt16 = 0
  var explored = false
  /// A record of the decision named it; until then only feedback did.
  var isListed = false
  /// Nothing is awaited any more.
  var isClosed = false
  var context = ContextOrigin.none
  var propensity = Float.nan
  var score = Float.nan
  var reward: PendingReward
  /// Feedback so far, kept while the start of the windows may still move; at most ``heardMost``, highest ranks.
  var heard: [Signal] = []

  static let heardMost = 16

  mutating func hear(_ signal: Signal) {
    guard !heard.contains(signal) else { return }
    heard.append(signal)
    if heard.count > Self.heardMost, let least = heard.indices.min(by: { heard[$0] < heard[$1] }) {
      heard.remove(at: least)
    }
  }
}

/// Where a decision stands.
enum PendingState: UInt8 {
  /// Feedback named it; nobody has told of it yet.
  case early = 0
  /// Waits for an impression or an activation.
  case deferred
  case open
  /// Nothing is awaited; it stays readable.
  case finished
  /// Its key is to be deleted from the store; to the folds it is as if it were not there.
  case gone
}

/// A decision of one viewer. Contexts are kept as the sums take them: int16 steps of the layout.
struct PendingDecision {
  /// What it counts for against the ceiling, beside items, id and texts.
  static let declaredBytes = 192

  var viewer: UInt32
  var hash: UInt64
  var id: [UInt8]
  /// Order of opening within its key slot.
  var sequence: UInt64
  var state: PendingState
  /// Start of the windows; meaningless while early or deferred.
  var start: Int64 = 0
  /// Event time of the decision record, and the earliest impression or activation; `Int64.max` = none.
  var decidedAt = Int64.max
  var shownAt = Int64.max
  var isDeferred = false
  /// The short window has passed.
  var isPastShort = false
  /// The store still has the key of an earlier life under this id: it is deleted before anything is put there.
  ///
  /// 0 = it does not; else the number of the deletion, so that one that was confirmed is told from a later one.
  var deletion: UInt8 = 0
  var owesDelete: Bool { deletion != 0 }
  /// When something is to be done next.
  var due = Int64.max
  /// The newest ``due`` that stands in the queue of timers.
  var queued = Int64.max
  var updatedAt: Int64 = 0
  var policy: [UInt8] = []
  var items: [PendingItem] = []
  /// `items.count` contexts of the layout's dimension; empty = none known, or no longer needed.
  var cells: [Int16] = []

  /// Where its windows begin by what is known of it; nil = it is not active.
  var startWanted: Int64? {
    if isDeferred { return shownAt == .max ? nil : shownAt }
    if decidedAt != .max { return decidedAt }
    return shownAt == .max ? nil : shownAt
  }

  /// The start of its windows cannot move any more.
  var isStartFinal: Bool { decidedAt != .max && !isDeferred }

  /// Declared size: what the ceiling counts. Finished decisions have given their contexts back.
  var declared: Int {
    Self.declaredBytes + id.count + policy.count + cells.count * 2 + items.count * PendingItem.declaredBytes
      + items.reduce(0) { $0 + $1.heard.count * 64 }
  }

  func index(of title: UInt32) -> Int? { items.firstIndex { $0.title == title } }

  /// Largest position with feedback, 0 = none.
  var lowest: Int { items.reduce(0) { $1.reward.best != nil ? max($0, Int($1.position)) : $0 } }
}

// MARK: Stored form

extension PendingDecision {
  /// Slots stand for viewers and titles: the state's own tables say whose they are.
  func encode(into bytes: inout [UInt8]) {
    bytes.put(UInt8(1))
    bytes.put(state.rawValue)
    bytes.put(viewer)
    bytes.put(hash)
    bytes.put(sequence)
    for time in [start, decidedAt, shownAt, due, updatedAt] { bytes.put(time) }
    bytes.put(UInt8((isDeferred ? 1 : 0) | (isPastShort ? 2 : 0) | (owesDelete ? 4 : 0)))
    bytes.putRun(id)
    bytes.putRun(policy)
    bytes.put(UInt32(items.count))
    for item in items {
      bytes.put(item.title)
      bytes.put(item.position)
      let isTold = item.reward.told != nil
      bytes.put(
        UInt8((item.explored ? 1 : 0) | (item.isClosed ? 2 : 0) | (isTold ? 4 : 0) | (item.isListed ? 8 : 0)))
      bytes.put(item.context.rawValue)
      bytes.put(item.propensity)
      bytes.put(item.score)
      bytes.put(item.reward.start)
      bytes.put(item.reward.told ?? 0)
      Self.put(item.reward.best.map { [$0] } ?? [], &bytes)
      Self.put(item.heard, &bytes)
    }
    bytes.put(UInt32(cells.count))
    cells.withUnsafeBytes { bytes.append(contentsOf: $0) }
  }

  private static func put(_ signals: [Signal], _ bytes: inout [UInt8]) {
    bytes.put(UInt16(signals.count))
    for signal in signals {
      bytes.put(UInt8(signal.stage))
      bytes.put(signal.time)
      bytes.put(signal.reward)
      bytes.putText(signal.event)
    }
  }

  private static func signals(_ reader: inout ByteReader) -> [Signal] {
    let n = reader.take(UInt16.self)
    var signals: [Signal] = []
    for _ in 0..<n where !reader.isTorn {
      let stage = Int(reader.take(UInt8.self))
      let time = reader.take(Int64.self)
      let reward = Double(bitPattern: reader.take(UInt64.self))
      signals.append(Signal(stage: stage, time: time, event: reader.takeText(), reward: reward))
    }
    return signals
  }

  init?(decoding row: UnsafeRawBufferPointer) {
    var reader = ByteReader(row)
    guard reader.take(UInt8.self) == 1, let state = PendingState(rawValue: reader.take(UInt8.self)) else { return nil }
    self.init(viewer: reader.take(UInt32.self), hash: reader.take(UInt64.self), id: [], sequence: 0, state: state)
    sequence = reader.take(UInt64.self)
    start = reader.take(Int64.self)
    decidedAt = reader.take(Int64.self)
    shownAt = reader.take(Int64.self)
    due = reader.take(Int64.self)
    updatedAt = reader.take(Int64.self)
    let bits = reader.take(UInt8.self)
    isDeferred = bits & 1 != 0
    isPastShort = bits & 2 != 0
    deletion = bits & 4 != 0 ? 1 : 0
    id = Array(reader.takeRun())
    policy = Array(reader.takeRun())
    let count = reader.take(UInt32.self)
    for _ in 0..<count where !reader.isTorn {
      let title = reader.take(UInt32.self)
      let position = reader.take(UInt16.self)
      let bits = reader.take(UInt8.self)
      let context = ContextOrigin(rawValue: reader.take(UInt8.self)) ?? .none
      let propensity = Float(bitPattern: reader.take(UInt32.self))
      let score = Float(bitPattern: reader.take(UInt32.self))
      let start = reader.take(Int64.self)
      let told = Double(bitPattern: reader.take(UInt64.self))
      let best = Self.signals(&reader)
      var item = PendingItem(
        title: title, position: position, explored: bits & 1 != 0, isListed: bits & 8 != 0, isClosed: bits & 2 != 0,
        context: context, propensity: propensity, score: score,
        reward: PendingReward(
          start: start, position: Int(position), best: best.first, told: bits & 4 != 0 ? told : nil))
      item.heard = Self.signals(&reader)
      items.append(item)
    }
    let n = Int(reader.take(UInt32.self))
    guard !reader.isTorn, reader.remaining == n * 2 else { return nil }
    cells.reserveCapacity(n)
    for _ in 0..<n { cells.append(Int16(bitPattern: reader.take(UInt16.self))) }
  }
}

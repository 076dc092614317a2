import Learners

/// Decisions of one of the 64 key slots of viewers: rows, how they are found, and which goes first when the slot's
/// part of the ceiling is reached.
///
/// A slot belongs to one shard, and which slot a viewer is in never depends on the number of shards, so that any
/// number of them evicts the same.
struct PendingSlot {
  static let count = KeySlots.count

  struct Key: Hashable {
    var viewer: UInt32
    var hash: UInt64
  }
  /// Rows by number; nil = free, or taken out while it is worked on.
  var rows: [PendingDecision?] = []
  private var free: [UInt32] = []
  private var index: [Key: UInt32] = [:]
  private var nextSequence: UInt64 = 1
  /// Declared bytes of all rows.
  private(set) var bytes = 0
  private(set) var early = 0
  private(set) var waiting = 0
  private var live = 0
  /// By order of opening: what only stays readable, what nobody has decided yet, what waits.
  private var finishedOrder = RowHeap()
  private var earlyOrder = RowHeap()
  private var waitingOrder = RowHeap()

  func find(_ viewer: UInt32, _ hash: UInt64) -> UInt32? { index[Key(viewer: viewer, hash: hash)] }

  /// A row for a decision not met before, taken out.
  mutating func make(_ viewer: UInt32, _ hash: UInt64, _ id: [UInt8]) -> (UInt32, PendingDecision) {
    let row = free.popLast() ?? UInt32(rows.count)
    if row == rows.count { rows.append(nil) }
    index[Key(viewer: viewer, hash: hash)] = row
    live += 1
    let decision = PendingDecision(viewer: viewer, hash: hash, id: id, sequence: nextSequence, state: .early)
    nextSequence += 1
    return (row, decision)
  }

  /// Takes a row out to change it; ``put(_:at:)`` must follow.
  mutating func take(_ row: UInt32) -> PendingDecision {
    let decision = rows[Int(row)]!
    rows[Int(row)] = nil
    count(decision, -1)
    return decision
  }

  mutating func put(_ decision: PendingDecision, at row: UInt32) {
    count(decision, 1)
    rows[Int(row)] = decision
  }

  private mutating func count(_ decision: PendingDecision, _ sign: Int) {
    if decision.state != .gone { bytes += sign * decision.declared }
    switch decision.state {
    case .early: early += sign
    case .deferred, .open: waiting += sign
    case .finished, .gone: break
    }
  }

  /// A row that was taken out is not put back.
  mutating func remove(_ decision: PendingDecision, at row: UInt32) {
    index[Key(viewer: decision.viewer, hash: decision.hash)] = nil
    free.append(row)
    live -= 1
  }

  /// Begins the life of a row that was gone anew.
  mutating func renew(_ decision: inout PendingDecision) {
    let deletion = decision.deletion
    decision = PendingDecision(
      viewer: decision.viewer, hash: decision.hash, id: decision.id, sequence: nextSequence, state: .early)
    decision.deletion = deletion
    nextSequence += 1
  }

  /// The row has come into a state in which it may have to go.
  mutating func enqueue(_ decision: PendingDecision, at row: UInt32) {
    let key = Int64(decision.sequence)
    switch decision.state {
    case .early: earlyOrder.push(key, row)
    case .deferred, .open: waitingOrder.push(key, row)
    case .finished: finishedOrder.push(key, row)
    case .gone: break
    }
    if finishedOrder.count + earlyOrder.count + waitingOrder.count > 4 * live + 1024 { rebuildOrders() }
  }

  /// Which row goes next: what only stays readable before what is not decided before what waits; oldest first.
  mutating func nextToGo() -> UInt32? {
    func pop(_ heap: inout RowHeap, _ holds: (PendingState) -> Bool) -> UInt32? {
      while let entry = heap.pop() {
        if let decision = rows[Int(entry.row)], Int64(decision.sequence) == entry.key, holds(decision.state) {
          return entry.row
        }
      }
      return nil
    }
    return pop(&finishedOrder) { $0 == .finished } ?? pop(&earlyOrder) { $0 == .early }
      ?? pop(&waitingOrder) { $0 == .open || $0 == .deferred }
  }

  private mutating func rebuildOrders() {
    finishedOrder.removeAll()
    earlyOrder.removeAll()
    waitingOrder.removeAll()
    for (row, decision) in rows.enumerated() {
      guard let decision else { continue }
      let key = Int64(decision.sequence)
      switch decision.state {
      case .early: earlyOrder.push(key, UInt32(row))
      case .deferred, .open: waitingOrder.push(key, UInt32(row))
      case .finished: finishedOrder.push(key, UInt32(row))
      case .gone: break
      }
    }
  }

  /// Takes a stored row back.
  mutating func restore(_ decision: PendingDecision, at row: UInt32) {
    while rows.count <= row { rows.append(nil) }
    put(decision, at: row)
    index[Key(viewer: decision.viewer, hash: decision.hash)] = row
    nextSequence = max(nextSequence, decision.sequence + 1)
    live += 1
  }

  mutating func finishLoading() {
    free = rows.indices.filter { rows[$0] == nil }.map(UInt32.init).reversed()
    rebuildOrders()
  }
}

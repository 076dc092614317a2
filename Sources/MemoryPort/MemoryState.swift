public import Ports

/// State kept in memory: for tests, and for workers without a `state_dir`.
///
/// Outlives the worker that uses it, so that a test "restarts" by making another worker over the same
/// object. One call at a time.
public final class MemoryState: StateStore, @unchecked Sendable {
  private var tables: [[UInt32: [UInt8]]]
  private var manifest: [UInt8]?
  /// What undoes each save since the last ``sync()``, newest last.
  private var undo: [Undo] = []
  private let keepsUndo: Bool
  private let faults: Faults
  public private(set) var saves = 0

  private struct Undo {
    var rows: [(table: Int, slot: UInt32, body: [UInt8]?)]
    var manifest: [UInt8]?
  }

  /// - Parameter keepsUndo: Remembers what each save replaced, so that ``loseUnsynced(_:)`` can take it back.
  public init(faults: Faults = Faults(), keepsUndo: Bool = false) {
    self.faults = faults
    self.keepsUndo = keepsUndo
    tables = Array(repeating: [:], count: StateTable.allCases.count)
  }

  public func load(_ row: (StateTable, UInt32, UnsafeRawBufferPointer) -> Void) throws(StateFault) -> [UInt8] {
    guard faults.strike("state.load") == .proceed else { throw .io("the state could not be read") }
    guard let manifest else { throw .empty }
    for table in StateTable.allCases {
      for (slot, body) in tables[Int(table.rawValue)].sorted(by: { $0.key < $1.key }) {
        body.withUnsafeBytes { row(table, slot, $0) }
      }
    }
    return manifest
  }

  public func save(_ snapshot: borrowing Snapshot) throws(StateFault) -> Int {
    let outcome = faults.strike("state.save")
    guard outcome != .fail else { throw .io("no space left on the state's disk") }
    var undo = Undo(rows: [], manifest: manifest)
    var written = snapshot.manifest.count
    for row in snapshot.rows {
      let table = Int(row.table.rawValue)
      if keepsUndo { undo.rows.append((table, row.slot, tables[table][row.slot])) }
      tables[table][row.slot] = row.count == 0 ? nil : snapshot.withBytes(of: row) { Array($0) }
      written += row.count
    }
    manifest = snapshot.manifest
    if keepsUndo { self.undo.append(undo) }
    saves += 1
    if outcome == .failAfter { throw .io("the state's disk answered nothing") }
    return written
  }

  /// What was saved so far will survive a power loss.
  public func sync() { undo.removeAll() }

  /// A power loss: takes the last saves back that were not synced, all of them or the newest few.
  public func loseUnsynced(_ count: Int = .max) {
    for _ in 0..<min(count, undo.count) {
      let last = undo.removeLast()
      for row in last.rows.reversed() { tables[row.table][row.slot] = row.body }
      manifest = last.manifest
    }
  }

  /// Forgets everything, as if the folder had been deleted.
  public func erase() {
    tables = Array(repeating: [:], count: StateTable.allCases.count)
    manifest = nil
    undo.removeAll()
  }

  public func close() {}
}

/// Plans kept in memory.
public final class MemoryPlans: PlanLog, @unchecked Sendable {
  private var rows: [(turn: UInt64, plan: [UInt8])] = []
  private var synced = 0
  private let faults: Faults

  public init(faults: Faults = Faults()) { self.faults = faults }

  public var count: Int { rows.count }
  public var bytes: Int { rows.reduce(0) { $0 + $1.plan.count } }

  public func append(turn: UInt64, _ plan: [UInt8]) throws(StateFault) {
    let outcome = faults.strike("plans.append")
    guard outcome != .fail else { throw .io("no space left on the plans' disk") }
    if let last = rows.last, last.turn >= turn { throw .io("plan \(turn) does not follow plan \(last.turn)") }
    rows.append((turn, plan))
    if outcome == .failAfter { throw .io("the plans' disk answered nothing") }
  }

  public func plans(after turn: UInt64, limit: Int) throws(StateFault) -> [(turn: UInt64, plan: [UInt8])] {
    guard faults.strike("plans.read") == .proceed else { throw .io("the plans could not be read") }
    return Array(rows.filter { $0.turn > turn }.prefix(limit))
  }

  public func prune(upTo turn: UInt64) throws(StateFault) {
    guard faults.strike("plans.prune") == .proceed else { throw .io("the plans could not be pruned") }
    let before = rows.count
    rows.removeAll { $0.turn <= turn }
    synced = max(0, synced - (before - rows.count))
  }

  /// What was appended so far will survive a power loss.
  public func sync() { synced = rows.count }

  /// Forgets everything, as if the file had been deleted.
  public func erase() {
    rows.removeAll()
    synced = 0
  }

  /// A power loss: drops what was appended since the last ``sync()``.
  public func loseUnsynced() { rows.removeLast(rows.count - synced) }

  public func close() {}
}

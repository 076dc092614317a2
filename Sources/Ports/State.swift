/// A table of the state. Rows are keyed by slot; small ones by number.
public enum StateTable: UInt8, Sendable, CaseIterable {
  case manifest = 0
  case viewer, title, catalog, source, metric, ring, model, pending
}

/// Rows to save together with the manifest that names their position: one transaction.
public struct Snapshot: Sendable {
  public struct Row: Sendable {
    public var table: StateTable
    public var slot: UInt32
    /// Where its bytes stand in ``Snapshot/bytes``; an empty range deletes the row.
    public var start: Int
    public var count: Int
    /// 0 = ``Snapshot/bytes``, above it ``Snapshot/parts``.
    public var part: UInt8 = 0
  }
  public var rows: [Row] = []
  public var bytes: [UInt8] = []
  /// Bytes of rows that were copied beside the others, by another shard each.
  public private(set) var parts: [[UInt8]] = []
  public var manifest: [UInt8] = []
  public init() {}

  public mutating func append(_ table: StateTable, _ slot: UInt32, _ write: (inout [UInt8]) -> Void) {
    let start = bytes.count
    write(&bytes)
    rows.append(Row(table: table, slot: slot, start: start, count: bytes.count - start))
  }
  public mutating func delete(_ table: StateTable, _ slot: UInt32) {
    rows.append(Row(table: table, slot: slot, start: 0, count: 0))
  }
  public mutating func removeAll() {
    rows.removeAll(keepingCapacity: true)
    bytes.removeAll(keepingCapacity: true)
    for part in parts.indices { parts[part].removeAll(keepingCapacity: true) }
    manifest.removeAll(keepingCapacity: true)
  }

  /// An empty snapshot in the memory of a part, to be filled beside this one and joined to it.
  public mutating func takePart(_ part: Int) -> Snapshot {
    while parts.count <= part { parts.append([]) }
    var taken = Snapshot()
    swap(&taken.bytes, &parts[part])
    return taken
  }

  /// Rows of a snapshot that has no parts become those of a part of this one.
  public mutating func join(_ other: inout Snapshot, as part: Int) {
    swap(&parts[part], &other.bytes)
    for var row in other.rows {
      row.part = UInt8(part + 1)
      rows.append(row)
    }
  }

  /// The bytes of all parts, by number.
  public func withBytes<Answer>(_ body: ([UnsafeRawBufferPointer]) -> Answer) -> Answer {
    func go(_ part: Int, _ before: [UnsafeRawBufferPointer]) -> Answer {
      part == parts.count ? body(before) : parts[part].withUnsafeBytes { go(part + 1, before + [$0]) }
    }
    return bytes.withUnsafeBytes { go(0, [$0]) }
  }
}

/// Why a state was not loaded.
public enum StateFault: Error, Sendable, Equatable {
  /// No state yet.
  case empty
  /// A checksum does not match, or the file is torn: set aside under this name.
  case corrupt(String)
  /// Written by another format or maths version; says which command rebuilds it.
  case format(String)
  case io(String)
}

extension StateFault: CustomStringConvertible {
  public var description: String {
    switch self {
    case .empty: "there is no state"
    case .corrupt(let text): "the state is damaged: \(text)"
    case .format(let text): text
    case .io(let text): "the state could not be read or written: \(text)"
    }
  }
}

/// Where state is kept between runs. `save` may run on another thread than the caller's.
public protocol StateStore: AnyObject, Sendable {
  /// Calls back for every row, in no order, then returns the manifest. Every checksum is verified.
  func load(_ row: (StateTable, UInt32, UnsafeRawBufferPointer) -> Void) throws(StateFault) -> [UInt8]
  /// One transaction; returns bytes written.
  func save(_ snapshot: borrowing Snapshot) throws(StateFault) -> Int
  func close()
}

/// The plans of turns, in a log of its own beside the state.
public protocol PlanLog: AnyObject, Sendable {
  /// Durable against kill -9 when it returns.
  func append(turn: UInt64, _ plan: [UInt8]) throws(StateFault)
  /// The first plans after a turn, oldest first, at most so many.
  func plans(after turn: UInt64, limit: Int) throws(StateFault) -> [(turn: UInt64, plan: [UInt8])]
  /// Room that the plans take, nearly.
  var bytes: Int { get }
  /// Forgets plans up to a turn.
  func prune(upTo turn: UInt64) throws(StateFault)
  func close()
}

extension PlanLog {
  /// All plans after a turn, oldest first.
  public func plans(after turn: UInt64) throws(StateFault) -> [(turn: UInt64, plan: [UInt8])] {
    try plans(after: turn, limit: .max)
  }
}

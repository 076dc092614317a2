/// A table of the state. Rows are keyed by slot; small ones by number.
public enum StateTable: UInt8, Sendable, CaseIterable {
  case manifest = 0
  case viewer, title, catalog, source, metric, ring, model, pending
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

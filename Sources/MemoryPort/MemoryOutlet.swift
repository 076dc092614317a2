public import Ports

/// Alerts and dead letters kept in memory; they count as delivered after a ``flush(timeoutMs:)``.
public final class MemoryOutlet: RecordOutlet {
  /// Delivered records, in order.
  public private(set) var delivered: [OutRecord] = []
  private var waiting: [OutRecord] = []
  private let faults: Faults

  public init(faults: Faults = Faults()) { self.faults = faults }

  public var unacknowledged: Int { waiting.count }

  public func send(_ record: OutRecord) throws(PortError) {
    let outcome = faults.strike("outlet.send")
    if outcome != .fail { waiting.append(record) }
    guard outcome == .proceed else {
      throw PortError(
        code: "outlet-full", isRetriable: true, message: "topic \(record.topic) takes no records now")
    }
  }

  public func flush(timeoutMs: Int) -> Bool {
    let outcome = faults.strike("outlet.flush")
    guard outcome != .fail else { return false }
    delivered += waiting
    if outcome == .proceed { waiting.removeAll() }
    return outcome == .proceed
  }

  /// A crash: what was not acknowledged is gone.
  public func loseWaiting() { waiting.removeAll() }

  /// A crash: what was not acknowledged had arrived all the same.
  public func deliverWaiting() {
    delivered += waiting
    waiting.removeAll()
  }

  public func close() {}
}

/// Time, injected. Folds never see it; plans, pacing and health do.
public protocol WorkerClock: AnyObject {
  /// Unix ms.
  var wallMs: Int64 { get }
  var monotonicNs: Int64 { get }
}

/// A record on its way out.
public struct OutRecord: Sendable, Equatable {
  public var topic: String
  public var key: [UInt8]
  public var value: [UInt8]?
  public var headers: [(name: String, value: [UInt8])]
  /// Unix ms, 0 = now.
  public var timestamp: Int64
  public init(
    topic: String, key: [UInt8], value: [UInt8]?, headers: [(name: String, value: [UInt8])] = [], timestamp: Int64 = 0
  ) {
    self.topic = topic
    self.key = key
    self.value = value
    self.headers = headers
    self.timestamp = timestamp
  }
  public static func == (a: Self, b: Self) -> Bool {
    a.topic == b.topic && a.key == b.key && a.value == b.value && a.timestamp == b.timestamp
      && a.headers.elementsEqual(b.headers) { $0.name == $1.name && $0.value == $1.value }
  }
}

/// Alerts and dead letters leave here. Delivery is acknowledged before the checkpoint that follows.
public protocol RecordOutlet: AnyObject {
  func send(_ record: OutRecord) throws(PortError)
  /// Waits until all that was sent is acknowledged; false = not within the time.
  func flush(timeoutMs: Int) -> Bool
  var unacknowledged: Int { get }
  /// False = so much waits for acknowledgement that what arises should wait too.
  var hasRoom: Bool { get }
  func close()
}

extension RecordOutlet {
  public var hasRoom: Bool { true }
}

public import Events

/// One partition of one input topic.
public struct TopicPartition: Hashable, Comparable, Sendable {
  public var topic: String
  public var partition: Int32
  public init(_ topic: String, _ partition: Int32) {
    self.topic = topic
    self.partition = partition
  }
  public static func < (a: Self, b: Self) -> Bool {
    a.topic == b.topic ? a.partition < b.partition : Array(a.topic.utf8).lexicographicallyPrecedes(Array(b.topic.utf8))
  }
}

/// Takes records as they are read, on the thread that polls.
///
/// An object: a sink that could be any value would be unpacked from its box, and the box copied, for each record.
public protocol RecordSink: AnyObject {
  func take(_ record: Record)
}

/// The log's first and next offset of a partition, as last heard.
public struct Watermarks: Sendable, Equatable {
  public var low: Int64
  /// One past the last record.
  public var high: Int64
  public init(low: Int64, high: Int64) {
    self.low = low
    self.high = high
  }
}

/// Where a new group begins to read.
public enum StartAt: Sendable, Equatable {
  case earliest, latest
  /// First record at or after this time, Unix ms.
  case timestamp(Int64)
}

/// What an adapter could not do, in words an operator can act on.
public struct PortError: Error, CustomStringConvertible, Sendable {
  public var code: String
  public var number: Int
  public var isRetriable: Bool
  public var message: String
  public init(code: String, number: Int = 0, isRetriable: Bool = false, message: String) {
    self.code = code
    self.number = number
    self.isRetriable = isRetriable
    self.message = message
  }
  public var description: String { message }
}

/// The event log the worker reads. One thread calls it.
public protocol EventSource: AnyObject {
  /// Identity of the log: cluster id and, per topic, what tells a topic from one made again under its name.
  func identity() throws(PortError) -> String
  /// Why the log cannot be reached at the moment, as far as is known without asking; nil = it can.
  var trouble: PortError? { get }
  /// All partitions of these topics that exist now, sorted; topics that do not exist are left out.
  func partitions(of topics: [String]) throws(PortError) -> [TopicPartition]
  func watermarks(_ partition: TopicPartition, timeoutMs: Int) throws(PortError) -> Watermarks
  /// The same of many partitions, in their order.
  func watermarks(_ partitions: [TopicPartition], timeoutMs: Int) throws(PortError) -> [Watermarks]
  /// What the group was last told of each partition (next offsets); nil = nothing, or nobody answered in time.
  func committed(_ partitions: [TopicPartition], timeoutMs: Int) -> [Int64?]
  /// Offset of the first record at or after a time; nil = none, or the broker cannot tell.
  func offset(_ partition: TopicPartition, at time: Int64) throws(PortError) -> Int64?
  /// Begins to read each partition at the offset given; `source` and `input` come back in its records.
  func start(_ partitions: [(partition: TopicPartition, source: UInt16, input: Int, offset: Int64)]) throws(PortError)
  /// Hands records that have arrived to the sink, waiting at most so long for the first; how many it handed out.
  func poll(timeoutMs: Int, limit: Int, into sink: any RecordSink) throws(PortError) -> Int
  /// Newest high watermark heard of, without asking; nil = none yet.
  func highWatermark(_ source: UInt16) -> Int64?
  /// Next offset at which a partition last reported its end (all before it was handed out or does not exist);
  /// nil = it has not reported one since ``start(_:)``.
  func endReached(_ source: UInt16) -> Int64?
  func pause(_ sources: [UInt16])
  func resume(_ sources: [UInt16])
  /// Tells the group how far the state has come (next offsets), without waiting.
  func commit(_ offsets: [(source: UInt16, next: Int64)])
  /// How often the group was divided anew, and how many commits it did not take, since the start.
  var groupTroubles: (rebalances: Int, commitFailures: Int) { get }
  func close()
}

extension EventSource {
  public var trouble: PortError? { nil }

  public func watermarks(_ partitions: [TopicPartition], timeoutMs: Int) throws(PortError) -> [Watermarks] {
    var all: [Watermarks] = []
    for partition in partitions { all.append(try watermarks(partition, timeoutMs: timeoutMs)) }
    return all
  }

  public func committed(_ partitions: [TopicPartition], timeoutMs: Int) -> [Int64?] {
    Array(repeating: nil, count: partitions.count)
  }

  /// A log without groups.
  public var groupTroubles: (rebalances: Int, commitFailures: Int) { (0, 0) }
}

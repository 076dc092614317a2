import Events
public import Ports

/// An event log in memory: partitions that are appended to, trimmed and read from offsets.
///
/// Outlives the worker that reads it. Which partition delivers next is fixed: in turns of ``burst`` records
/// over the partitions in the order given to ``start(_:)``.
public final class MemorySource: EventSource {
  struct Stored: RecordHeaders {
    var key: [UInt8]?
    var value: [UInt8]?
    var timestamp: Int64
    var headers: [(name: String, value: [UInt8])]
    func header(_ name: String) -> [UInt8]? { headers.last { $0.name == name }?.value }
    var all: [(name: String, value: [UInt8])] { headers }
  }
  struct Log {
    var low: Int64 = 0
    var records: [Stored] = []
    var high: Int64 { low + Int64(records.count) }
    /// Offsets from here on are not handed out yet.
    var visible = Int64.max
  }
  struct Reader {
    var partition: TopicPartition
    var source: UInt16
    var input: Int
    var next: Int64
    var isPaused = false
    var ended: Int64?
  }

  /// Named by ``identity()``; change it to play a topic made again.
  public var clusterID = "memory"
  /// Records one partition hands out before it is the next one's turn.
  public var burst = 64
  /// Most records one poll hands out, whatever the caller asks for.
  public var deliveryLimit = Int.max
  /// Next offsets the group has been told, by partition.
  public private(set) var committed: [TopicPartition: Int64] = [:]
  private var logs: [TopicPartition: Log] = [:]
  private var readers: [Reader] = []
  private var turn = 0
  private let faults: Faults

  public init(faults: Faults = Faults()) { self.faults = faults }

  // MARK: The log's own side

  public func create(_ topic: String, partitions: Int) {
    for partition in 0..<partitions where logs[TopicPartition(topic, Int32(partition))] == nil {
      logs[TopicPartition(topic, Int32(partition))] = Log()
    }
  }

  /// Appends a record; its offset.
  @discardableResult
  public func append(
    _ topic: String, _ partition: Int32, key: [UInt8]?, value: [UInt8]?, timestamp: Int64,
    headers: [(name: String, value: [UInt8])] = []
  ) -> Int64 {
    let at = TopicPartition(topic, partition)
    defer {
      logs[at, default: Log()].records.append(
        Stored(key: key, value: value, timestamp: timestamp, headers: headers))
    }
    return logs[at]?.high ?? 0
  }

  /// Retention: records before this offset are gone.
  public func trim(_ partition: TopicPartition, before offset: Int64) {
    guard var log = logs[partition], offset > log.low else { return }
    log.records.removeFirst(Int(min(offset, log.high) - log.low))
    log.low = offset
    logs[partition] = log
  }

  /// The topic is deleted and made again, empty, under the same name.
  public func remake(_ topic: String, partitions: Int) {
    for partition in logs.keys where partition.topic == topic { logs[partition] = nil }
    create(topic, partitions: partitions)
  }

  /// Another value stands where a record was: a log that was truncated and written anew.
  public func replaceValue(_ partition: TopicPartition, at offset: Int64, with value: [UInt8]) {
    guard let log = logs[partition], offset >= log.low, offset < log.high else { return }
    logs[partition]!.records[Int(offset - log.low)].value = value
  }

  /// Records that a partition holds.
  public func length(of partition: TopicPartition) -> Int { logs[partition]?.records.count ?? 0 }

  /// Hands out records below this offset only, until told otherwise.
  public func hold(_ partition: TopicPartition, at offset: Int64 = 0) {
    logs[partition, default: Log()].visible = offset
  }
  public func release(_ partition: TopicPartition) { logs[partition]?.visible = .max }

  // MARK: The reader's side

  public func identity() throws(PortError) -> String {
    try step("source.identity")
    return clusterID
  }

  public func partitions(of topics: [String]) throws(PortError) -> [TopicPartition] {
    try step("source.partitions")
    return logs.keys.filter { topics.contains($0.topic) }.sorted()
  }

  public func watermarks(_ partition: TopicPartition, timeoutMs: Int) throws(PortError) -> Watermarks {
    try step("source.watermarks")
    let log = try self.log(partition)
    return Watermarks(low: log.low, high: log.high)
  }

  public func committed(_ partitions: [TopicPartition], timeoutMs: Int) -> [Int64?] { partitions.map { committed[$0] } }

  public func offset(_ partition: TopicPartition, at time: Int64) throws(PortError) -> Int64? {
    let log = try self.log(partition)
    return log.records.firstIndex { $0.timestamp >= time }.map { log.low + Int64($0) }
  }

  public func start(
    _ partitions: [(partition: TopicPartition, source: UInt16, input: Int, offset: Int64)]
  ) throws(PortError) {
    try step("source.start")
    readers = partitions.map { Reader(partition: $0.partition, source: $0.source, input: $0.input, next: $0.offset) }
    turn = 0
  }

  public func poll(timeoutMs: Int, limit: Int, into sink: any RecordSink) throws(PortError) -> Int {
    try step("source.poll")
    var left = min(limit, deliveryLimit)
    var handedOut = 0
    var idle = 0
    while left > 0 && idle < readers.count {
      let index = turn % readers.count
      let count = try deliver(index, min(left, burst), sink)
      left -= count
      handedOut += count
      idle = count == 0 ? idle + 1 : 0
      turn += 1
    }
    return handedOut
  }

  private func deliver(_ index: Int, _ limit: Int, _ sink: any RecordSink) throws(PortError) -> Int {
    let reader = readers[index]
    let log = try self.log(reader.partition)
    guard !reader.isPaused else { return 0 }
    guard reader.next >= log.low, reader.next <= log.high else {
      throw PortError(
        code: "offset-out-of-range",
        message: "\(reader.partition.topic)/\(reader.partition.partition) has no offset \(reader.next): "
          + "it holds \(log.low) to \(log.high)")
    }
    let end = min(log.high, log.visible, reader.next + Int64(limit))
    if end == log.high { readers[index].ended = end }
    guard reader.next < end else { return 0 }
    for offset in reader.next..<end {
      let stored = log.records[Int(offset - log.low)]
      Self.lend(stored.key) { key in
        Self.lend(stored.value) { value in
          sink.take(
            Record(
              source: reader.source, input: reader.input, partition: reader.partition.partition, offset: offset,
              timestamp: stored.timestamp, key: key, value: value, headers: stored))
        }
      }
    }
    readers[index].next = end
    return Int(end - reader.next)
  }

  public func highWatermark(_ source: UInt16) -> Int64? {
    readers.first { $0.source == source }.flatMap { logs[$0.partition]?.high }
  }

  public func endReached(_ source: UInt16) -> Int64? { readers.first { $0.source == source }?.ended }

  public func pause(_ sources: [UInt16]) { setPaused(sources, true) }
  public func resume(_ sources: [UInt16]) { setPaused(sources, false) }

  public func commit(_ offsets: [(source: UInt16, next: Int64)]) {
    guard faults.strike("source.commit") != .fail else { return }
    for (source, next) in offsets {
      if let reader = readers.first(where: { $0.source == source }) { committed[reader.partition] = next }
    }
  }

  public func close() { readers.removeAll() }

  private func setPaused(_ sources: [UInt16], _ isPaused: Bool) {
    for index in readers.indices where sources.contains(readers[index].source) { readers[index].isPaused = isPaused }
  }

  private func log(_ partition: TopicPartition) throws(PortError) -> Log {
    guard let log = logs[partition] else {
      throw PortError(
        code: "unknown-partition", message: "no partition \(partition.partition) of topic \(partition.topic)")
    }
    return log
  }

  private func step(_ name: String) throws(PortError) {
    if faults.strike(name) != .proceed {
      throw PortError(code: "source-unreachable", isRetriable: true, message: "the event log does not answer (\(name))")
    }
  }

  private static func lend(_ bytes: [UInt8]?, _ body: (UnsafeRawBufferPointer?) -> Void) {
    guard let bytes else { return body(nil) }
    bytes.withUnsafeBytes { body($0) }
  }
}

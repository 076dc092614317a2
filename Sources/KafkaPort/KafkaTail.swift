import CRdKafka
import CSys
public import Ports

/// A record that a person reads, copied out of the log.
public struct TailRecord: Sendable {
  public var topic: String
  public var partition: Int32
  public var offset: Int64
  /// Unix ms, -1 when it has none.
  public var timestamp: Int64
  public var key: [UInt8]?
  public var value: [UInt8]?
  public var headers: [(name: String, value: [UInt8])]
}

/// Where a tail begins, in each partition.
public enum TailStart: Sendable, Equatable {
  case beginning, end
  /// The last so many records of the topic, oldest first.
  case last(Int)
  case offset(Int64)

  /// `beginning`, `end`, `-100` or an offset.
  public init?(_ text: String) {
    switch text {
    case "beginning", "earliest": self = .beginning
    case "end", "latest": self = .end
    default:
      guard let number = Int64(text), number > .min else { return nil }
      self = text.hasPrefix("-") ? .last(Int(-number)) : .offset(number)
    }
  }
}

/// Reads a topic for a person: no group, no commits, nobody is disturbed.
public final class KafkaTail {
  private let client: KafkaClient
  private let topic: String

  public init(_ config: KafkaConfig, topic: String) throws(PortError) {
    self.topic = topic
    // librdkafka wants a group name to assign by; nothing is ever joined or committed under it.
    client = try KafkaClient(
      .consumer, config,
      defaults: [("fetch.wait.max.ms", "20"), ("fetch.error.backoff.ms", "50"), ("check.crcs", "true")],
      fixed: [
        ("group.id", config.group), ("enable.auto.commit", "false"), ("enable.auto.offset.store", "false"),
        ("auto.offset.reset", "earliest"), ("enable.partition.eof", "true"),
      ])
  }

  public func close() { client.close(first: { rd_kafka_consumer_close($0) }) }

  /// Hands out records until the end that stood when it began, or for ever.
  ///
  /// Up to that end records come in the order of their timestamps when the last N are asked for, otherwise in
  /// the order they arrive (each partition's own order always holds).
  ///
  /// - Parameters:
  ///   - limit: Stops after so many.
  ///   - isStopped: Asked ten times a second.
  ///   - each: False stops.
  public func read(
    from start: TailStart, follow: Bool, limit: Int? = nil, isStopped: () -> Bool = { false },
    _ each: (TailRecord) throws -> Bool
  ) throws {
    let partitions = try TopicQuery.partitions(of: [topic], client)
    guard !partitions.isEmpty else {
      throw PortError(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, doing: "topic \(topic)")
    }
    let marks = try TopicQuery.watermarks(partitions, client, timeoutMs: 10_000)
    let list = PartitionList(capacity: partitions.count)
    var open: [Int32: Int64] = [:]
    var ends: [Int32: Int64] = [:]
    for (partition, mark) in zip(partitions, marks) {
      let offset =
        switch start {
        case .beginning: mark.low
        case .end: mark.high
        case .last(let n): max(mark.low, mark.high - Int64(n))
        case .offset(let n): min(max(n, mark.low), mark.high)
        }
      list.add(partition, offset)
      ends[partition.partition] = mark.high
      // Also what is empty is asked for once: only that tells whether this user may read it.
      if offset < mark.high || !follow { open[partition.partition] = mark.high }
    }
    client.readMessages()
    let code = rd_kafka_assign(client.handle, list.raw)
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw client.explain(code, doing: "reading topic \(topic)") }
    var given = 0
    func give(_ record: TailRecord) throws -> Bool {
      if let limit, given >= limit { return false }
      given += 1
      return try each(record) && limit.map { given < $0 } ?? true
    }
    var held: [TailRecord] = []
    var holds = false
    if case .last = start, !open.isEmpty { holds = true }
    while !isStopped() {
      if holds && open.isEmpty {
        holds = false
        held.sort { ($0.timestamp, $0.partition, $0.offset) < ($1.timestamp, $1.partition, $1.offset) }
        if case .last(let n) = start { held.removeFirst(max(0, held.count - n)) }
        for record in held where try !give(record) { return }
        held.removeAll()
      }
      if open.isEmpty && !follow { return }
      guard let record = try next(&open) else { continue }
      if !follow && record.offset >= ends[record.partition, default: 0] { continue }
      if holds {
        held.append(record)
      } else if try !give(record) {
        return
      }
    }
  }

  /// The next record, or nil after 100 ms or an end of a partition, which is struck from the open ones.
  private func next(_ open: inout [Int32: Int64]) throws -> TailRecord? {
    if let refusal = client.refusal ?? client.fatal { throw refusal }
    guard let message = rd_kafka_consumer_poll(client.handle, 100) else { return nil }
    defer { rd_kafka_message_destroy(message) }
    let partition = message.pointee.partition
    switch message.pointee.err {
    case RD_KAFKA_RESP_ERR_NO_ERROR: break
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
      open[partition] = nil
      return nil
    default:
      let detail = rd_kafka_message_errstr(message).map { String(cString: $0) }
      let error = client.explain(message.pointee.err, doing: "reading topic \(topic)", detail: detail)
      if error.isRetriable { return nil }
      throw error
    }
    if let end = open[partition], message.pointee.offset + 1 >= end { open[partition] = nil }
    var kind = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE
    let time = rd_kafka_message_timestamp(message, &kind)
    func copy(_ start: UnsafeMutableRawPointer?, _ count: Int) -> [UInt8]? {
      start.map { [UInt8](UnsafeRawBufferPointer(start: $0, count: count)) }
    }
    return TailRecord(
      topic: topic, partition: partition, offset: message.pointee.offset,
      timestamp: kind == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? -1 : time,
      key: copy(message.pointee.key, message.pointee.key_len),
      value: copy(message.pointee.payload, message.pointee.len),
      headers: KafkaHeaders(message: message).all)
  }
}

import CRdKafka
import Events
import Ports

/// What the message callback needs, flat and outside any object: per message it costs two comparisons to find
/// the source, no allocation and no lock of ours.
struct Lane {
  /// One topic as librdkafka points at it, and the source number of each of its partitions (-1 = not ours).
  struct Topic {
    let handle: OpaquePointer
    let input: Int
    let sources: UnsafeMutablePointer<Int32>
    let count: Int
  }
  /// Something that is not a record; rare.
  struct Notice {
    let code: KafkaCode
    let topic: String
    let partition: Int32
    let offset: Int64
    let text: String?
  }

  let client: OpaquePointer
  var topics: UnsafeMutableBufferPointer<Topic>
  var lastTopic: OpaquePointer?
  var lastPartition: Int32 = -1
  var lastSource: UInt16 = 0
  var lastInput = 0
  var limit = 0
  var taken = 0
  var takenBytes = 0
  /// Set for the length of one poll.
  var sink: Unmanaged<SinkHolder>?
  var notices: [Notice] = []

  /// Finds the source of a message whose topic or partition differs from the one before.
  mutating func look(up message: UnsafeMutablePointer<rd_kafka_message_t>) -> Bool {
    for topic in topics where topic.handle == message.pointee.rkt {
      let partition = Int(message.pointee.partition)
      guard partition >= 0, partition < topic.count, topic.sources[partition] >= 0 else { return false }
      lastTopic = topic.handle
      lastPartition = message.pointee.partition
      lastSource = UInt16(truncatingIfNeeded: topic.sources[partition])
      lastInput = topic.input
      return true
    }
    return false
  }

  mutating func notice(_ message: UnsafeMutablePointer<rd_kafka_message_t>) {
    let topic = message.pointee.rkt.map { String(cString: rd_kafka_topic_name($0)) } ?? ""
    let isEnd = message.pointee.err == RD_KAFKA_RESP_ERR__PARTITION_EOF
    notices.append(
      Notice(
        code: message.pointee.err, topic: topic, partition: message.pointee.partition, offset: message.pointee.offset,
        text: isEnd ? nil : rd_kafka_message_errstr(message).map { String(cString: $0) }))
  }

  /// librdkafka's consume callback; opaque = the lane. The message is lent and freed by librdkafka.
  static let onMessage: @convention(c) (UnsafeMutablePointer<rd_kafka_message_t>?, UnsafeMutableRawPointer?) -> Void = {
    message, opaque in
    let lane = opaque.unsafelyUnwrapped.assumingMemoryBound(to: Lane.self)
    let message = message.unsafelyUnwrapped
    guard message.pointee.err == RD_KAFKA_RESP_ERR_NO_ERROR else {
      lane.pointee.notice(message)
      return
    }
    if message.pointee.rkt != lane.pointee.lastTopic || message.pointee.partition != lane.pointee.lastPartition {
      guard lane.pointee.look(up: message) else { return }
    }
    var kind = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE
    let time = rd_kafka_message_timestamp(message, &kind)
    let record = Record(
      source: lane.pointee.lastSource, input: lane.pointee.lastInput, partition: message.pointee.partition,
      offset: message.pointee.offset, timestamp: kind == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? -1 : time,
      key: message.pointee.key.map { UnsafeRawBufferPointer(start: $0, count: message.pointee.key_len) },
      value: message.pointee.payload.map { UnsafeRawBufferPointer(start: $0, count: message.pointee.len) },
      headers: KafkaHeaders(message: message))
    lane.pointee.sink.unsafelyUnwrapped._withUnsafeGuaranteedRef { $0.sink.take(record) }
    lane.pointee.taken += 1
    lane.pointee.takenBytes += message.pointee.len
    if lane.pointee.taken >= lane.pointee.limit { rd_kafka_yield(lane.pointee.client) }
  }
}

/// Who takes the records of a poll, held so that a record costs no reference count: the poll keeps it alive.
final class SinkHolder {
  let sink: any RecordSink
  init(_ sink: any RecordSink) { self.sink = sink }
}

import CRdKafka
import Events

/// Headers of the message at hand, parsed only when a mapping asks for one.
///
/// Valid while the record is lent, as its key and value are. Of repeated names the last counts.
struct KafkaHeaders: RecordHeaders {
  let message: UnsafeMutablePointer<rd_kafka_message_t>

  func header(_ name: String) -> [UInt8]? {
    var headers: OpaquePointer?
    guard rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR, let headers else { return nil }
    var value: UnsafeRawPointer?
    var size = 0
    guard rd_kafka_header_get_last(headers, name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR else { return nil }
    return value.map { [UInt8](UnsafeRawBufferPointer(start: $0, count: size)) } ?? []
  }

  /// All of them, in order.
  var all: [(name: String, value: [UInt8])] {
    var headers: OpaquePointer?
    guard rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR, let headers else { return [] }
    var found: [(String, [UInt8])] = []
    var name: UnsafePointer<CChar>?
    var value: UnsafeRawPointer?
    var size = 0
    while rd_kafka_header_get_all(headers, found.count, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR, let name {
      found.append((String(cString: name), value.map { [UInt8](UnsafeRawBufferPointer(start: $0, count: size)) } ?? []))
    }
    return found
  }
}

import CRdKafka
import Ports

/// One admin request, sent and waited for; owns the event that answers it.
struct AdminAnswer: ~Copyable {
  let event: OpaquePointer

  init(
    _ client: KafkaClient, _ kind: rd_kafka_admin_op_t, timeoutMs: Int32 = 10_000, doing: String,
    send: (_ handle: OpaquePointer, _ options: OpaquePointer, _ queue: OpaquePointer) -> Void
  ) throws(PortError) {
    let options = rd_kafka_AdminOptions_new(client.handle, kind)!
    defer { rd_kafka_AdminOptions_destroy(options) }
    var text = [CChar](repeating: 0, count: 256)
    rd_kafka_AdminOptions_set_request_timeout(options, timeoutMs, &text, text.count)
    let queue = rd_kafka_queue_new(client.handle)!
    defer { rd_kafka_queue_destroy(queue) }
    send(client.handle, options, queue)
    guard let event = rd_kafka_queue_poll(queue, timeoutMs + 2_000) else {
      throw client.explain(RD_KAFKA_RESP_ERR__TIMED_OUT, doing: doing)
    }
    let code = rd_kafka_event_error(event)
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
      let detail = rd_kafka_event_error_string(event).map { String(cString: $0) }
      rd_kafka_event_destroy(event)
      throw client.explain(code, doing: doing, detail: detail)
    }
    self.event = event
  }

  deinit { rd_kafka_event_destroy(event) }
}

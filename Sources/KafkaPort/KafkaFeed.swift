import CRdKafka
public import Ports

/// Fills topics with many records: for benches, which need a log before they can measure.
///
/// Idempotent, so that order holds; keeps no copy of what it sent, so a record that fails is counted, not sent again.
/// About 0.5 us a record on the caller's thread.
public final class KafkaFeed {
  private let client: KafkaClient
  private let handles: [OpaquePointer]
  private var parts = [rd_kafka_vu_t](repeating: rd_kafka_vu_t(), count: 6)
  private var untilServed = 0
  /// Records that the brokers did not take.
  public private(set) var failed = 0

  /// - Parameters:
  ///   - topics: Named by their place here when records are sent.
  ///   - lingerMs: How long a batch may wait for more; 0 for measurements of latency.
  public init(_ config: KafkaConfig, topics: [String], lingerMs: Double) throws(PortError) {
    client = try KafkaClient(
      .producer, config,
      defaults: [
        ("linger.ms", "\(lingerMs)"), ("queue.buffering.max.messages", "1000000"),
        ("queue.buffering.max.kbytes", "262144"), ("batch.size", "131072"), ("acks", "all"),
        ("partitioner", "murmur2_random"), ("message.timeout.ms", "60000"),
      ],
      fixed: [("enable.idempotence", "true")])
    let own = client.handle
    handles = topics.map { rd_kafka_topic_new(own, $0, nil)! }
    for (number, type) in [
      RD_KAFKA_VTYPE_RKT, RD_KAFKA_VTYPE_KEY, RD_KAFKA_VTYPE_VALUE, RD_KAFKA_VTYPE_TIMESTAMP, RD_KAFKA_VTYPE_MSGFLAGS,
      RD_KAFKA_VTYPE_PARTITION,
    ].enumerated() { parts[number].vtype = type }
    parts[4].u.i = RD_KAFKA_MSG_F_COPY
    client.onDelivery = { [unowned self] _, code in if code != RD_KAFKA_RESP_ERR_NO_ERROR { failed += 1 } }
    for handle in handles {
      var found: UnsafePointer<rd_kafka_metadata>?
      if rd_kafka_metadata(client.handle, 0, handle, &found, 5_000) == RD_KAFKA_RESP_ERR_NO_ERROR {
        rd_kafka_metadata_destroy(found)
      }
    }
  }

  /// Hands one record over, copied; waits where the queue is full.
  ///
  /// - Parameters:
  ///   - timestamp: Unix ms.
  ///   - partition: -1 = by the key.
  public func send(
    _ topic: Int, key: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer, timestamp: Int64, partition: Int32 = -1
  ) throws(PortError) {
    parts[5].u.i32 = partition
    parts[0].u.rkt = handles[topic]
    parts[1].u.mem.ptr = UnsafeMutableRawPointer(mutating: key.baseAddress)
    parts[1].u.mem.size = key.count
    parts[2].u.mem.ptr = UnsafeMutableRawPointer(mutating: value.baseAddress)
    parts[2].u.mem.size = value.count
    parts[3].u.i64 = timestamp
    while let error = rd_kafka_produceva(client.handle, &parts, 6) {
      let code = rd_kafka_error_code(error)
      rd_kafka_error_destroy(error)
      guard code == RD_KAFKA_RESP_ERR__QUEUE_FULL else { throw client.explain(code, doing: "filling a topic") }
      client.serve(timeoutMs: 10)
    }
    untilServed += 1
    if untilServed == 1000 { serve() }
  }

  /// Takes in what the brokers said.
  public func serve() {
    untilServed = 0
    client.serve()
  }

  /// Waits until the brokers have everything; false = not within the time, or some were refused.
  public func flush(timeoutMs: Int) -> Bool {
    rd_kafka_flush(client.handle, Int32(clamping: timeoutMs)) == RD_KAFKA_RESP_ERR_NO_ERROR && failed == 0
  }

  public func close() {
    for handle in handles { rd_kafka_topic_destroy(handle) }
    client.onDelivery = nil
    rd_kafka_purge(client.handle, Int32(RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT))
    client.close()
  }
}

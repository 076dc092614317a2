import CRdKafka
import CSys
public import Ports

/// Whether this user may do a thing.
public enum KafkaRight: Sendable, Equatable {
  case granted, denied
  /// No answer that tells; why not.
  case unknown(String)
}

/// What the user of a configuration may do, asked by requests that a broker refuses whoever sends them: the right is
/// looked at first, and nothing is ever written.
///
/// Held against Apache Kafka 4 with access rules. A broker that looks at the request before it looks at the user says
/// `granted` where it should say nothing.
public enum KafkaRights {
  /// Write on topics that exist: a record with `acks=2`, which no broker appends (`INVALID_REQUIRED_ACKS`).
  ///
  /// Nothing is asked of librdkafka's in-process broker, which takes any number of acknowledgements.
  public static func write(_ topics: [String], _ config: KafkaConfig, timeoutMs: Int = 5_000) throws(PortError)
    -> [String: KafkaRight]
  {
    let client = try KafkaClient(
      .producer, config,
      fixed: [
        ("enable.idempotence", "false"), ("acks", "2"), ("retries", "0"), ("linger.ms", "0"),
        ("message.timeout.ms", String(timeoutMs)),
      ])
    defer { client.close() }
    if client.isMock { return [:] }
    var rights: [String: KafkaRight] = [:]
    client.onDelivery = { number, code in
      rights[topics[Int(number) - 1]] =
        switch code {
        case RD_KAFKA_RESP_ERR_INVALID_REQUIRED_ACKS: .granted
        case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED: .denied
        default: .unknown(String(cString: rd_kafka_err2str(code)))
        }
    }
    for (index, topic) in topics.enumerated() {
      var parts = [rd_kafka_vu_t](repeating: rd_kafka_vu_t(), count: 2)
      let code = topic.withCString { name in
        parts[0].vtype = RD_KAFKA_VTYPE_TOPIC
        parts[0].u.cstr = name
        parts[1].vtype = RD_KAFKA_VTYPE_OPAQUE
        parts[1].u.ptr = UnsafeMutableRawPointer(bitPattern: index + 1)
        guard let error = rd_kafka_produceva(client.handle, &parts, parts.count) else {
          return RD_KAFKA_RESP_ERR_NO_ERROR
        }
        defer { rd_kafka_error_destroy(error) }
        return rd_kafka_error_code(error)
      }
      if code != RD_KAFKA_RESP_ERR_NO_ERROR { rights[topic] = .unknown(String(cString: rd_kafka_err2str(code))) }
    }
    let end = csys_monotonic_ns() + Int64(timeoutMs + 1_000) * 1_000_000
    while rights.count < Set(topics).count, client.refusal == nil, csys_monotonic_ns() < end {
      client.serve(timeoutMs: 50)
    }
    client.onDelivery = nil
    rd_kafka_purge(client.handle, Int32(RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT))
    return rights
  }

  /// Read on the group, which joining it and committing to it need: an offset for a topic that does not exist.
  static func readGroup(_ client: KafkaClient, timeoutMs: Int32) -> KafkaRight {
    if client.isMock { return .unknown("the in-process broker has no access rules") }
    let list = PartitionList([TopicPartition("thalweg.doctor.no-such-topic", 0)], offset: 0)
    let queue = rd_kafka_queue_new(client.handle)!
    defer { rd_kafka_queue_destroy(queue) }
    let sent = rd_kafka_commit_queue(client.handle, list.raw, queue, nil, nil)
    guard sent == RD_KAFKA_RESP_ERR_NO_ERROR else { return .unknown(String(cString: rd_kafka_err2str(sent))) }
    guard let event = rd_kafka_queue_poll(queue, timeoutMs) else { return .unknown("no answer in \(timeoutMs) ms") }
    defer { rd_kafka_event_destroy(event) }
    switch rd_kafka_event_error(event) {
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED: return .denied
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED: return .granted
    case let code: return .unknown(String(cString: rd_kafka_err2str(code)))
    }
  }
}

extension KafkaAdmin {
  /// Whether this user may join the group and commit to it. Nothing is joined or committed.
  public func mayReadGroup(timeoutMs: Int32 = 5_000) -> KafkaRight {
    KafkaRights.readGroup(client, timeoutMs: timeoutMs)
  }
}

import CRdKafka
public import Ports

/// librdkafka's own little Kafka, speaking the real protocol on a loopback port, inside this process.
///
/// It keeps about 5 MiB or 100,000 batches a partition and silently drops older ones; a batch above 5 MiB vanishes.
/// It cannot create topics by request, find offsets by time or describe groups; a first join of a group takes 3 s.
/// Its log ends with the process, so where a worker is killed it lives in another one.
public final class MockCluster {
  private let host: OpaquePointer
  private let cluster: OpaquePointer
  private let brokerCount: Int32
  /// host:port of its brokers, for `kafka.brokers`.
  public let bootstrap: String

  public init(topics: [(name: String, partitions: Int)] = [], brokers: Int = 1) throws(PortError) {
    var text = [CChar](repeating: 0, count: 512)
    let conf = rd_kafka_conf_new()
    rd_kafka_conf_set_log_cb(conf) { _, _, _, _ in }
    guard let made = rd_kafka_new(RD_KAFKA_PRODUCER, conf, &text, text.count) else {
      rd_kafka_conf_destroy(conf)
      throw PortError(code: "mock", message: "in-process broker: \(String(terminated: text))")
    }
    host = made
    brokerCount = Int32(brokers)
    guard let cluster = rd_kafka_mock_cluster_new(made, brokerCount) else {
      rd_kafka_destroy(made)
      throw PortError(code: "mock", message: "in-process broker: no loopback port could be opened")
    }
    self.cluster = cluster
    bootstrap = String(cString: rd_kafka_mock_cluster_bootstraps(cluster))
    for topic in topics { try create(topic.name, partitions: topic.partitions) }
  }

  deinit {
    rd_kafka_mock_cluster_destroy(cluster)
    rd_kafka_destroy(host)
  }

  public func create(_ topic: String, partitions: Int) throws(PortError) {
    let code = rd_kafka_mock_topic_create(cluster, topic, Int32(partitions), brokerCount)
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw PortError(code, doing: "in-process broker: topic \(topic)") }
  }

  /// Cuts or restores every broker: connections are dropped and refused.
  public func setDown(_ isDown: Bool) {
    for broker in 1...brokerCount {
      _ = isDown ? rd_kafka_mock_broker_set_down(cluster, broker) : rd_kafka_mock_broker_set_up(cluster, broker)
    }
  }

  /// Delay of every answer, ms.
  public func setRoundTrip(ms: Int) {
    for broker in 1...brokerCount { rd_kafka_mock_broker_set_rtt(cluster, broker, Int32(ms)) }
  }

  /// Makes requests on a topic fail with this Kafka error code; 0 = no more.
  public func setError(_ topic: String, code: Int) {
    rd_kafka_mock_topic_set_error(cluster, topic, KafkaCode(rawValue: Int32(code)))
  }

  /// Answers the next requests of an API with these error codes, one each.
  public func fail(api: Int, with codes: [Int]) {
    var list = codes.map { KafkaCode(rawValue: Int32($0)) }
    rd_kafka_mock_push_request_errors_array(cluster, Int16(api), list.count, &list)
  }
}

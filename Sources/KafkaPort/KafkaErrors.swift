import CRdKafka
import Ports

typealias KafkaCode = rd_kafka_resp_err_t

extension PortError {
  /// An error of librdkafka in the words of a person who can do something about it.
  ///
  /// - Parameter doing: What failed, with topic, partition or group: "reading topic watch".
  init(_ code: KafkaCode, doing: String, detail: String? = nil) {
    let name = String(cString: rd_kafka_err2name(code))
    let text = detail ?? String(cString: rd_kafka_err2str(code))
    let advice = Self.advice(code).map { "; \($0)" } ?? ""
    self.init(
      code: name, number: Int(code.rawValue), isRetriable: Self.isTransient(code),
      message: "Kafka: \(doing): \(text)\(advice)")
  }

  private static func isTransient(_ code: KafkaCode) -> Bool {
    switch code {
    case RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR__TIMED_OUT, RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN,
      RD_KAFKA_RESP_ERR__RESOLVE, RD_KAFKA_RESP_ERR__QUEUE_FULL, RD_KAFKA_RESP_ERR__WAIT_COORD,
      RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
      RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE,
      RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE, RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION,
      RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE,
      RD_KAFKA_RESP_ERR_NOT_COORDINATOR, RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS,
      RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND,
      RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR, RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT:
      true
    default: false
    }
  }

  private static func advice(_ code: KafkaCode) -> String? {
    switch code {
    case RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, RD_KAFKA_RESP_ERR__TIMED_OUT:
      "check kafka.brokers, that the broker runs, and that its advertised listeners can be reached from here"
    case RD_KAFKA_RESP_ERR__RESOLVE: "the host name in kafka.brokers cannot be resolved"
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
      "this user lacks Read and Describe (input) or Write (output) on the topic"
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED: "this user lacks Read and Describe on the group"
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED: "this user lacks the cluster permission the request needs"
    case RD_KAFKA_RESP_ERR__AUTHENTICATION: "check the user, the password and sasl.mechanism in kafka.options"
    case RD_KAFKA_RESP_ERR__SSL: "check security.protocol and ssl.ca.location in kafka.options"
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC,
      RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
      "the topic or partition does not exist (any more); `thalweg topics apply` makes the declared ones"
    case RD_KAFKA_RESP_ERR__FENCED, RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
      "another process has joined the group with this worker's instance id: each needs a state directory of its own"
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
      "raise max.message.bytes of the topic (a dead letter holds up to 1 MiB and its headers)"
    case RD_KAFKA_RESP_ERR_POLICY_VIOLATION, RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR:
      "the cluster refuses these settings; see its policy, or fewer replicas for a small cluster"
    default: nil
    }
  }

  /// Why SCRAM fails although the password is right: librdkafka before 2.6.1 sends a nonce that patched brokers refuse.
  static func scramAdvice(mechanism: String, version: Int32) -> String? {
    guard mechanism.uppercased().hasPrefix("SCRAM-"), version < 0x0206_01ff else { return nil }
    return "librdkafka \(String(cString: rd_kafka_version_str())) cannot do \(mechanism) with patched brokers "
      + "(3.8.1 and later, all of 4.x), which call a right password invalid: use librdkafka 2.6.1 or later, "
      + "or PLAIN over TLS, mTLS or OAUTHBEARER"
  }
}

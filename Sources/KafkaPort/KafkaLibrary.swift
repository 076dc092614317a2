import CRdKafka
import Ports

/// The librdkafka that this process runs with.
public enum KafkaLibrary {
  public static var version: String { String(cString: rd_kafka_version_str()) }

  /// Why a SASL mechanism will not work with it, and the ways out; nil = it works.
  public static func trouble(mechanism: String) -> String? {
    PortError.scramAdvice(mechanism: mechanism, version: rd_kafka_version())
  }
}

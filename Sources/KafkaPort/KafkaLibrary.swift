import CRdKafka
import Ports

/// The librdkafka that this process runs with.
public enum KafkaLibrary {
  public static var version: String { String(cString: rd_kafka_version_str()) }

  /// What this build of it cannot do that brokers and topics may ask for; empty = all of it.
  public static var lacks: [String] {
    let conf = rd_kafka_conf_new()
    defer { rd_kafka_conf_destroy(conf) }
    var text = [CChar](repeating: 0, count: 1024)
    var size = text.count
    rd_kafka_conf_get(conf, "builtin.features", &text, &size)
    let has = String(terminated: text).split(separator: ",").map(String.init)
    var missing = ["ssl", "gzip", "snappy", "lz4", "zstd", "sasl_scram", "sasl_oauthbearer"].filter {
      !has.contains($0)
    }
    if rd_kafka_version() < 0x0206_01ff { missing.append("SCRAM with brokers 3.8.1 and later") }
    return missing
  }

  /// Why a SASL mechanism will not work with it, and the ways out; nil = it works.
  public static func trouble(mechanism: String) -> String? {
    PortError.scramAdvice(mechanism: mechanism, version: rd_kafka_version())
  }
}

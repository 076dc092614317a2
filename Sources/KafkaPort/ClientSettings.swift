import CRdKafka
import Ports

/// One librdkafka configuration; freed unless a client has taken it over.
struct ClientSettings: ~Copyable {
  private let conf: OpaquePointer

  private init(conf: OpaquePointer) { self.conf = conf }

  init(_ properties: [(name: String, value: String)]) throws(PortError) {
    self.init(conf: rd_kafka_conf_new())
    for property in properties { try set(property.name, property.value) }
  }

  deinit { rd_kafka_conf_destroy(conf) }

  func set(_ name: String, _ value: String) throws(PortError) {
    var text = [CChar](repeating: 0, count: 512)
    guard rd_kafka_conf_set(conf, name, value, &text, text.count) == RD_KAFKA_CONF_OK else {
      throw PortError(code: "config", message: "kafka.options: \(name): \(String(terminated: text))")
    }
  }

  /// What every client of a configuration shares, and the options of the user over it.
  init(_ config: KafkaConfig, defaults: [(name: String, value: String)], fixed: [(name: String, value: String)])
    throws(PortError)
  {
    self.init(conf: rd_kafka_conf_new())
    if let problem = config.problem() { throw problem }
    let common = [
      ("client.id", config.clientID), ("socket.nagle.disable", "true"), ("socket.keepalive.enable", "true"),
      ("reconnect.backoff.ms", "50"), ("reconnect.backoff.max.ms", "2000"),
      ("topic.metadata.refresh.interval.ms", "30000"),
    ]
    for (name, value) in common + defaults { try set(name, value) }
    for (name, value) in config.options.sorted(by: { $0.key < $1.key }) { try set(name, value) }
    try set("bootstrap.servers", config.brokers)
    for (name, value) in fixed { try set(name, value) }
  }

  /// A copy for registering callbacks and making the client, which frees it.
  func copy() -> OpaquePointer { rd_kafka_conf_dup(conf) }
}

extension String {
  /// A C string that a library wrote into a buffer.
  init(terminated buffer: [CChar]) {
    self.init(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}

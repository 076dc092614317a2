public import KafkaPort
import Options
public import Ports
public import RedisPort
public import Telemetry

extension Settings {
  /// Kafka as the worker joins it; librdkafka's lines go to the log.
  ///
  /// - Parameter instanceID: Text that stays the same over restarts, from `state_dir`; nil = a dynamic member.
  public func kafkaConfig(instanceID: String? = nil, joinsGroup: Bool = true) -> KafkaConfig {
    var options: [String: String] = ["session.timeout.ms": String(kafka.sessionTimeout.wholeMilliseconds)]
    for pair in kafka.options.pairs { options[pair.name] = pair.value }
    return KafkaConfig(
      brokers: kafka.brokers.joined(separator: ","), group: kafka.group, instanceID: instanceID,
      clientID: kafka.clientID, options: options, joinsGroup: joinsGroup,
      log: { severity, line in
        if severity <= 4 {
          Log.shared.warning(
            "kafka client", mend: "look at the brokers and at kafka.options; the client goes on trying",
            ["line": .text(line)])
        } else {
          Log.shared.debug("kafka client", ["line": .text(line)])
        }
      })
  }

  /// The address of Redis; user, password and authorities of their own settings win over those in the address.
  public func redisAddress() throws(PortError) -> RedisAddress {
    var address = try RedisAddress(redis.url)
    if !redis.username.isEmpty { address.user = redis.username }
    if !redis.password.isEmpty { address.password = redis.password.value }
    if !redis.caFile.isEmpty { address.caFile = redis.caFile }
    return address
  }

  public func redisOptions() -> RedisStore.Options {
    var options = RedisStore.Options()
    options.prefix = redis.prefix
    options.ttlSeconds = Int(store.ttl?.components.seconds ?? 0)
    options.connectTimeoutMs = Int(redis.timeout.wholeMilliseconds)
    options.stallMs = Int(redis.timeout.wholeMilliseconds)
    return options
  }

  /// Level and form of the log, for `Log.shared.configure`.
  public var logSetup: (level: LogLevel, format: Log.Format) {
    (LogLevel(name: log.level.rawValue) ?? .info, Log.Format(rawValue: log.format.rawValue) ?? .auto)
  }
}

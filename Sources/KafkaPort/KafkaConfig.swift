public import Ports

/// How to reach a Kafka cluster, and as whom.
public struct KafkaConfig: Sendable {
  /// host:port, comma separated.
  public var brokers: String
  public var group: String
  /// Static membership: the same text after every restart of the same worker; nil = a dynamic member.
  public var instanceID: String?
  public var clientID: String
  /// librdkafka properties, passed through over our own defaults.
  public var options: [String: String]
  /// Whether to be a member of the group, so that lag tools see one and a second worker is refused.
  /// Without it offsets are committed all the same, as a group without members.
  public var joinsGroup: Bool
  /// Silence after which the broker forgets a member, and how long a start waits for one that may be dead.
  public var sessionTimeoutMs: Int
  /// Takes librdkafka's and our own lines: syslog severity (3 error ... 7 debug) and text. Any thread calls it.
  public var log: @Sendable (_ severity: Int32, _ line: String) -> Void

  public init(
    brokers: String, group: String = "thalweg", instanceID: String? = nil, clientID: String = "thalweg",
    options: [String: String] = [:], joinsGroup: Bool = true, sessionTimeoutMs: Int = 10_000,
    log: @escaping @Sendable (_ severity: Int32, _ line: String) -> Void = { _, _ in }
  ) {
    self.brokers = brokers
    self.group = group
    self.instanceID = instanceID
    self.clientID = clientID
    self.options = options
    self.joinsGroup = joinsGroup
    self.sessionTimeoutMs = options["session.timeout.ms"].flatMap { Int($0) } ?? sessionTimeoutMs
    self.log = log
  }

  /// Properties that are the worker's own, each with the reason a person is told.
  static let reserved: [String: String] = [
    "bootstrap.servers": "set kafka.brokers instead",
    "metadata.broker.list": "set kafka.brokers instead",
    "group.id": "set kafka.group instead",
    "group.instance.id": "the worker keeps it in its state directory",
    "enable.auto.commit": "offsets follow the worker's checkpoints",
    "enable.auto.offset.store": "offsets follow the worker's checkpoints",
    "auto.offset.reset": "a jump over lost records must never be silent; use --from for a new group",
    "enable.partition.eof": "the worker needs to know where a partition ends",
    "enable.idempotence": "without it retries reorder records",
  ]

  /// Why an option cannot be taken; nil = all can. Unknown properties and bad values are found here too.
  public func problem() -> PortError? {
    for (name, value) in options.sorted(by: { $0.key < $1.key }) {
      if let reason = Self.reserved[name] {
        return PortError(code: "config", message: "kafka.options: \(name) belongs to the worker: \(reason)")
      }
      do throws(PortError) { _ = try ClientSettings([(name, value)]) } catch { return error }
    }
    return nil
  }
}

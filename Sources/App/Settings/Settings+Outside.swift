public import Options

public struct KafkaSettings: Sendable {
  @Option("brokers", "Brokers to ask first, as host:port.") public var brokers = ["localhost:9092"]
  @Option("group", "Consumer group; names the state's owner in the feature store too.") public var group = "thalweg"
  @Option("client_id", "What the broker's logs call us.") public var clientID = "thalweg"
  @Option(
    "session_timeout",
    "Silence after which the broker gives our partitions away. Also how long a start waits for a member that was killed.",
    in: .seconds(6)...(.seconds(300))) public var sessionTimeout: Duration = .seconds(10)
  @Option("alerts_topic", "Where drift alerts go, as CloudEvents.") public var alertsTopic = "alerts.drift"
  @Option("dead_letter_topic", "Where records go that cannot become events.") public var deadLetterTopic = "dlq.events"
  @Option(
    "resolved_topic",
    "Where each learned item of a decision goes, as a line of VW's DSJSON; empty = nowhere. A later reward sends the item's line again, under the same EventId."
  )
  public var resolvedTopic = "decisions.resolved"
  @Option("options", "Handed to librdkafka as they are: TLS, SASL and any other property.")
  public var options = PassThrough()
  public init() {}
}

public struct StoreSettings: Sendable {
  @Option("kind", "Redis for serving from other machines, a SQLite file, or memory for tests.")
  public var kind = StoreKind.redis
  @Option("path", "SQLite file of the features; empty = features.db in state_dir.") public var path = ""
  @Option(
    "ttl", "Life of a key in Redis after its last write, a net under viewer.idle; off = keys stay until deleted.",
    in: .seconds(60)...(.days(3650))) public var ttl: Duration? = nil
  public init() {}
}

public struct RedisSettings: Sendable {
  @Option("url", "redis:// or rediss:// (TLS) with host, port and database, or Feast's host:port,db=0,ssl=true.")
  public var url = "redis://localhost:6379"
  @Option("username", "User of an access list; empty = the default user.") public var username = ""
  @Option("password", "Password; password_file names a file that holds it.") public var password = Secret()
  @Option("ca_file", "Certificates that the server's must descend from; empty = the system's.") public var caFile = ""
  @Option("prefix", "In front of every key.") public var prefix = ""
  @Option("timeout", "Wait for an answer before the connection counts as lost.", in: .milliseconds(50)...(.seconds(60)))
  public var timeout: Duration = .seconds(5)
  public init() {}
}

public struct PublishSettings: Sendable {
  @Option(
    "max_delay", "Longest wait between two batches while a backlog is folded; other changes are written at once.",
    in: .milliseconds(1)...(.seconds(60))) public var maxDelay: Duration = .milliseconds(500)
  @Option(
    "views", "Fields published in place of the standard rows, each with row, key and field; empty = standard rows.")
  public var views: [View] = []
  public init() {}
}

public struct FeastSettings: Sendable {
  @Option("enabled", "Writes views thalweg_user and thalweg_content as Feast does.") public var enabled = false
  @Option("project", "Feast project: the suffix of its keys.") public var project = "thalweg"
  public init() {}
}

public struct CatalogSettings: Sendable {
  @Option(
    "files",
    "Catalog rows read before the first turn, as JSON lines (.gz too), or folders with catalog.ndjson and embeddings.f32."
  ) public var files: [String] = []
  public init() {}
}

public struct PrivacySettings: Sendable {
  @Option(
    "key",
    "Replaces viewer ids by the first 32 hexadecimal digits of their HMAC-SHA-256 under this key, everywhere but in dead letters, which keep the original bytes; empty = ids stay as they are."
  )
  public var key = Secret()
  public init() {}
}

public struct AdminSettings: Sendable {
  @Option("host", "Address to listen on; loopback unless you protect it otherwise.") public var host = "127.0.0.1"
  @Option("port", "Port to listen on; 0 = any free one, named in the log.", in: 0...65_535) public var port = 9391
  public init() {}
}

public struct LogSettings: Sendable {
  @Option("level", "Least important line that is written.") public var level = LogLevelName.info
  @Option("format", "auto = text on a terminal, JSON elsewhere.") public var format = LogFormatName.auto
  public init() {}
}

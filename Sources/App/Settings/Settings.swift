public import Options

/// Every setting of the worker. The declarations are the only place where names, types, defaults, ranges and their
/// sentences stand: files, environment, `--set`, help, docs and schema are read from them.
///
/// `Settings()` is the defaults. Copy values that a hot path needs out of it once at start.
public struct Settings: Sendable {
  @Option(
    "state_dir",
    "Folder of state, plans, the group's instance id and (store.kind sqlite) the features; one worker each."
  ) public var stateDir = "thalweg-data"
  @Option(
    "mapping",
    "Mapping files that turn topics of other shapes into events; the name envelope stands for our own topics. Empty: the inputs below, or envelope if there are none."
  ) public var mapping: [String] = []
  @Option("inputs", "Mappings written here instead of in files of their own, in the same form.")
  public var inputs = Tree()
  @Option(
    "from",
    "Where a group without state begins: earliest, latest, ts=TIME (Unix ms or 2026-11-21T03:00:00Z) or last=DURATION. A state goes on from its own position."
  ) public var from = StartFrom.earliest
  @Option("until", "Ends by itself once every partition is caught up to its high watermark at the start; off = never.")
  public var until = Until.off
  @Option(
    "accept_gap",
    "Goes on in a new epoch where the log no longer holds what a plan names. Without it the worker stops and names the range."
  ) public var acceptGap = false
  @Option(
    "durability",
    "What written plans and checkpoints survive: kill = the end of this process, power = the machine's (slower).")
  public var durability = Durability.kill
  @Option("exchange", "How events pass between stages: local = inside this process.")
  public var exchange = ExchangeKind.local
  @Option(
    "shards",
    "Threads that fold, each owning the viewers and titles that hash to it; any number gives the same bytes. auto = as many as there are processors, at most 4; 1 with arms."
  ) public var shards = ShardCount.auto
  @Option(
    "folds", "What is learned. Left out means neither computed nor kept. arms is an arm per title (bandit.learn_from).")
  public var folds: [FoldName] = FoldName.standard
  @Option(
    "too_old", "Records whose event time lies so far before their Kafka timestamp become dead letters; off = none do.",
    in: .seconds(1)...(.days(36_500)))
  public var tooOld: Duration? = nil

  @Section("kafka", "The event log.") public var kafka = KafkaSettings()
  @Section("store", "Where features are published.") public var store = StoreSettings()
  @Section("redis", "The feature store when store.kind is redis.") public var redis = RedisSettings()
  @Section("publish", "How features are published.") public var publish = PublishSettings()
  @Section("feast", "Rows in Feast's layout of Redis, beside our own.") public var feast = FeastSettings()
  @Section("catalog", "What is known about titles before the first event.") public var catalog = CatalogSettings()
  @Section("limits", "What a record may be.") public var limits = LimitSettings()
  @Section("dedup", "Events that came before are folded once.") public var dedup = DedupSettings()
  @Section("align", "How topics are merged by time.") public var align = AlignSettings()
  @Section("checkpoint", "How often state is saved.") public var checkpoint = CheckpointSettings()
  @Section("plan", "The record of every decision of a turn.") public var plan = PlanSettings()
  @Section("trust", "The trust score of titles.") public var trust = TrustSettings()
  @Section("affinity", "Genre affinities of viewers.") public var affinity = AffinitySettings()
  @Section("engagement", "What a watch says.") public var engagement = EngagementSettings()
  @Section("embedding", "Vectors of the catalog.") public var embedding = EmbeddingSettings()
  @Section("vector", "The event-driven vector of viewers.") public var vector = VectorSettings()
  @Section("history", "The history vector of viewers.") public var history = HistorySettings()
  @Section("temporal", "Histograms of hours and weekdays.") public var temporal = TemporalSettings()
  @Section("session", "Sessions of viewers.") public var session = SessionSettings()
  @Section("viewer", "Life of a viewer's state.") public var viewer = ViewerSettings()
  @Section("trend", "Trending titles and genres.") public var trend = TrendSettings()
  @Section("popularity", "Popular titles.") public var popularity = PopularitySettings()
  @Section("drift", "Alerts on a metric that leaves its own past (rule F1).") public var drift = DriftSettings()
  @Section("rewards", "What feedback is worth.") public var rewards = RewardMapSettings()
  @Section("reward", "How long a shown title waits for feedback.") public
    var reward = RewardSettings()
  @Section("decision", "Logged decisions.") public var decision = DecisionSettings()
  @Section("bandit", "The models that learn from resolved decisions which title to show.") public
    var bandit = BanditSettings()
  @Section("arms", "One arm per title, with bandit.learn_from events.") public var arms = ArmSettings()
  @Section("model", "Published model snapshots.") public var model = ModelSettings()
  @Section("privacy", "Pseudonyms.") public var privacy = PrivacySettings()
  @Section("admin", "The page, metrics and health over HTTP.") public var admin = AdminSettings()
  @Section("log", "What is said on stderr.") public var log = LogSettings()

  public init() {}

  /// Mapping names in force: files, or `envelope` for the one that ships; empty when `inputs` alone says it.
  public var mappingNames: [String] { mapping.isEmpty && inputs.isEmpty ? ["envelope"] : mapping }

  /// File of the SQLite feature store.
  public var storePath: String { store.path.isEmpty ? stateDir + "/features.db" : store.path }
}

public import Options

public struct RewardMapSettings: Sendable {
  @Option("map", "What each kind of feedback is worth; table = the values below.")
  public var map = RewardMapName.mediaV1
  @Option(
    "values",
    "Of map table: view, click, watch_partial, watch_complete, skip, like, favorite, share, dislike, purchase, block, ignore. Left out = 0."
  ) public var values = Numbers()
  @Option("rate", "Of map table: a rating r is worth nothing, (r - 3) / 2 (signed) or (r - 1) / 4 (share).")
  public var rate = RateRewardForm.signed
  @Option("completion", "Of map table: watches that are worth their completion instead of a value.")
  public var completion = WatchRewardForm.partial
  public init() {}

  /// Names that `values` may hold.
  public static let signals = [
    "ignore", "view", "click", "watch_partial", "watch_complete", "skip", "like", "favorite", "share", "dislike",
    "purchase", "block",
  ]
}

public struct RewardSettings: Sendable {
  @Option(
    "wait", "fed = only items with feedback wait beyond the short window; all = every item, for topics without clicks.")
  public var wait = RewardWait.fed
  @Option(
    "pending_max_bytes", "Ceiling of everything that waits; the oldest go first.", in: .mebibytes(1)...(.gibibytes(256))
  )
  public var pendingMaxBytes = ByteCount.gibibytes(1)
  @Option("short_window", "Window of views, clicks and ignoring.", in: .seconds(1)...(.days(1)))
  public var shortWindow: Duration = .minutes(5)
  @Option("watch_window", "Window of watches and skips.", in: .seconds(1)...(.days(30)))
  public var watchWindow: Duration = .hours(24)
  @Option("explicit_window", "Window of ratings, likes, shares, purchases and blocks.", in: .seconds(1)...(.days(365)))
  public var explicitWindow: Duration = .days(7)
  @Option("default", "What an observed item without feedback learns.", in: -1...1) public var standard = 0.0
  public init() {}
}

public struct DecisionSettings: Sendable {
  @Option(
    "observed", "Which items without feedback were seen: cascade = those above some feedback, first = position 1, all.")
  public var observed = ObservedRule.cascade
  @Option("keep", "How long resolved items stay readable as decision:ID.", in: .minutes(1)...(.days(365)))
  public var keep: Duration = .days(7)
  public init() {}
}

public struct BanditSettings: Sendable {
  @Option("enabled", "Whether models learn from resolved decisions.") public var enabled = true
  @Option(
    "learn_from", "decisions = logged decisions and late rewards; events = every event at once, an arm per title.")
  public var learnFrom = LearnFrom.decisions
  @Option(
    "learner",
    "The model of the titles: shared (one LinUCB), hybrid (shared prior and a residual per title), disjoint or thompson (a regression per title), beta (no context), squarecb, linear or logistic (baselines)."
  ) public var learner = BanditLearner.shared
  @Option(
    "named",
    "Further models over named arms, as KEY=LEARNER: genre=beta, genre=thompson, policy=beta and so on. Each is published as model:KEY."
  ) public var named: [String] = []
  @Option("alpha", "Width of the confidence bound; v of thompson.", in: 0...100) public var alpha = 0.2
  @Option("lambda", "Weight of the prior.", in: 0.000001...1_000_000) public var lambda = 1.0
  @Option("rho", "Weight of the shared prior in a title's residual (hybrid).", in: 0.000001...1_000_000)
  public var rho = 60.0
  @Option("gamma", "Of squarecb: how steeply a worse candidate is chosen less.", in: 0...1_000_000)
  public var gamma = 100.0
  @Option("floor", "Probability spread evenly over all candidates of a slot.", in: 0...1) public var floor = 0.002
  @Option("max_arms", "Arms that get sums of their own; each takes d (d + 1) / 2 numbers a bucket.", in: 1...1_000_000)
  public var maxArms = 1024
  @Option(
    "half_life", "Event time in which what was learned weighs half; off = nothing is forgotten.",
    in: .minutes(1)...(.days(3650)))
  public var halfLife: Duration? = nil
  @Option(
    "arm_half_life", "The same for what is kept per arm; off = half_life.", in: .minutes(1)...(.days(3650)))
  public var armHalfLife: Duration? = nil
  @Option(
    "layout",
    "Blocks of the context vector: media-100, w1, pairs(A,B), or a list such as bias, profile[0..<64], affinity(30), device."
  ) public var layout = ["media-100"]
  @Option("genres", "Genres that have a slot of their own in the context; others share hashed slots up to 30.")
  public var genres = [
    "sci-fi", "fantasy", "thriller", "horror", "comedy", "drama", "action", "romance", "documentary", "mystery",
    "adventure", "animation", "crime", "family", "war", "western", "music", "history", "biography", "sport",
  ]
  public init() {}
}

public struct ArmSettings: Sendable {
  @Option("max", "Titles that have an arm of their own; the one updated longest ago makes room.", in: 1...10_000_000)
  public var max = 50_000
  public init() {}
}

public struct ModelSettings: Sendable {
  @Option("interval", "Time between two published snapshots of a model.", in: .milliseconds(100)...(.hours(24)))
  public var interval: Duration = .seconds(10)
  @Option("max_bytes", "Largest snapshot that is published.", in: .kibibytes(64)...(.gibibytes(4)))
  public var maxBytes = ByteCount.mebibytes(64)
  public init() {}
}

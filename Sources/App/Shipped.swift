/// The files of `configs/`, compiled in. Made by .ci/ship-configs; a test compares them.
public enum Shipped {
  /// Names without `.yaml`, sorted.
  public static let files: [(name: String, text: String)] = [
    (
      "cloudevents",
      #"""
      # CloudEvents in both Kafka bindings (structured and binary): `$` is the data, `@ce.name` an attribute.
      #
      #   thalweg worker --config configs/cloudevents.yaml --set kafka.brokers=HOST:9092
      #
      # Change topic, types and paths to yours; a type that matches no rule is counted (`no_rule`) and skipped.
      inputs:
        - topic: cloudevents
          unwrap: cloudevents
          set:
            event_id: ["@ce.id", "@tpo"]
            timestamp: {path: ["@ce.time", "@timestamp"], as: time}
            user_id: [$.userId, "@ce.subject"]
            content_id: $.contentId
            session_id: $.sessionId
            device: $.device
          require: [user_id, content_id]
          on_missing: dead_letter
          max_bytes: 1048576
          rules:
            - when: {path: "@ce.type", eq: com.acme.video.watch}
              emit: watch
              set:
                completion_rate: {path: $.completionRate, as: number}
                completed: $.completed
                duration_seconds: {path: $.positionSec, as: number}
                total_duration_seconds: {path: $.durationSec, as: number}
            - when: {path: "@ce.type", eq: com.acme.video.click}
              emit: click
            - when: {path: "@ce.type", eq: com.acme.video.rating}
              emit: rate
              set:
                rating: {path: $.rating, as: number}

      """#
    ),
    (
      "demo",
      #"""
      # What `thalweg demo` runs: everything embedded, times shortened to seconds so that drift can be watched.
      # The demo itself adds the address of its broker and its folder.
      store:
        kind: sqlite
      kafka:
        group: demo
      admin:
        port: 0
      drift:
        # Shortened: in production a bucket is 5 minutes and the baseline a week.
        bucket: 1s
        current: 2
        baseline_bucket: 2s
        baseline: 8
        min_count: 30
        threshold: 0.35
        sigmas: 5
        unjudged: 10s
      reward:
        # Shortened: in production an item without feedback is given up after 5 minutes.
        short_window: 2s
      model:
        interval: 500ms
      trend:
        tau: 1m
      log:
        level: warning

      """#
    ),
    (
      "segment",
      #"""
      # Segment (and RudderStack) track calls: a topic that holds whole events as JSON, attached by this file alone.
      #
      #   thalweg worker --config configs/segment.yaml --set kafka.brokers=HOST:9092
      #
      # Playing is a heartbeat: it shows that somebody is there and moves nothing else. Ads use asset_id too and are left
      # out: whatever matches no rule is counted (`no_rule`) and skipped.
      inputs:
        - topic: segment
          decode: json
          set:
            event_id: [$.messageId, "@tpo"]
            user_id: [$.userId, {path: $.anonymousId, prefix: "anon:"}]
            timestamp: {path: [$.timestamp, "@timestamp"], as: time}
            session_id: $.properties.session_id
            device: ~
            platform: ~
            position: ~
            context: ~
          require: [user_id]
          on_missing: dead_letter
          max_bytes: 1048576
          rules:
            - when: {path: $.event, eq: Video Content Playing}
              emit: watch
              set:
                content_id: [$.properties.asset_id, $.properties.content_asset_id]
                duration_seconds: {path: $.properties.position, as: number}
                total_duration_seconds: {path: $.properties.total_length, as: number}
                phase: =progress
            - when: {path: $.event, eq: Video Content Completed}
              emit: watch
              set:
                content_id: [$.properties.asset_id, $.properties.content_asset_id]
                completed: {when: {path: $.event, eq: Video Content Completed}}
                duration_seconds: {path: $.properties.position, as: number}
                total_duration_seconds: {path: $.properties.total_length, as: number}
                phase: =stop
            - when: {path: $.event, in: [Video Playback Interrupted, Video Playback Exited]}
              emit: watch
              set:
                content_id: [$.properties.content_asset_id, $.properties.asset_id]
                duration_seconds: {path: $.properties.position, as: number}
                total_duration_seconds: {path: $.properties.total_length, as: number}
                phase: =stop
            - when: {path: $.event, in: [Product Viewed, Product Clicked]}
              emit: click
              set:
                content_id: $.properties.product_id
            - when: {path: $.event, eq: Product List Viewed}
              emit: impression
              items:
                each: $.properties.products
                content_id: $.product_id
                position: "@index"

      """#
    ),
    (
      "w1",
      #"""
      # Workload W1 of the bench as a configuration: what users with such topics need too. Three topics of plain JSON, a
      # reward table, the plain vector, trust by its own table, an arm per title, compact keys.
      folds: [vector, trust, arms]
      # Vector and trust alone are folded faster than a second thread could take them over.
      shards: 1
      kafka:
        group: w1
      trust:
        preset: w1
      rewards:
        map: w1
      vector:
        form: plain
      embedding:
        dim: 128
      viewer:
        idle: 0
      dedup:
        max_bytes: 256MiB
      bandit:
        learn_from: events
        layout: ["profile[0..<64]", "content[0..<26]", screen, daypart, bias, previous_reward]
      publish:
        views:
          - {row: viewer.vector, key: "w1:u:{id}", field: p}
          - {row: title.trust, key: "w1:c:{id}", field: t}
          - {row: title.arm, key: "w1:c:{id}", field: th}
      inputs:
        - topic: watch
          emit: watch
          devices: [mobile, tv, web, tablet]
          require: [duration_seconds, completion_rate, device, platform]
        - topic: click
          emit: click
          devices: [mobile, tv, web, tablet]
          set:
            position: ~  # counts from 0 there: required, not read
          require: [$.position, session_id, device]
        - topic: rate
          emit: rate

      """#
    ),
    (
      "worker",
      #"""
      # Settings of a worker on our own topics (docs/CONFIG.md). Made by thalweg config sample.
      # What is commented out shows its default; copy this file and change what you need.

      # Folder of state, plans, the group's instance id and (store.kind sqlite) the features; one worker
      # each.
      state_dir: thalweg-data

      # Mapping files that turn topics of other shapes into events; the name envelope stands for our own
      # topics. Empty: the inputs below, or envelope if there are none.
      # mapping: []

      # Mappings written here instead of in files of their own, in the same form.
      # inputs: []

      # Where a group without state begins: earliest, latest, ts=TIME (Unix ms or 2026-11-21T03:00:00Z) or
      # last=DURATION. A state goes on from its own position.
      # from: earliest

      # Ends by itself once every partition is caught up to its high watermark at the start; off = never.
      # One of off, caught-up.
      # until: off

      # Goes on in a new epoch where the log no longer holds what a plan names. Without it the worker stops
      # and names the range.
      # accept_gap: false

      # What written plans and checkpoints survive: kill = the end of this process, power = the machine's
      # (slower). One of kill, power.
      # durability: kill

      # How events pass between stages: local = inside this process. One of local.
      # exchange: local

      # Threads that fold, each owning the viewers and titles that hash to it; any number gives the same
      # bytes. auto = as many as there are processors, at most 4; 1 with arms.
      # shards: auto

      # What is learned. Left out means neither computed nor kept. arms is an arm per title
      # (bandit.learn_from). Of vector, trust, affinity, history, temporal, traits, session, decisions,
      # context, memory, trend, metrics, arms.
      # folds: [vector, trust, affinity, history, temporal, traits, session, decisions, context, memory, trend, metrics]

      # Records whose event time lies so far before their Kafka timestamp become dead letters; off = none
      # do. 1s to 36500d.
      # too_old: off

      # The event log.
      kafka:
        # Brokers to ask first, as host:port.
        brokers: [localhost:9092]
        # Consumer group; names the state's owner in the feature store too.
        group: thalweg
        # What the broker's logs call us.
        # client_id: thalweg
        # Silence after which the broker gives our partitions away. Also how long a start waits for a member
        # that was killed. 6s to 5m.
        # session_timeout: 10s
        # Where drift alerts go, as CloudEvents.
        # alerts_topic: alerts.drift
        # Where records go that cannot become events.
        # dead_letter_topic: dlq.events
        # Where each learned item of a decision goes, as a line of VW's DSJSON; empty = nowhere. A later
        # reward sends the item's line again, under the same EventId.
        # resolved_topic: decisions.resolved
        # Handed to librdkafka as they are: TLS, SASL and any other property.
        # options: {}

      # Where features are published.
      store:
        # Redis for serving from other machines, a SQLite file, or memory for tests. One of redis, sqlite,
        # memory.
        kind: redis
        # SQLite file of the features; empty = features.db in state_dir.
        # path: ""
        # Life of a key in Redis after its last write, a net under viewer.idle; off = keys stay until
        # deleted. 1m to 3650d.
        # ttl: off

      # The feature store when store.kind is redis.
      redis:
        # redis:// or rediss:// (TLS) with host, port and database, or Feast's host:port,db=0,ssl=true.
        url: redis://localhost:6379
        # User of an access list; empty = the default user.
        # username: ""
        # Password; password_file names a file that holds it.
        # password: ""
        # Certificates that the server's must descend from; empty = the system's.
        # ca_file: ""
        # In front of every key.
        # prefix: ""
        # Wait for an answer before the connection counts as lost. 50ms to 1m.
        # timeout: 5s

      # How features are published.
      publish:
        # Longest wait between two batches while a backlog is folded; other changes are written at once. 1ms
        # to 1m.
        # max_delay: 500ms
        # Fields published in place of the standard rows, each with row, key and field; empty = standard
        # rows.
        # views: []

      # Rows in Feast's layout of Redis, beside our own.
      feast:
        # Writes views thalweg_user and thalweg_content as Feast does.
        # enabled: false
        # Feast project: the suffix of its keys.
        # project: thalweg

      # What is known about titles before the first event.
      catalog:
        # Catalog rows read before the first turn, as JSON lines (.gz too), or folders with catalog.ndjson
        # and embeddings.f32.
        # files: []

      # What a record may be.
      limits:
        # Larger events of our own topics become dead letters too_large; a mapping says its own max_bytes.
        # 1KiB to 16MiB.
        # event_bytes: 64KiB
        # The same for catalog rows and decisions. 1KiB to 16MiB.
        # catalog_bytes: 1MiB
        # An event time further ahead of its record's Kafka timestamp is set back to this and counted. 0 to
        # 365d.
        # clamp_ahead: 5m
        # Event times before the year 2000 become dead letters too_old.
        # refuse_before_2000: false
        # Stops reading and folding, with an error in the log and /ready refusing, once more than this share
        # of the records of 10 s (at least 100) would become dead letters; a start goes on; off = never.
        # 0.001 to 1.
        # dead_letter_share: off

      # Events that came before are folded once.
      dedup:
        # An id that comes again within this time is dropped and counted. 1m to 30d.
        # window: 1d
        # Ceiling of the ids remembered; the oldest go first. 1MiB to 64GiB.
        # max_bytes: 64MiB

      # How topics are merged by time.
      align:
        # Longest wait for a partition that is known to have more, once caught up. 0 to 10m.
        # max_wait: 1s
        # Ceiling of decoded records that wait for their turn; above it partitions pause. 8MiB to 256GiB.
        # max_bytes: 448MiB

      # How often state is saved.
      checkpoint:
        # Time between two checkpoints; longer by itself when one takes a core for more than an eighth of it
        # or a quarter of it in all, down to an eighth where 20,000 viewers and titles changed and nothing
        # waits. 10ms to 1h.
        # interval: 1s

      # The record of every decision of a turn.
      plan:
        # How long plans are kept for replay. 1m to 3650d.
        # keep: 7d
        # Room that plans take on the disk; beyond it the oldest go before their time. 1MiB to 64TiB.
        # max_bytes: 4GiB

      # The trust score of titles.
      trust:
        # Table of coefficients and of what counts as what. One of v2, seed, seed-clamped, w1.
        # preset: v2
        # Time of day (UTC) at which scores that decayed are published again.
        # sweep_at: 04:00
        # Least change of a score that the sweep publishes. 0 to 1.
        # sweep_change: 0.005
        # passes_filter is true from this score on. 0 to 1.
        # filter: 0.6
        # At most 5 impressions, 3 clicks and 1 completion per viewer, title and day count. One of preset,
        # on, off.
        # caps: preset
        # A rating of the same viewer and title replaces the earlier one. One of preset, on, off.
        # replacement: preset
        # A title is unproven until it has evidence of 50 events. One of preset, on, off.
        # gate: preset

      # Genre affinities of viewers.
      affinity:
        # What moves genre affinities: engagement of watches or (stars - 1) / 4 of ratings. One of watch,
        # rate.
        # signal: watch
        # What a genre's affinity keeps at each event. 0 to 0.9999.
        # decay: 0.95
        # Half-life of affinity_timed, the form that decays by time. 1m to 3650d.
        # half_life: 7d

      # What a watch says.
      engagement:
        # Engagement = the weighted sum of these, held in 0 to 1; the last two are subtracted.
        weights:
          # Share of the title that was watched. 0 to 1.
          # completion: 0.4
          # The viewer liked it. 0 to 1.
          # liked: 0.2
          # The viewer made it a favorite. 0 to 1.
          # favorited: 0.2
          # The viewer shared it. 0 to 1.
          # shared: 0.2
          # Subtracted: ended by the viewer before a tenth. 0 to 1.
          # skipped_early: 0.3
          # Subtracted: more than 6 pauses an hour. 0 to 1.
          # paused_frequently: 0.2

      # Vectors of the catalog.
      embedding:
        # Length of the catalog's vectors; 0 = that of the first one. 0 to 2048.
        # dim: 0

      # The event-driven vector of viewers.
      vector:
        # unit = unit vectors throughout; plain = u := decay u + (1 - decay) g c as it is. One of unit,
        # plain.
        # form: unit
        # What the vector keeps at each event. 0 to 0.9999.
        # decay: 0.95

      # The history vector of viewers.
      history:
        # d5 = recency, rating and genre share; d6 = rating only; d7 = a running mean over entries. One of
        # d5, d6, d7.
        # form: d5
        # Entries kept per viewer; the one of least decayed weight goes first. 1 to 4096.
        # titles: 256

      # Histograms of hours and weekdays.
      temporal:
        # What each bin keeps at each watch. 0 to 0.9999.
        # decay: 0.95

      # Sessions of viewers.
      session:
        # A longer silence ends a session. 10s to 1d.
        # idle: 30m

      # Life of a viewer's state.
      viewer:
        # A viewer's state and rows end so long after the last event; 0 = never. 0 to 3650d.
        # idle: 90d

      # Trending titles and genres.
      trend:
        # Time in which a title's trend falls to 1/e without events. 10s to 365d.
        # tau: 6h
        # What a click adds. 0 to 100.
        # click: 0.4
        # What a watch adds. 0 to 100.
        # watch: 1

      # Popular titles.
      popularity:
        # Time in which a title's popularity falls to 1/e without watches. 10s to 3650d.
        # tau: 7d

      # Alerts on a metric that leaves its own past (rule F1).
      drift:
        # Width of a bucket; metrics are judged at each boundary. 1s to 1d.
        # bucket: 5m
        # Buckets of the current window. 1 to 1000.
        # current: 12
        # Width of one step of the baseline. 1s to 1d.
        # baseline_bucket: 1h
        # Steps of the baseline, ending one step before the current window's hour. 1 to 1000.
        # baseline: 167
        # Least events on both sides for a judgement. 1 to 1000000000.
        # min_count: 200
        # Least relative difference that fires. 0 to 10.
        # threshold: 0.1
        # Standard errors that the difference must exceed too; 0 = the plain rule. 0 to 100.
        # sigmas: 3
        # A firing alert resolves after so long without a judgement. 1s to 365d.
        # unjudged: 1d
        # Ceiling of the titles' buckets; the longest untouched go first, counted. 1MiB to 64GiB.
        # max_bytes: 256MiB

      # What feedback is worth.
      rewards:
        # What each kind of feedback is worth; table = the values below. One of media-v1, seed-s3, seed-s4,
        # w1, table.
        # map: media-v1
        # Of map table: view, click, watch_partial, watch_complete, skip, like, favorite, share, dislike,
        # purchase, block, ignore. Left out = 0.
        # values: {}
        # Of map table: a rating r is worth nothing, (r - 3) / 2 (signed) or (r - 1) / 4 (share). One of
        # none, signed, share.
        # rate: signed
        # Of map table: watches that are worth their completion instead of a value. One of none, partial,
        # all.
        # completion: partial

      # How long a shown title waits for feedback.
      reward:
        # fed = only items with feedback wait beyond the short window; all = every item, for topics without
        # clicks. One of fed, all.
        # wait: fed
        # Ceiling of everything that waits; the oldest go first. 1MiB to 256GiB.
        # pending_max_bytes: 1GiB
        # Window of views, clicks and ignoring. 1s to 1d.
        # short_window: 5m
        # Window of watches and skips. 1s to 30d.
        # watch_window: 1d
        # Window of ratings, likes, shares, purchases and blocks. 1s to 365d.
        # explicit_window: 7d
        # What an observed item without feedback learns. -1 to 1.
        # default: 0

      # Logged decisions.
      decision:
        # Which items without feedback were seen: cascade = those above some feedback, first = position 1,
        # all. One of cascade, first, all.
        # observed: cascade
        # How long resolved items stay readable as decision:ID. 1m to 365d.
        # keep: 7d

      # The models that learn from resolved decisions which title to show.
      bandit:
        # Whether models learn from resolved decisions.
        # enabled: true
        # decisions = logged decisions and late rewards; events = every event at once, an arm per title. One
        # of decisions, events.
        # learn_from: decisions
        # The model of the titles: shared (one LinUCB), hybrid (shared prior and a residual per title),
        # disjoint or thompson (a regression per title), beta (no context), squarecb, linear or logistic
        # (baselines). One of shared, hybrid, disjoint, thompson, beta, squarecb, linear, logistic.
        # learner: shared
        # Further models over named arms, as KEY=LEARNER: genre=beta, genre=thompson, policy=beta and so on.
        # Each is published as model:KEY.
        # named: []
        # Width of the confidence bound; v of thompson. 0 to 100.
        # alpha: 0.2
        # Weight of the prior. 1e-06 to 1000000.
        # lambda: 1
        # Weight of the shared prior in a title's residual (hybrid). 1e-06 to 1000000.
        # rho: 60
        # Of squarecb: how steeply a worse candidate is chosen less. 0 to 1000000.
        # gamma: 100
        # Probability spread evenly over all candidates of a slot. 0 to 1.
        # floor: 0.002
        # Arms that get sums of their own; each takes d (d + 1) / 2 numbers a bucket. 1 to 1000000.
        # max_arms: 1024
        # Event time in which what was learned weighs half; off = nothing is forgotten. 1m to 3650d.
        # half_life: off
        # The same for what is kept per arm; off = half_life. 1m to 3650d.
        # arm_half_life: off
        # Blocks of the context vector: media-100, w1, pairs(A,B), or a list such as bias, profile[0..<64],
        # affinity(30), device.
        # layout: [media-100]
        # Genres that have a slot of their own in the context; others share hashed slots up to 30.
        # genres: [sci-fi, fantasy, thriller, horror, comedy, drama, action, romance, documentary, mystery, adventure, animation, crime, family, war, western, music, history, biography, sport]

      # One arm per title, with bandit.learn_from events.
      arms:
        # Titles that have an arm of their own; the one updated longest ago makes room. 1 to 10000000.
        # max: 50000

      # Published model snapshots.
      model:
        # Time between two published snapshots of a model. 100ms to 1d.
        # interval: 10s
        # Largest snapshot that is published. 64KiB to 4GiB.
        # max_bytes: 64MiB

      # Pseudonyms.
      privacy:
        # Replaces viewer ids by the first 32 hexadecimal digits of their HMAC-SHA-256 under this key,
        # everywhere but in dead letters, which keep the original bytes; empty = ids stay as they are.
        # key: ""

      # The page, metrics and health over HTTP.
      admin:
        # Address to listen on; loopback unless you protect it otherwise.
        # host: 127.0.0.1
        # Port to listen on; 0 = any free one, named in the log. 0 to 65535.
        port: 9391

      # What is said on stderr.
      log:
        # Least important line that is written. One of debug, info, warning, error.
        # level: info
        # auto = text on a terminal, JSON elsewhere. One of auto, text, json.
        # format: auto

      """#
    ),
  ]

  /// The text of `configs/NAME.yaml`.
  public static func text(_ name: String) -> String? { files.first { $0.name == name }?.text }
}

import Bandits
import JSON
import KafkaPort
import Kernels
import Options
import Ports

struct BanditExplain: Verb {
  static let about = "Tells why a model ranks a title as it does for a viewer: every slot's part in the score."
  static let notes = """
    The context is put together from published features, as serving does, and from the title's newest row in the \
    catalog topic. With --decision it is the one that was logged: the item's line in kafka.resolved_topic.
    """
  static let settings = [
    "store.kind", "store.path", "redis.url", "redis.prefix", "state_dir", "kafka.brokers", "kafka.resolved_topic",
  ]
  @Argument("title", "content:C, or its id.") var title = ""
  @Option("user", "user:U, or its id; left out = a viewer never seen.") var user = ""
  @Option("model", "Name of the model; may be left out where there is one.") var model = ""
  @Option("decision", "Explains what was logged in this decision.") var decision = ""
  @Option("device", "tv, mobile, web, tablet or other.") var device = ""
  @Option("companions", "alone, family, date or friends.") var companions = ""
  @Option("count", short: "c", "How many slots, the largest parts first.", in: 1...2048) var count = 12

  func run(_ context: Context) throws {
    let content = Self.id(title, "content:")
    guard !content.isEmpty else { throw Failure(ExitCode.misuse, "bandit explain needs a title: content:C") }
    let reader = try Worded.errors { try WorkerHost.reader(context.settings) }
    let (model, version) = try ModelStore.one(model, reader)
    let x = try decision.isEmpty ? live(content, model, reader, context) : logged(content, model, context)
    let estimate = model.estimate(content, x)
    let names = ModelStore.slotNames(model.spec, context.settings)
    // A linear score is the sum of its slots: each one's part is the score of the context that has only that slot.
    var parts = x.indices.filter { x[$0] != 0 }.map { i in
      var only = [Double](repeating: 0, count: x.count)
      only[i] = x[i]
      return (name: i < names.count ? names[i] : "x\(i)", x: x[i], part: model.estimate(content, only).mean)
    }
    if model.spec.learner == .logistic { parts = parts.map { ($0.name, $0.x, Self.logit($0.part)) } }
    parts.sort { abs($0.part) > abs($1.part) }
    let bonus = model.spec.alpha * estimate.width
    guard context.output.isJSON else {
      context.output.line("\(content) by model \(model.spec.name), \(model.spec.learner.rawValue), version \(version)")
      context.output.line(
        "mean \(FeatureAnswer.short(estimate.mean))  width \(FeatureAnswer.short(estimate.width))  "
          + "upper bound \(FeatureAnswer.short(estimate.mean + bonus)) (alpha \(FeatureAnswer.short(model.spec.alpha)))"
      )
      return context.output.table(
        ["SLOT", "X", "PART"],
        parts.prefix(count).map { [$0.name, FeatureAnswer.short($0.x), FeatureAnswer.short($0.part)] })
    }
    var json = JSONWriter()
    json.beginObject()
    json.field("model", model.spec.name)
    json.field("version", version)
    json.field("content_id", content)
    json.field("user_id", user.isEmpty ? nil : Self.id(user, "user:"))
    json.field("mean", estimate.mean)
    json.field("width", estimate.width)
    json.field("bonus", bonus)
    json.field("upper_bound", estimate.mean + bonus)
    json.beginArray("parts")
    for part in parts.prefix(count) {
      json.beginObject()
      json.field("slot", part.name)
      json.field("x", part.x)
      json.field("part", part.part)
      json.endObject()
    }
    json.endArray()
    json.endObject()
    context.output.line(json.text)
  }

  private static func id(_ key: String, _ prefix: String) -> String {
    key.hasPrefix(prefix) ? String(key.dropFirst(prefix.count)) : key
  }

  /// ln(p / (1 - p)).
  private static func logit(_ p: Double) -> Double { Elementary.ln(p) - Elementary.ln(1 - p) }

  /// The context of now, from published features and the catalog topic.
  private func live(_ content: String, _ model: PublishedModel, _ reader: any FeatureReader, _ context: Context) throws
    -> [Double]
  {
    guard model.dimension > 0 else { return [] }
    guard model.spec.fingerprint == ContextLayout.media100.fingerprint else {
      throw Failure(ExitCode.failed, "contexts over \(model.spec.layout) are known to who decided; use --decision")
    }
    let settings = context.settings
    let live = LiveContext(.media100, genres: settings.bandit.genres)
    let now = SystemClock().wallMs
    let situation = Situation(time: now, device: device, companions: companions)
    func features(_ key: String) throws -> JSONValue? {
      try Worded.errors { try StoredFeatures.read(key, reader: reader, at: now, options: settings.learnOptions()) }
    }
    var viewer: JSONValue?
    if !user.isEmpty {
      let id = Self.id(user, "user:")
      if let pseudonym = settings.pseudonyms()?(id) { viewer = try features("user:" + pseudonym) }
      if viewer == nil { viewer = try features("user:" + id) }
      guard viewer != nil else { throw Failure(ExitCode.failed, "user:\(id) is not in the feature store") }
    }
    let vector = viewer?["vector"]?.array?.compactMap { $0.double.map(Float.init) } ?? []
    let shared = live.facts(viewer: viewer, vector: vector, situation)
    let (card, title) = (try card(content, context), try features("content:" + content))
    guard card != nil || title != nil else {
      throw Failure(ExitCode.failed, "content:\(content) is neither in the feature store nor in a catalog topic")
    }
    return live.context(shared, viewer: viewer, card ?? TitleCard(), title: title, situation)!
  }

  /// The title's newest row in the catalog topics; nil = it has none.
  private func card(_ content: String, _ context: Context) throws -> TitleCard? {
    var card: TitleCard?
    for input in try context.settings.mappings().compiled.inputs where input.isReference {
      let request = TailRequest(topic: input.topic, offset: "beginning", count: nil, follow: false)
      do {
        try request.read(context) { record in
          guard record.key.map({ String(decoding: $0, as: UTF8.self) }) == content else { return false }
          let row = record.value.flatMap { try? JSONValue(parsing: $0) }
          if row?["source_id"] == nil { card = row.map(TitleCard.init(row:)) }
          return true
        }
      } catch let error as PortError
        where error.code.contains("UNKNOWN_TOPIC") || error.message.contains("does not exist")
      {
        continue  // a reference topic that nobody made has no rows
      }
    }
    return card
  }

  /// The context that was logged with a decision.
  private func logged(_ content: String, _ model: PublishedModel, _ context: Context) throws -> [Double] {
    var found: [Double]?
    let request = TailRequest(
      topic: context.settings.kafka.resolvedTopic, offset: "beginning", count: nil, follow: false)
    try Worded.errors {
      try request.read(context) { record in
        guard let line = record.value.flatMap({ try? JSONValue(parsing: $0) }),
          line["decision_id"]?.string == decision,
          let item = line["c"]?["_multi"]?.array?.first(where: { $0["_tag"]?.string == content })
        else { return false }
        found = item["x"]?.array?.compactMap(\.double)
        return true
      }
    }
    guard let found, found.count == model.dimension || model.dimension == 0 else {
      throw Failure(
        ExitCode.failed,
        found == nil
          ? "decision \(decision) has no line about \(content) in \(context.settings.kafka.resolvedTopic)"
          : "decision \(decision) was logged over another layout than model \(model.spec.name) has")
    }
    return found
  }
}

extension TitleCard {
  /// From a row of our own `content.catalog`.
  init(row: JSONValue) {
    genres = (row["genres"]?.array ?? []).compactMap { $0.string?.lowercased() }
    runtimeMinutes = row["runtime_minutes"]?.double ?? 0
    year = row["year"]?.int ?? 0
    platforms = (row["platforms"]?.array ?? []).compactMap(\.string)
    vector = (row["embedding"]?.array ?? []).compactMap { $0.double.map(Float.init) }
  }
}

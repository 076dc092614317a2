import Bandits
import JSON
import Ports

/// The serving side of the demo: ranks titles for a viewer by the published model, from published features only, and
/// says with which probability it did.
///
/// Nothing of the worker in the same process is touched: a second program with the same store would do the same.
final class DemoRanker {
  struct Place {
    /// Index in the catalog.
    var title: Int
    /// 1-based; 0 = a candidate that is not shown.
    var position: Int
    var propensity: Double
    var score: Double
    var explored: Bool
    var x: [Double]
  }
  struct List {
    var places: [Place]
    var policy: String
    /// Empty while no model is published.
    var version: String
  }
  private let reader: any FeatureReader
  private let context: LiveContext
  private let catalog: DemoCatalog
  private let cards: [TitleCard]
  private let clock = SystemClock()
  private var model: PublishedModel?
  private(set) var version = ""
  private var nextLookNs: Int64 = 0
  /// Features of titles and when they are read again.
  private var titles: [Int: (features: JSONValue?, untilNs: Int64)] = [:]
  static let shown = 4

  init(_ reader: any FeatureReader, _ settings: Settings, _ catalog: DemoCatalog) {
    self.reader = reader
    self.catalog = catalog
    context = LiveContext(.media100, genres: settings.bandit.genres)
    cards = catalog.titles.map {
      TitleCard(
        genres: $0.genres, runtimeMinutes: Double($0.runtimeMinutes), year: $0.year, platforms: [$0.platform],
        vector: $0.vector)
    }
  }

  /// Ranks candidates by the model, or evenly where `isControl` or no model is there yet.
  func rank(
    _ viewer: String, _ candidates: [Int], _ situation: Situation, decision: UInt64, isControl: Bool
  ) throws -> List {
    try look()
    let features = try hash("user:" + viewer)
    let vector =
      try reader.hash("emb:user:" + viewer)?.first { $0.name == "vector" }.map { Floats.read($0.value) } ?? []
    let shared = context.facts(viewer: features, vector: vector, situation)
    let contexts = try candidates.map { title in
      context.context(shared, viewer: features, cards[title], title: try known(title), situation)!
    }
    let names = candidates.map { catalog.titles[$0].id }
    let own = isControl ? nil : model
    let ranked =
      own?.rank(names, contexts: contexts, slots: Self.shown, decision: decision)
      ?? Self.evenly(names, contexts, decision: decision)
    var places = ranked.map { place in
      Place(
        title: candidates[place.candidate], position: place.position, propensity: place.propensity,
        score: place.estimate.mean, explored: place.explored, x: contexts[place.candidate])
    }
    for (i, title) in candidates.enumerated() where !ranked.contains(where: { $0.candidate == i }) {
      places.append(
        Place(title: title, position: 0, propensity: ranked[0].row[i], score: 0, explored: false, x: contexts[i]))
    }
    return List(
      places: places, policy: own == nil ? "uniform" : own!.spec.learner.rawValue, version: own == nil ? "" : version)
  }

  private static func evenly(_ names: [String], _ contexts: [[Double]], decision: UInt64) -> [Ranked] {
    let scale = ContextScale(dimension: contexts[0].count, limit: 2)
    return Bandit(SharedModel<Production>(scale: scale), scale: scale, exploration: .uniform, key: 7).rank(
      names, contexts: contexts, slots: shown, decision: decision)
  }

  /// The newest model, looked for twice a second.
  private func look() throws {
    let now = clock.monotonicNs
    guard now >= nextLookNs else { return }
    nextLookNs = now + 500_000_000
    guard let found = try ModelStore.read("titles", reader),
      found.model.spec.fingerprint == context.layout.fingerprint
    else { return }
    model = found.model
    version = found.version
  }

  private func known(_ title: Int) throws -> JSONValue? {
    let now = clock.monotonicNs
    if let known = titles[title], known.untilNs > now { return known.features }
    let features = try hash("content:" + catalog.titles[title].id)
    titles[title] = (features, now + 2_000_000_000)
    return features
  }

  private func hash(_ key: String) throws -> JSONValue? {
    try reader.hash(key).map { fields in
      .object(fields.map { .init($0.name, (try? JSONValue(parsing: $0.value)) ?? .null) })
    }
  }
}

extension DemoRanker.List {
  /// The record of `decisions`: everything offered, with features as int16.
  func record(
    _ decision: String, _ user: String, _ catalog: DemoCatalog, _ situation: Situation, at time: Int64
  ) -> [UInt8] {
    let step = 2.0 / 32_767
    var features: [UInt8] = []
    for place in places {
      for x in place.x {
        let cell = Int16(max(-32_767, min(32_767, (x / step).rounded())))
        features.append(UInt8(truncatingIfNeeded: cell))
        features.append(UInt8(truncatingIfNeeded: cell >> 8))
      }
    }
    var json = JSONWriter(reserving: features.count * 2)
    json.beginObject()
    json.field("schema", "decision/1")
    json.field("decision_id", decision)
    json.field("user_id", user)
    json.field("timestamp", time)
    json.field("policy", policy)
    if !version.isEmpty { json.field("model_version", version) }
    json.beginObject("context")
    json.field("device_type", situation.device)
    json.endObject()
    json.beginArray("items")
    for place in places {
      json.beginObject()
      json.field("content_id", catalog.titles[place.title].id)
      json.field("position", place.position > 0 ? place.position : nil)
      json.field("propensity", max(place.propensity, 1e-9))
      json.field("score", place.score)
      json.field("explored", place.explored)
      json.endObject()
    }
    json.endArray()
    json.field("x", Base64.text(features))
    json.field("x_scale", step)
    json.endObject()
    return json.bytes
  }
}

/// Bytes as text of 64 letters, RFC 4648.
enum Base64 {
  static func text(_ bytes: [UInt8]) -> String {
    let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    var out: [UInt8] = []
    out.reserveCapacity((bytes.count + 2) / 3 * 4)
    for i in stride(from: 0, to: bytes.count, by: 3) {
      let a = UInt32(bytes[i])
      let b = i + 1 < bytes.count ? UInt32(bytes[i + 1]) : 0
      let c = i + 2 < bytes.count ? UInt32(bytes[i + 2]) : 0
      let all = a << 16 | b << 8 | c
      out.append(letters[Int(all >> 18)])
      out.append(letters[Int(all >> 12 & 63)])
      out.append(i + 1 < bytes.count ? letters[Int(all >> 6 & 63)] : 0x3d)
      out.append(i + 2 < bytes.count ? letters[Int(all & 63)] : 0x3d)
    }
    return String(decoding: out, as: UTF8.self)
  }
}

import Bandits
import JSON
import Learners

/// What a catalog row says of a title, as far as a context needs it.
struct TitleCard: Sendable {
  var genres: [String] = []
  var runtimeMinutes = 0.0
  /// 0 = unknown.
  var year = 0
  var platforms: [String] = []
  var vector: [Float] = []

  /// The catalog's vector at length 1; empty without one.
  var unit: [Float] {
    let square = vector.reduce(Float(0)) { $0 + $1 * $1 }
    guard square > 0 else { return [] }
    let inverse = 1 / square.squareRoot()
    return vector.map { $0 * inverse }
  }
}

/// Where and when a viewer chooses.
struct Situation: Sendable {
  /// Local time, Unix ms.
  var time: Int64
  /// tv, mobile, web, other or tablet; empty = unknown.
  var device = ""
  /// alone, family, date or friends; empty = unknown.
  var companions = ""
  var platform = ""
}

/// Puts contexts together from published features, as who serves does.
///
/// - SeeAlso: ``ContextFacts``; the road does the same for decisions that bring no `x`, without what only a later
///   stage knows.
struct LiveContext {
  let layout: ContextLayout
  private let genres: GenreSlots

  init(_ layout: ContextLayout, genres: [String]) {
    self.layout = layout
    self.genres = GenreSlots(layout, genres: genres)
  }

  /// What of the viewer and the situation all titles share.
  ///
  /// - Parameters:
  ///   - viewer: Features of `user:{u}`; nil = never seen.
  ///   - vector: That of `emb:user:{u}`.
  func facts(viewer: JSONValue?, vector: [Float], _ situation: Situation) -> ContextFacts {
    var facts = ContextFacts()
    facts.localTime = situation.time
    facts.device = ["tv", "mobile", "web", "other", "tablet"].firstIndex(of: situation.device)
    facts.companions = ["alone", "family", "date", "friends"].firstIndex(of: situation.companions)
    guard let viewer else { return facts }
    if vector.contains(where: { $0 != 0 }) { facts.profile = vector }
    facts.events = viewer["n"]?.int ?? 0
    facts.session = viewer["session"]?["scaled"]?.array?.compactMap(\.double) ?? []
    facts.traits = ["diversity_tolerance", "exploration_tendency", "recency_bias"].map { viewer[$0]?.double ?? 0 }
    return facts
  }

  /// One title's context; nil where the layout cannot be filled from features.
  ///
  /// - Parameter title: Features of `content:{c}`; nil = never met.
  func context(_ shared: ContextFacts, viewer: JSONValue?, _ card: TitleCard, title: JSONValue?, _ situation: Situation)
    -> [Double]?
  {
    var facts = shared
    let affinity = viewer?["affinity_corrected"]
    for genre in card.genres {
      if let value = affinity?[genre]?.double, value != 0 { facts.affinities.append((genres.slot(genre), value)) }
    }
    facts.content = card.unit
    facts.relate()
    if let title {
      facts.trust = [
        "source_reliability", "metadata_accuracy", "availability_confidence", "quality", "preference_confidence",
        "overall",
      ].map { title[$0]?.double ?? 0 }
      facts.popularity = ContextFacts.logShare(max(0, title["popularity"]?.double ?? 0))
      facts.rating = ((title["avg_rating"]?.double ?? 3.5) - 1) / 4
    }
    if card.year > 0 { facts.freshness = ContextFacts.freshness(year: card.year, at: situation.time) }
    facts.runtimeMinutes = card.runtimeMinutes
    facts.isOnPlatform = card.platforms.contains {
      $0 == situation.platform || viewer?["platforms"]?[$0] != nil
    }
    return layout.fill(facts)
  }
}

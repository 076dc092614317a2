import Bandits
import Events
import JSON
import Learners

/// Puts a context together for an item whose record brought none: from profile, catalog and the record's own
/// situation, as they stand where the decision is folded.
///
/// What only a later stage knows (trust, popularity, mean rating of the title) keeps the neutral value of
/// ``ContextFacts``, and the item says that its context was assembled.
struct ContextAssembly {
  private let layout: ContextLayout
  private let genres: GenreSlots
  private let decay: Double
  /// Genre slot by symbol, -1 = not looked up yet.
  private var slots: [Int16] = []

  init(_ options: DecisionOptions, _ learn: LearnOptions) {
    layout = options.layout
    genres = GenreSlots(layout, genres: options.genres)
    decay = learn.affinityDecay
  }

  /// The part that all items of a decision share; nil where the layout cannot be filled here.
  mutating func situation(
    _ event: UnsafePointer<Event>, _ policy: [UInt8], _ row: UnsafeMutablePointer<ViewerRow>,
    _ vector: UnsafePointer<Float>?,
    dimension: Int
  ) -> ContextFacts? {
    if case .pairs? = layout.blocks.first?.source { return nil }
    var facts = ContextFacts()
    if let vector, row.pointee.isWarm { facts.profile = Array(UnsafeBufferPointer(start: vector, count: dimension)) }
    let tz = event.pointee.tzMinutes == .min ? 0 : Int64(event.pointee.tzMinutes) * 60_000
    facts.localTime = event.pointee.time + tz
    facts.device = Self.device(event.pointee.device)
    let scaled = row.pointee.session.scaled
    facts.session = (0..<6).map { scaled[$0] }
    facts.companions = event.pointee.companions > 0 ? Int(event.pointee.companions) - 1 : nil
    facts.events = row.pointee.n
    facts.traits = [
      row.pointee.diversityTolerance(decay: decay), row.pointee.explorationTendency, row.pointee.recencyBias,
    ]
    if !policy.isEmpty, let minutes = (try? JSONValue(parsing: policy))?["context"]?["time_available_minutes"]?.double {
      facts.timeAvailable = minutes
    }
    return facts
  }

  /// One item's context.
  mutating func context(
    _ situation: ContextFacts, _ title: TitleFacts, _ row: UnsafeMutablePointer<ViewerRow>,
    _ event: UnsafePointer<Event>,
    dimension: Int, ids: Identities
  ) -> [Double]? {
    var facts = situation
    for genre in title.genreSymbols {
      let affinity = row.pointee.affinity(genre, decay: decay)
      if affinity != 0 { facts.affinities.append((slot(genre, ids), affinity)) }
    }
    if let vector = title.vector, title.inverseNorm > 0 {
      facts.content = (0..<dimension).map { vector[$0] * title.inverseNorm }
      facts.relate()
    }
    if title.year != 0 { facts.freshness = ContextFacts.freshness(year: Int(title.year), at: event.pointee.time) }
    facts.runtimeMinutes = title.runtimeMinutes
    facts.isOnPlatform = title.platformSymbols.contains {
      $0 == event.pointee.platform || row.pointee.uses(platform: $0)
    }
    if event.pointee.mood > 0, event.pointee.mood <= 5 {
      let mood = Int(event.pointee.mood) - 1
      facts.mood = (mood, MoodMatch.share(mood, genres: title.genreSymbols.map { ids.symbols[$0] }))
    }
    return layout.fill(facts)
  }

  private mutating func slot(_ genre: UInt16, _ ids: Identities) -> Int {
    while slots.count <= genre { slots.append(-1) }
    if slots[Int(genre)] >= 0 { return Int(slots[Int(genre)]) }
    let slot = genres.slot(ids.symbols[genre])
    slots[Int(genre)] = Int16(slot)
    return slot
  }

  private static func device(_ device: Device) -> Int? {
    switch device {
    case .unset: nil
    case .tv: 0
    case .mobile: 1
    case .web: 2
    case .voice, .other: 3
    case .tablet: 4
    }
  }
}

/// How well genres meet a mood: the mean over a title's genres of the cosine of mood and genre vector, one half for a
/// genre that has none.
enum MoodMatch {
  private static let moods: [[Double]] = [
    [0.8, 0.2, 0.1, 0.9, 0.3], [0.3, 0.9, 0.8, 0.2, 0.1], [0.5, 0.4, 0.6, 0.5, 0.8], [0.7, 0.1, 0.2, 0.8, 0.4],
    [0.6, 0.9, 0.5, 0.5, 0.2],
  ]
  private static let genres: [String: [Double]] = [
    "comedy": [0.9, 0.2, 0.1, 0.8, 0.3], "thriller": [0.3, 0.9, 0.8, 0.2, 0.1],
    "documentary": [0.5, 0.3, 0.4, 0.6, 0.9],
  ]

  static func share(_ mood: Int, genres names: [String]) -> Double {
    guard !names.isEmpty else { return 0 }
    var sum = 0.0
    for name in names {
      guard let genre = genres[name] else {
        sum += 0.5
        continue
      }
      let mood = moods[mood]
      var (dot, a, b) = (0.0, 0.0, 0.0)
      for i in 0..<5 {
        dot += mood[i] * genre[i]
        a += mood[i] * mood[i]
        b += genre[i] * genre[i]
      }
      sum += dot / (a * b).squareRoot()
    }
    return max(0, min(1, sum / Double(names.count)))
  }
}

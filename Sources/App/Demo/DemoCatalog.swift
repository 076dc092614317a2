import JSON

/// A made-up catalog for the demo's videos: KuaiRand names neither titles nor genres, so these are invented from a
/// seed and say nothing about the real videos.
struct DemoCatalog {
  struct Title {
    var id: String
    var name: String
    var genres: [String]
    var year: Int
    var runtimeMinutes: Int
    var platform: String
    var vector: [Float]
  }
  static let genres = [
    "comedy", "drama", "thriller", "sci-fi", "documentary", "romance", "animation", "crime", "family", "music",
  ]
  static let platforms = ["netflix", "prime", "disney", "hulu"]
  static let dimension = 32
  private static let first = [
    "Paper", "Silent", "Harbour", "Glass", "Winter", "Copper", "Second", "Hidden", "Northern", "Velvet", "Broken",
    "Distant", "Golden", "Midnight", "Salt", "Hollow", "Crimson", "Quiet", "Falling", "Lantern",
  ]
  private static let second = [
    "Moons", "Orchard", "Lights", "River", "Signals", "Ferry", "Atlas", "Kitchen", "Corridor", "Garden", "Tide",
    "Machines", "Letters", "Umbrellas", "Bakery", "Station", "Horizon", "Echo", "Carnival", "Meridian",
  ]
  let titles: [Title]

  init(ids: [String]) {
    titles = ids.enumerated().map { i, id in
      var random = DemoRandom(0x7a1_0000 &+ UInt64(i))
      var genres = [Self.genres[random.below(Self.genres.count)]]
      if random.unit() < 0.4 {
        let other = Self.genres[random.below(Self.genres.count)]
        if !genres.contains(other) { genres.append(other) }
      }
      var vector = (0..<Self.dimension).map { _ in Float(random.normal() * 0.35) }
      for genre in genres { vector[Self.genres.firstIndex(of: genre)!] += 1.5 }
      let number = i / (Self.first.count * Self.second.count)
      let name = Self.first[random.below(Self.first.count)] + " " + Self.second[random.below(Self.second.count)]
      return Title(
        id: id, name: number == 0 ? name : "\(name) \(number + 1)", genres: genres, year: 1990 + random.below(37),
        runtimeMinutes: 20 + random.below(110), platform: Self.platforms[random.below(Self.platforms.count)],
        vector: vector)
    }
  }

  /// The row of `content.catalog`.
  func row(_ title: Title, at time: Int64) -> [UInt8] {
    var writer = JSONWriter(reserving: 600)
    writer.beginObject()
    writer.field("schema", "catalog/1")
    writer.field("event_id", "k-" + title.id)
    writer.field("timestamp", time)
    writer.field("content_id", title.id)
    writer.field("title", title.name)
    writer.field("content_type", "made-up")
    writer.field("year", title.year)
    writer.beginArray("genres")
    for genre in title.genres { writer.string(genre) }
    writer.endArray()
    writer.field("runtime_minutes", title.runtimeMinutes)
    writer.beginArray("platforms")
    writer.string(title.platform)
    writer.endArray()
    writer.beginArray("embedding")
    for x in title.vector { writer.number(Double((x * 1000).rounded()) / 1000) }
    writer.endArray()
    writer.endObject()
    return writer.bytes
  }
}

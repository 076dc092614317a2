import CDemoData
import JSON
import Ports

/// The demo's events: real viewing rows first, then an endless made-up audience in wall time.
///
/// Some come to a front page where nothing is ranked, the others are members (see `DemoAudience+Members.swift`). All react
/// to titles by taste; from `breaksAt` to `mendsAt` (seconds of its life) one popular title stops
/// playing after a few seconds, so that its completion falls and the drift rule has something to find.
struct DemoAudience {
  struct Row {
    var time: Int64
    var user: String
    var video: String
    var play: Double
    var duration: Double
    var click: Bool
    var like: Bool
  }
  let rows: [Row]
  let catalog: DemoCatalog
  /// Viewers of the rows, who go on watching.
  let viewers: [String]
  /// Titles by how often the rows show them; the audience prefers the front.
  let popular: [Int]
  private static let madeUpViewers = 12_000
  private(set) var breaksAt = 8.0
  private(set) var mendsAt = 10.5
  var random = DemoRandom(0x5eed)
  var serial: UInt64 = 0

  init() {
    let packed = UnsafeBufferPointer(start: demo_events(), count: demo_events_count())
    let table = CSVTable(GzipText.unpack(packed))
    rows = table.rows.map { row in
      Row(
        time: Int64(row[0]) ?? 0, user: "v" + row[1], video: "kr" + row[2], play: (Double(row[3]) ?? 0) / 1000,
        duration: (Double(row[4]) ?? 0) / 1000, click: row[5] == "1", like: row[6] == "1")
    }
    var counts: [String: Int] = [:]
    for row in rows { counts[row.video, default: 0] += 1 }
    let ids = counts.keys.sorted()
    catalog = DemoCatalog(ids: ids)
    popular = ids.indices.sorted {
      let a = counts[ids[$0]]!
      let b = counts[ids[$1]]!
      return a != b ? a > b : ids[$0] < ids[$1]
    }
    viewers = Set(rows.map(\.user)).sorted()
  }

  /// Sets when the title breaks and mends, within a life of so many seconds.
  mutating func plan(life: Double) {
    breaksAt = min(8, life * 0.4)
    mendsAt = breaksAt + min(2.5, life * 0.15)
  }

  /// The title that breaks.
  var victim: DemoCatalog.Title { catalog.titles[popular[0]] }

  /// Records of one real row, its time shifted.
  mutating func records(of row: Row, shiftedBy shift: Int64) -> [OutRecord] {
    let time = row.time + shift
    serial += 1
    let decision = "d\(serial)"
    var records = [impression(row.user, decision, [row.video], time)]
    if row.click { records.append(click(row.user, row.video, decision, 1, time + 1)) }
    if row.duration > 0 { records.append(watch(row.user, row.video, decision, row.play, row.duration, time + 2)) }
    records.append(rate(row.user, row.video, row.like ? 5 : 1, time + 3))
    return records
  }

  /// What one made-up visit leaves behind: a list shown, perhaps a click, a watch, a rating.
  mutating func visit(at time: Int64, second: Double) -> [OutRecord] {
    // A quarter of the visits are the rows' own viewers; the others keep the caps per viewer and day far away.
    let viewer = random.unit() < 0.25 ? random.below(viewers.count) : viewers.count + random.below(Self.madeUpViewers)
    let user = viewer < viewers.count ? viewers[viewer] : "m\(viewer - viewers.count)"
    serial += 1
    let decision = "s\(serial)"
    var shown: [Int] = []
    while shown.count < 4 {
      // Squared: the front of the list is met far more often.
      let place =
        shown.isEmpty && random.unit() < 0.22
        ? 0 : Int(Double(popular.count) * random.unit() * random.unit() * random.unit())
      let title = popular[min(popular.count - 1, place)]
      if !shown.contains(title) { shown.append(title) }
    }
    var records = [impression(user, decision, shown.map { catalog.titles[$0].id }, time)]
    guard
      let pick = shown.enumerated().first(where: { i, title in
        likes(viewer, title) > random.unit() * (1.2 + Double(i) * 0.2)
      })
    else { return garbled(records, time) }
    let title = catalog.titles[pick.element]
    records.append(click(user, title.id, decision, pick.offset + 1, time + 1))
    let length = Double(title.runtimeMinutes) * 60
    var completion = min(1, max(0.05, 0.75 + 0.15 * random.normal()))
    if pick.element == popular[0], second >= breaksAt, second < mendsAt { completion = 0.02 + 0.03 * random.unit() }
    records.append(watch(user, title.id, decision, length * completion, length, time + 2))
    if random.unit() < 0.15 {
      records.append(rate(user, title.id, Double(Int(2 + likes(viewer, pick.element) * 6)) / 2 + 1, time + 3))
    }
    return garbled(records, time)
  }

  /// One visit in a thousand ends in a record that is no event, so that dead letters can be seen.
  private mutating func garbled(_ records: [OutRecord], _ time: Int64) -> [OutRecord] {
    guard random.below(1000) == 0 else { return records }
    return records + [
      OutRecord(topic: "events.click", key: [], value: Array(#"{"schema":"click/1","event_id":"#.utf8), timestamp: time)
    ]
  }

  /// A viewer's liking of a title in [0, 1]: two favourite genres each.
  private func likes(_ viewer: Int, _ title: Int) -> Double {
    let favourites = (0..<2).map {
      Int(DemoRandom.bits(0xfa, UInt64(viewer * 2 + $0)) % UInt64(DemoCatalog.genres.count))
    }
    let own = catalog.titles[title].genres
    return own.contains { favourites.contains(DemoCatalog.genres.firstIndex(of: $0)!) } ? 0.9 : 0.35
  }

  private func record(_ topic: String, _ user: String, _ time: Int64, _ body: (inout JSONWriter) -> Void) -> OutRecord {
    var writer = JSONWriter(reserving: 256)
    writer.beginObject()
    body(&writer)
    writer.endObject()
    return OutRecord(topic: topic, key: Array(user.utf8), value: writer.bytes, timestamp: time)
  }

  private mutating func head(_ writer: inout JSONWriter, _ schema: String, _ user: String, _ time: Int64) {
    serial += 1
    writer.field("schema", schema + "/1")
    writer.field("event_id", "\(schema)-\(serial)")
    writer.field("timestamp", time)
    writer.field("user_id", user)
  }

  mutating func impression(_ user: String, _ decision: String, _ items: [String], _ time: Int64) -> OutRecord {
    var writer = JSONWriter(reserving: 384)
    writer.beginObject()
    head(&writer, "impression", user, time)
    writer.field("decision_id", decision)
    writer.beginArray("items")
    for (i, item) in items.enumerated() {
      writer.beginObject()
      writer.field("content_id", item)
      writer.field("position", i + 1)
      writer.endObject()
    }
    writer.endArray()
    writer.endObject()
    return OutRecord(topic: "events.impression", key: Array(user.utf8), value: writer.bytes, timestamp: time)
  }

  mutating func click(
    _ user: String, _ title: String, _ decision: String, _ position: Int, _ time: Int64, device: String = "tv"
  ) -> OutRecord {
    var writer = JSONWriter(reserving: 256)
    writer.beginObject()
    head(&writer, "click", user, time)
    writer.field("content_id", title)
    writer.field("decision_id", decision)
    writer.field("position", position)
    writer.field("device", device)
    writer.endObject()
    return OutRecord(topic: "events.click", key: Array(user.utf8), value: writer.bytes, timestamp: time)
  }

  mutating func watch(
    _ user: String, _ title: String, _ decision: String, _ seconds: Double, _ length: Double, _ time: Int64,
    device: String = "tv"
  ) -> OutRecord {
    var writer = JSONWriter(reserving: 256)
    writer.beginObject()
    head(&writer, "watch", user, time)
    writer.field("content_id", title)
    writer.field("decision_id", decision)
    writer.field("duration_seconds", (seconds * 10).rounded() / 10)
    writer.field("total_duration_seconds", length)
    writer.field("device", device)
    writer.endObject()
    return OutRecord(topic: "events.watch", key: Array(user.utf8), value: writer.bytes, timestamp: time)
  }

  private mutating func rate(_ user: String, _ title: String, _ stars: Double, _ time: Int64) -> OutRecord {
    var writer = JSONWriter(reserving: 256)
    writer.beginObject()
    head(&writer, "rate", user, time)
    writer.field("content_id", title)
    writer.field("rating", min(5, max(1, stars)))
    writer.endObject()
    return OutRecord(topic: "events.rate", key: Array(user.utf8), value: writer.bytes, timestamp: time)
  }
}

import Events
import Kernels
import Learners
import Ports

/// Sorted sets of the first 1,000 titles: `trend:all`, `trend:genre:{g}`, `top:trust`.
///
/// Made anew at most once a second of wall time and written whole; cost O(titles).
struct Rankings {
  static let length = 1000
  private static let periodNs: Int64 = 1_000_000_000
  private var nextNs: Int64 = 0
  private var lastTurn: UInt64 = 0

  /// True when something changed and the last writing is old enough; the caller then writes them.
  mutating func isDue(turn: UInt64, now: Int64, force: Bool) -> Bool {
    guard mayBeDue(turn: turn, now: now, force: force) else { return false }
    lastTurn = turn
    nextNs = now + Self.periodNs
    return true
  }

  /// The same, without noting that they are written now.
  func mayBeDue(turn: UInt64, now: Int64, force: Bool) -> Bool { turn != lastTurn && (force || now >= nextNs) }

  /// What was written last may not have arrived: due again with the next batch.
  mutating func forget() {
    lastTurn = 0
    nextNs = 0
  }

  /// Appends the sets as of a time.
  static func write(
    into batch: inout FeatureBatch, titles: TitleTable, catalog: Catalog, ids: Identities,
    options: borrowing LearnOptions, at time: Int64
  ) {
    var trends = FirstTitles(length)
    var trust = FirstTitles(length)
    var genres: [UInt16: FirstTitles] = [:]
    for slot in 0..<UInt32(min(titles.slots, ids.titles.count)) {
      let row = titles.row(slot)
      guard row.pointee.isAlive else { continue }
      let facts = catalog.title(slot)
      trust.offer(slot, row.pointee.trust(at: time, facts.pointee, options.trust).overall, ids)
      let trend = row.pointee.trend(at: time, options)
      guard trend > 1e-6 else { continue }
      trends.offer(slot, trend, ids)
      for genre in facts.pointee.genreSymbols {
        genres[genre, default: FirstTitles(length)].offer(slot, trend, ids)
      }
    }
    append("top:trust", trust, ids, &batch)
    append("trend:all", trends, ids, &batch)
    for (genre, rows) in genres.sorted(by: { $0.key < $1.key }) {
      append("trend:genre:" + ids.symbols[genre], rows, ids, &batch)
    }
  }

  private static func append(_ key: String, _ first: FirstTitles, _ ids: Identities, _ batch: inout FeatureBatch) {
    batch.begin(.sortedSet, key: key.utf8)
    for (slot, score) in first.sorted(ids) {
      var text = score.description
      text.withUTF8 { batch.field(ids.titles.bytes(slot), UnsafeRawBufferPointer($0)) }
    }
  }
}

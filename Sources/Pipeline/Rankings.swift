import Events
import Kernels
import Learners
import Ports

/// Sorted sets of the first 1,000 titles: `trend:all`, `trend:genre:{g}`, `top:trust`.
///
/// Made anew at most once a second of wall time, each written whole; cost O(titles). While events arrive a round goes part
/// by part, some hundred titles or one set with a batch: of many titles and genres all at once, everybody's rows would
/// wait for tens of milliseconds, once a second.
struct Rankings {
  static let length = 1000
  private static let periodNs: Int64 = 1_000_000_000
  /// Looked at in one part: some 0.2 ms.
  private static let titlesAtOnce: UInt32 = 512
  private var nextNs: Int64 = 0
  private var lastTurn: UInt64 = 0
  private var round: Round?
  /// Sets that are made and in no batch, the last one first.
  private var made: [(key: String, titles: FirstTitles)] = []

  /// A round whose titles have not all been looked at.
  fileprivate struct Round {
    let time: Int64
    var next: UInt32 = 0
    var trends = FirstTitles(length)
    var trust = FirstTitles(length)
    var genres: [UInt16: FirstTitles] = [:]
  }

  /// A round has begun and not all of it is in a batch.
  var isUnderWay: Bool { round != nil || !made.isEmpty }

  /// Something changed and the last round is old enough, or one is under way.
  func isDue(turn: UInt64, now: Int64, force: Bool) -> Bool {
    isUnderWay || turn != lastTurn && (force || now >= nextNs)
  }

  /// What was written last may not have arrived: due again with the next batch.
  mutating func forget() { self = Rankings() }

  /// Begins a round, as of a time; one under way is given up.
  mutating func begin(turn: UInt64, now: Int64, at time: Int64) {
    made.removeAll()
    round = Round(time: time)
    lastTurn = turn
    nextNs = now + Self.periodNs
  }

  /// Appends the next part of the round, or all that is left of it.
  mutating func write(
    into batch: inout FeatureBatch, whole: Bool, titles: TitleTable, catalog: Catalog, ids: Identities,
    options: borrowing LearnOptions
  ) {
    let count = UInt32(min(titles.slots, ids.titles.count))
    if var round {
      self.round = nil
      let end = whole ? count : min(count, round.next + Self.titlesAtOnce)
      while round.next < end {
        round.offer(round.next, titles, catalog, ids, options)
        round.next += 1
      }
      guard round.next == count else { return self.round = round }
      made = round.sets(ids)
      guard whole else { return }
    }
    repeat {
      guard let set = made.popLast() else { return }
      Self.append(set.key, set.titles, ids, &batch)
    } while whole
  }

  private static func append(_ key: String, _ first: FirstTitles, _ ids: Identities, _ batch: inout FeatureBatch) {
    batch.begin(.sortedSet, key: key)
    for (slot, score) in first.sorted(ids) {
      var text = score.description
      text.withUTF8 { batch.field(ids.titles.bytes(slot), UnsafeRawBufferPointer($0)) }
    }
  }
}

extension Rankings.Round {
  fileprivate mutating func offer(
    _ slot: UInt32, _ titles: TitleTable, _ catalog: Catalog, _ ids: Identities, _ options: borrowing LearnOptions
  ) {
    let row = titles.row(slot)
    guard row.pointee.isAlive else { return }
    let facts = catalog.title(slot)
    trust.offer(slot, row.pointee.trust(at: time, facts.pointee, options.trust).overall, ids)
    let trend = row.pointee.trend(at: time, options)
    guard trend > 1e-6 else { return }
    trends.offer(slot, trend, ids)
    for genre in facts.pointee.genreSymbols {
      genres[genre, default: FirstTitles(Rankings.length)].offer(slot, trend, ids)
    }
  }

  /// By key, the last one first.
  fileprivate func sets(_ ids: Identities) -> [(key: String, titles: FirstTitles)] {
    genres.sorted { $0.key > $1.key }.map { ("trend:genre:" + ids.symbols[$0.key], $0.value) }
      + [("trend:all", trends), ("top:trust", trust)]
  }
}

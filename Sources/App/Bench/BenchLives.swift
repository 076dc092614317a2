import Events
import Glibc
import Learners
import Pipeline
import Ports

/// Viewers with a life behind them: each round gives every viewer some more events, in the order of time.
///
/// 60 % watches, 30 % clicks, 10 % ratings of titles by Zipf's law, as visits of ten events. Events are made in memory;
/// what is measured is what they leave behind.
struct BenchLives {
  let viewers: Int
  let titles: Int
  /// Event time of one round, ms.
  private static let round: Int64 = 86_400_000
  private static let start: Int64 = 1_763_683_200_000
  private static let turn = 16_384
  private let law: ZipfLaw
  private var random = DemoRandom(5)
  private var rounds: Int64 = 0
  private var title: UInt32 = 0

  init(viewers: Int, titles: Int) {
    self.viewers = viewers
    self.titles = titles
    law = ZipfLaw(titles, 1.1)
  }

  /// Gives ids to viewers and titles: viewer k has slot k.
  static func name(viewers: Int, titles: Int, in ids: Identities) {
    var name: [UInt8] = []
    for title in 0..<titles {
      name.removeAll(keepingCapacity: true)
      BenchTraffic.name(99, title, into: &name)
      _ = name.withUnsafeBytes { ids.titles.slot($0) }
    }
    for viewer in 0..<viewers {
      name.removeAll(keepingCapacity: true)
      BenchTraffic.name(117, viewer, into: &name)
      _ = name.withUnsafeBytes { ids.viewers.slot($0) }
    }
  }

  /// One round: so many events a viewer, a viewer's own one behind another; nanoseconds of the folds.
  mutating func live(_ bench: RoadBench, events each: Int) -> Int64 {
    var spent: Int64 = 0
    var done = 0
    let all = viewers * each
    while done < all {
      let count = min(Self.turn, all - done)
      spent += bench.turn(count) { i, event in
        let number = done + i
        fill(
          &event, viewer: UInt32(number / each), at: Int64(Double(number) / Double(all) * Double(Self.round)),
          step: number % each)
      }
      done += count
    }
    rounds += 1
    return spent
  }

  /// So many events of viewers drawn at random.
  mutating func visit(_ bench: RoadBench, events: Int) -> Int64 {
    var spent: Int64 = 0
    var done = 0
    while done < events {
      let count = min(Self.turn, events - done)
      spent += bench.turn(count) { i, event in
        fill(
          &event, viewer: UInt32(random.below(viewers)),
          at: Int64(Double(done + i) / Double(events) * 3_600_000),
          step: done + i)
      }
      done += count
    }
    rounds += 1
    return spent
  }

  /// Clicks that the watch of the same title follows, further watches, and a rating of the last.
  private static let visit: [(kind: EventKind, isNew: Bool)] = [
    (.click, true), (.watch, false), (.click, true), (.watch, false), (.click, true), (.watch, false), (.watch, true),
    (.watch, true), (.watch, true), (.rate, false),
  ]

  /// Makes one event of a viewer: the `step`-th of a visit of ten, on six titles.
  mutating func fill(_ event: inout Event, viewer: UInt32, at time: Int64, step: Int) {
    let draw = random.next()
    let (kind, isNew) = Self.visit[step % Self.visit.count]
    if isNew { title = UInt32(law.draw(&random)) }
    event.kind = kind
    event.viewer = viewer
    event.title = title
    event.idHash = draw | 1
    event.time = Self.start + rounds * Self.round + time
    event.recordTime = event.time
    switch kind {
    case .watch:
      event.duration = Double(60 + draw >> 16 & 4095)
      event.rate = 0.1 + Double((draw >> 32) % 90) / 100
      event.device = .tv
    case .click:
      event.position = UInt16(1 + draw >> 16 & 15)
      event.device = .mobile
    default:
      event.rate = Double(2 + (draw >> 16) % 9)
    }
  }
}

/// What the kernel holds of this process.
enum Resident {
  static var bytes: Int {
    let words = (FileSystem.read("/proc/self/statm") ?? []).split(separator: 32)
    return words.count > 1 ? (Int(String(decoding: words[1], as: UTF8.self)) ?? 0) * Int(getpagesize()) : 0
  }
}

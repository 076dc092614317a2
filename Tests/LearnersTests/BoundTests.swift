import Events
import Testing

@testable import Learners

/// Bounds, timers and sets: what the stories do not reach.
struct BoundTests {
  static let day: Int64 = 86_400_000
  static let start: Int64 = 1_794_211_200_000

  static func fold(
    _ worker: StoryWorker, _ kind: EventKind, title: String?, at time: Int64, _ more: (inout Event) -> Void = { _ in }
  )
    -> Effect
  {
    var event = Event(kind: kind)
    event.viewer = worker.ids.viewers.slot("u")
    if let title { event.title = worker.ids.titles.slot(title) }
    event.time = time
    event.mergeTime = time
    more(&event)
    worker.reserve()
    var effect = Effect()
    worker.viewerFold.fold(event, .empty, into: &effect, tally: &worker.tally)
    return effect
  }

  @Test func `over 256 title-days of caps the oldest leaves and counts anew`() {
    let worker = StoryWorker(LearnOptions())
    for index in 0..<257 {
      let effect = Self.fold(worker, .watch, title: "c\(index)", at: Self.start + Int64(index)) { $0.rate = 1 }
      #expect(effect.flags.contains(.countedCompletion))
    }
    let row = worker.viewers.row(0)
    #expect(row.caps.count == 256)
    #expect(
      !Self.fold(worker, .watch, title: "c256", at: Self.start + 999) { $0.rate = 1 }.flags.contains(.countedCompletion)
    )
    #expect(worker.tally[.overCap] == 1)
    #expect(
      Self.fold(worker, .watch, title: "c0", at: Self.start + 999) { $0.rate = 1 }.flags.contains(.countedCompletion))
  }

  @Test func `the history lets the lightest go, then the older, then by id`() {
    var options = LearnOptions()
    options.historyTitles = 3
    let worker = StoryWorker(options)
    for (title, weight, time) in [("b", 0.2, 0), ("a", 0.2, 0), ("c", 0.9, 1), ("d", 0.9, 2), ("e", 0.9, 3)] {
      _ = Self.fold(worker, .rate, title: title, at: Self.start + Int64(time)) { $0.rate = (weight * 4 + 1) * 2 }
    }
    let row = worker.viewers.row(0)
    let kept = row.historyTitles.values.map { worker.ids.titles.text($0) }.sorted()
    #expect(kept == ["c", "d", "e"])
    _ = Self.fold(worker, .rate, title: "f", at: Self.start + 4) { $0.rate = 2 }
    #expect(!row.historyTitles.values.contains(worker.ids.titles.find("f")!))
  }

  @Test func `an idle viewer ends after the last record at its time, in advance and on return alike`() {
    let idle = 90 * Self.day
    for returns in [false, true] {
      let worker = StoryWorker(LearnOptions())
      _ = Self.fold(worker, .click, title: "c", at: Self.start)
      _ = Self.fold(worker, .click, title: "c", at: Self.start + Self.day)
      #expect(worker.viewerFold.advance(to: Self.start + Self.day + idle).isEmpty)
      if returns {
        _ = Self.fold(worker, .click, title: "c", at: Self.start + Self.day + idle + 1)
        #expect(worker.viewers.row(0).pointee.n == 1)
        #expect(worker.viewerFold.advance(to: Self.start + 2 * idle).isEmpty)
      } else {
        #expect(worker.viewerFold.advance(to: Self.start + Self.day + idle + 1) == [0])
        #expect(!worker.viewers.row(0).pointee.isAlive && worker.viewerFold.saving.contains(0))
      }
    }
  }

  @Test func `erase leaves nothing of the viewer and the next event begins anew`() {
    let worker = StoryWorker(LearnOptions())
    _ = Self.fold(worker, .click, title: "c", at: Self.start)
    #expect(Self.fold(worker, .erase, title: nil, at: Self.start + 1).flags.contains(.erased))
    var bytes: [UInt8] = []
    worker.viewers.encode(0, into: &bytes)
    #expect(bytes.isEmpty)
    _ = Self.fold(worker, .click, title: "c", at: Self.start + 2)
    #expect(worker.viewers.row(0).pointee.n == 1)
  }

  @Test func `a query list keeps the last twenty`() {
    let worker = StoryWorker(LearnOptions())
    for index in 0..<25 {
      var payload: [UInt8] = []
      payload.appendField(.query, Array("query \(index)".utf8))
      var event = Event(kind: .search)
      event.viewer = worker.ids.viewers.slot("u")
      event.mergeTime = Self.start
      event.time = Self.start
      worker.reserve()
      var effect = Effect()
      payload.withUnsafeMutableBytes {
        worker.viewerFold.fold(event, Payload($0), into: &effect, tally: &worker.tally)
      }
    }
    let queries = worker.read("user:u", at: 0)["queries"] as? [String]
    #expect(queries == (5..<25).map { "query \($0)" })
  }

  @Test func `a dirty set gives slots once and in order, also after it grew`() {
    var set = DirtySet(slots: 10)
    let slots: [UInt32] = [70_000, 3, 64, 63, 3, 4095, 4096, 1_000_000, 70_000]
    for slot in slots { set.mark(slot) }
    #expect(set.count == 7 && set.contains(64) && !set.contains(65))
    var drained: [UInt32] = []
    set.drain { drained.append($0) }
    #expect(drained == [3, 63, 64, 4095, 4096, 70_000, 1_000_000])
    #expect(set.isEmpty && !set.contains(64))
  }

  @Test func `a bounded drain goes on where it ended, so that busy slots hold no other back`() {
    var set = DirtySet()
    for slot in 0..<1000 as Range<UInt32> { set.mark(slot) }
    set.mark(500_000)
    var seen: [UInt32: Int] = [:]
    for _ in 0..<40 {
      // The first 900 change again before every drain.
      for slot in 0..<900 as Range<UInt32> { set.mark(slot) }
      #expect(set.drain(atMost: 100) { seen[$0, default: 0] += 1 } == 100)
    }
    #expect((0..<1000 as Range<UInt32>).allSatisfy { seen[$0] != nil } && seen[500_000] == 1)
    #expect(seen.values.reduce(0, +) == 4000)
    var left = 0
    while set.drain(atMost: 64, { _ in left += 1 }) > 0 {}
    #expect(set.isEmpty && left > 0)
  }

  @Test func `a vector keeps the catalog version that was valid when it was folded`() throws {
    var options = LearnOptions()
    options.dimension = 2
    options.historyGenreShare = 0
    let worker = StoryWorker(options)
    func put(_ vector: [Float]) {
      var row = CatalogRow()
      row.embedding = vector
      _ = worker.catalog.apply(.title(id: "c", row), ids: worker.ids)
      worker.catalog.settle()
    }
    put([1, 0])
    _ = Self.fold(worker, .rate, title: "c", at: Self.start) { $0.rate = 10 }
    put([0, 1])
    let reader = HistoryReader(catalog: worker.catalog, options: options)
    #expect(reader.vector(of: 0, in: worker.viewers, asOf: Self.start)[0] == 1)
    var used = DirtySet()
    worker.viewers.markVersions(in: &used)
    #expect(worker.catalog.collect(used: used).isEmpty)
    _ = Self.fold(worker, .rate, title: "c", at: Self.start) { $0.rate = 10 }
    #expect(reader.vector(of: 0, in: worker.viewers, asOf: Self.start)[1] == 1)
    used.removeAll()
    worker.viewers.markVersions(in: &used)
    #expect(worker.catalog.collect(used: used) == [0])
  }

  @Test func `a sum d7 is cold below three entries`() {
    var options = LearnOptions()
    options.dimension = 2
    options.historyForm = .d7
    let worker = StoryWorker(options)
    for (id, vector) in [("a", [1, 0]), ("b", [0, 1])] as [(String, [Float])] {
      var row = CatalogRow()
      row.embedding = vector
      _ = worker.catalog.apply(.title(id: id, row), ids: worker.ids)
    }
    worker.catalog.settle()
    let reader = HistoryReader(catalog: worker.catalog, options: options)
    for (title, stars) in [("a", 5.0), ("b", 3.0)] {
      _ = Self.fold(worker, .rate, title: title, at: Self.start) { $0.rate = stars * 2 }
    }
    #expect(reader.vector(of: 0, in: worker.viewers, asOf: Self.start)[0] == 0)
    _ = Self.fold(worker, .rate, title: "a", at: Self.start) { $0.rate = 10 }
    // S = 0.81 (1, 0) + 0.45 (0, 1) + (1, 0), W = 0.81 + 0.45 + 1
    let vector = reader.vector(of: 0, in: worker.viewers, asOf: Self.start)
    #expect(abs(vector[0] - Float(1.81 / 2.26)) < 1e-6 && abs(vector[1] - Float(0.45 / 2.26)) < 1e-6)
  }

  @Test func `rows keep to their declared sizes, and a viewer of 100 events to 3 KB`() {
    #expect(MemoryLayout<ViewerRow>.stride == 224)
    #expect(MemoryLayout<TitleRow>.stride == 216)
    #expect(MemoryLayout<ViewerRow.Scalars>.size == MemoryLayout<ViewerRow.Scalars>.stride)
    #expect(MemoryLayout<TitleRow.Scalars>.size == MemoryLayout<TitleRow.Scalars>.stride)
    var options = LearnOptions()
    options.dimension = 128
    let worker = StoryWorker(options)
    let genres = ["drama", "comedy", "action", "horror", "war", "crime", "music", "family"]
    for index in 0..<60 {
      var row = CatalogRow()
      row.genres = [genres[index % 8]]
      _ = worker.catalog.apply(.title(id: "c\(index)", row), ids: worker.ids)
    }
    for index in 0..<100 {
      let kind: EventKind = index % 10 < 6 ? .watch : index % 10 < 9 ? .click : .rate
      _ = Self.fold(worker, kind, title: "c\(index * 7 % 60)", at: Self.start + Int64(index) * Self.day / 4) {
        $0.rate = kind == .rate ? 8 : 0.95
      }
    }
    #expect(worker.viewers.row(0).pointee.n == 100)
    #expect(worker.viewers.byteCount(0) < 3 * 1024)
  }

  @Test func `one shard and four give the same rows`() {
    var stored: [[[UInt8]]] = []
    for shards in [1, 4] {
      let worker = StoryWorker(LearnOptions())
      for index in 0..<40 { _ = worker.ids.viewers.slot("u\(index)") }
      for index in 0..<10 { _ = worker.ids.titles.slot("c\(index)") }
      worker.reserve()
      var folds = (0..<shards).map { FoldPair(worker, shard: $0, of: shards) }
      for index in 0..<2_000 {
        var event = Event(kind: [.watch, .click, .rate][index % 3])
        event.viewer = UInt32(index * 17 % 40)
        event.title = UInt32(index * 29 % 10)
        event.time = Self.start + Int64(index) * 60_000
        event.mergeTime = event.time
        event.rate = event.kind == .rate ? Double(2 + index % 9) : Double(index % 11) / 10
        var effect = Effect()
        for at in folds.indices where folds[at].viewers.owns(event.viewer) {
          folds[at].viewers.fold(event, .empty, into: &effect, tally: &worker.tally)
        }
        for at in folds.indices where folds[at].titles.owns(event.title) {
          folds[at].titles.fold(event, .empty, effect)
        }
      }
      folds.removeAll()
      stored.append(worker.stored())
    }
    #expect(stored[0] == stored[1])
  }

  /// The folds of one shard.
  final class FoldPair {
    var viewers: ViewerFold
    var titles: TitleFold

    init(_ worker: StoryWorker, shard: Int, of shards: Int) {
      viewers = ViewerFold(
        table: worker.viewers, catalog: worker.catalog, ids: worker.ids, options: worker.options, shard: shard,
        of: shards)
      titles = TitleFold(
        table: worker.titles, catalog: worker.catalog, ids: worker.ids, options: worker.options, shard: shard,
        of: shards)
    }
  }
}

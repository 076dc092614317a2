import Events

@testable import Learners

/// One viewer's fold, driven by hand.
final class ProfileBench {
  static let now: Int64 = 1_794_340_800_000
  let worker: StoryWorker
  let options: LearnOptions
  private var fold: ViewerFold

  init(decay: Double = 0.95, dimension: Int = 0, form: HistoryForm = .d5) {
    var options = LearnOptions()
    options.affinityDecay = decay
    options.dimension = dimension
    options.historyForm = form
    self.options = options
    worker = StoryWorker(options)
    fold = ViewerFold(table: worker.viewers, catalog: worker.catalog, ids: worker.ids, options: options)
    _ = worker.ids.viewers.slot("u")
    _ = worker.ids.symbol("drama")
    worker.reserve()
  }

  func catalogue(_ id: String, _ vector: [Double], _ genres: [String]) {
    var row = CatalogRow()
    row.genres = genres
    row.embedding = vector.map { Float($0) }
    _ = worker.catalog.apply(.title(id: id, row), ids: worker.ids)
    worker.catalog.settle()
    worker.reserve()
  }

  /// One step of the affinity to the genre of a title.
  func feel(_ signal: Double, start: Double) -> Double {
    if worker.ids.titles.find("G") == nil { catalogue("G", [], ["drama"]) }
    let row = worker.viewers.row(0)
    if row.pointee.lists == nil { row.begin(in: worker.viewers.arena(0)) }
    if row.affinities.isEmpty, start != 0 {
      row.affinities.append(Affinity(raw: start, genre: 1))
    }
    var event = Event(kind: .watch)
    event.time = Self.now
    event.title = worker.ids.titles.find("G")!
    withUnsafePointer(to: event) { fold.feel(row, $0, worker.catalog.title(event.title), signal) }
    return row.affinities[0].raw
  }

  var corrected: Double { worker.viewers.row(0).pointee.affinity(1, decay: options.affinityDecay) }

  /// The vector after one rating-like step of value `g`.
  func move(_ u: [Double], toward c: [Double], by g: Double) -> [Double] {
    catalogue("C", c, [])
    for (index, value) in u.enumerated() { worker.viewers.vector(0)[index] = Float(value) }
    worker.viewers.row(0).pointee.s.bits = 3
    worker.viewers.row(0).pointee.s.touchedAt = Self.now
    var event = Event(kind: .watch)
    event.viewer = 0
    event.title = worker.ids.titles.find("C")!
    event.mergeTime = Self.now
    event.time = Self.now
    if g > 0 {
      event.rate = g
      event.flags = g == 1 ? [.completedSet, .completed] : []
    } else {
      event.kind = .interaction
      event.action = .dislike
    }
    var effect = Effect()
    var tally = Tally()
    fold.fold(event, .empty, into: &effect, tally: &tally)
    return u.indices.map { Double(worker.viewers.vector(0)[$0]) }
  }

  /// The histogram of hours after watches at these hours.
  func hours(_ hours: [Double]) -> [String: Double] {
    var event = Event(kind: .watch)
    for hour in hours {
      event.time = 1_794_268_800_000 + Int64(hour * 3_600_000)
      withUnsafePointer(to: event) { fold.clock(worker.viewers.row(0), $0) }
    }
    var named: [String: Double] = [:]
    for hour in 0..<24 where worker.viewers.row(0).pointee.s.histogram[hour] > 0 {
      named[String(hour)] = Double(worker.viewers.row(0).pointee.s.histogram[hour])
    }
    return named
  }

  /// The history vector now, after ratings (title, stars, days ago).
  func history(_ ratings: [(String, Double, Double)], genreShare: Double) -> [Double] {
    var options = options
    options.historyGenreShare = genreShare
    for (title, stars, days) in ratings { _ = rate(title, stars, viewer: "u", days: days) }
    let reader = HistoryReader(catalog: worker.catalog, options: options)
    let vector = reader.vector(of: 0, in: worker.viewers, asOf: Self.now)
    return (0..<options.dimension).map { Double(vector[$0]) }
  }

  /// Folds a rating; the title's average afterwards.
  func rate(_ title: String, _ stars: Double, viewer: String, days: Double) -> Double {
    var event = Event(kind: .rate)
    event.viewer = worker.ids.viewers.slot(viewer)
    event.title = worker.ids.titles.slot(title)
    worker.reserve()
    event.time = Self.now - Int64(days * 86_400_000)
    event.mergeTime = Self.now
    event.rate = stars * 2
    var effect = Effect()
    fold.fold(event, .empty, into: &effect, tally: &worker.tally)
    worker.titleFold.fold(event, .empty, effect)
    return worker.titles.row(event.title).pointee.averageRating
  }
}

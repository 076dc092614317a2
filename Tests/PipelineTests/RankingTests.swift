import Events
import Testing

@testable import Pipeline

/// The first titles of many, picked without sorting all of them.
@Suite struct RankingTests {
  @Test(arguments: [0, 1, 7, 1000, 5000])
  func `the picked titles are those that a whole sort puts first, in its order`(count: Int) {
    let ids = Identities()
    var state: UInt64 = 42
    func draw() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state >> 33
    }
    var all: [(slot: UInt32, score: Double, id: String)] = []
    for n in 0..<3000 {
      let id = "t\(draw())-\(n)"
      // Few different scores, so that ties decide.
      all.append((ids.titles.slot(id), Double(draw() % 40) / 8, id))
    }
    var first = FirstTitles(count)
    for title in all { first.offer(title.slot, title.score, ids) }
    let expected = all.sorted { a, b in
      a.score != b.score ? a.score > b.score : Array(a.id.utf8).lexicographicallyPrecedes(Array(b.id.utf8))
    }
    #expect(first.sorted(ids).map(\.slot) == expected.prefix(count).map(\.slot))
  }
}

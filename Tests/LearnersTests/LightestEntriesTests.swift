import Testing

@testable import Learners

/// Who leaves a full history by what is remembered of it: held against a look at all entries.
struct LightestEntriesTests {
  private static let tau = 30.0 * 86_400_000
  private static let now: Int64 = 1_700_000_000_000

  /// A history that is put into, changed and evicted from as a viewer's is.
  private struct History {
    var cells: [HistoryCell] = []
    var names: [Int] = []
    var known = LightestEntries()
    var looks = 0
    var evictions = 0
    let room: Int
    let rate = HistoryEntry.rate(tauMs: tau)!

    init(room: Int) { self.room = room }

    mutating func put(_ entry: HistoryEntry, name: Int) {
      cells.append(HistoryCell(entry))
      names.append(name)
      if cells.count <= room { return known.forget() }
      known.put(cells[room], at: room, rate: rate)
      let names = names
      let last = room
      let time = entry.time
      let gone = cells.withUnsafeMutableBufferPointer { cells in
        func isBefore(_ a: Int, _ b: Int) -> Bool { names[a] < names[b] }
        let wanted = HistoryEntry.least(of: cells, at: time, tauMs: tau, isBefore: isBefore)
        var found = known.least(of: cells, at: time, tauMs: tau, rate: rate, isBefore: isBefore)
        if found == nil {
          looks += 1
          known.learn(cells, at: time, rate: rate)
          found = known.least(of: cells, at: time, tauMs: tau, rate: rate, isBefore: isBefore)
        }
        if let found { #expect(found == wanted) }
        known.remove(wanted, last: last)
        cells[wanted] = cells[last]
        return wanted
      }
      self.names[gone] = self.names[last]
      cells.removeLast()
      self.names.removeLast()
      evictions += 1
    }

    mutating func change(_ place: Int, to entry: HistoryEntry) {
      cells[place] = HistoryCell(entry)
      known.put(cells[place], at: place, rate: rate)
    }
  }

  @Test(arguments: [3, 16, 40, 256])
  func `the same entry leaves as when all are looked at`(room: Int) {
    var random = SystemRandomNumberGenerator()
    var history = History(room: room)
    var time = Self.now
    for name in 0..<6000 {
      time += Int64.random(in: 0...7_200_000, using: &random)
      if name % 1500 == 1499 { time += 200 * 86_400_000 }
      let late = Int.random(in: 0..<8, using: &random) == 0 ? Int64.random(in: 0...40_000_000_000, using: &random) : 0
      // Coarse weights are often equal; now and then one is nothing, or too much.
      let weight =
        switch Int.random(in: 0..<100, using: &random) {
        case 0: Float(0)
        case 1: Float(5)
        case 2..<40: Float(Int.random(in: 1...8, using: &random)) / 8
        default: Float.random(in: 0.01...1, using: &random)
        }
      let entry = HistoryEntry(time: time - late, weight: weight, version: UInt32(name))
      if history.cells.count == room, Int.random(in: 0..<4, using: &random) == 0 {
        history.change(Int.random(in: 0..<room, using: &random), to: entry)
      } else {
        history.put(entry, name: name)
      }
    }
    #expect(history.evictions > 4000)
  }

  @Test func `few evictions look at all entries`() {
    var random = SystemRandomNumberGenerator()
    var history = History(room: 256)
    for name in 0..<4000 {
      history.put(
        HistoryEntry(
          time: Self.now + Int64(name) * 600_000, weight: Float.random(in: 0.05...1, using: &random),
          version: UInt32(name)), name: name)
    }
    #expect(history.looks * 5 < history.evictions)
  }
}

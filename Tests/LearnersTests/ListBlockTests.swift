import Events
import Testing

@testable import Learners

/// A viewer's lists in one block against arrays.
struct ListBlockTests {
  /// Rows that stay where they are.
  private final class Rows {
    let rows: UnsafeMutablePointer<ViewerRow>
    let count: Int
    let arena = BlockArena()
    init(_ count: Int) {
      self.count = count
      rows = .allocate(capacity: count)
      rows.initialize(repeating: ViewerRow(), count: count)
      for index in 0..<count { (rows + index).begin(in: arena) }
    }
    deinit {
      for index in 0..<count { rows[index].lists?.free() }
      rows.deallocate()
    }
  }

  private struct Model: Equatable {
    var caps: [UInt64] = []
    var titles: [UInt32] = []
    var genres: [UInt16] = []
    var queries: [UInt8] = []
    var explicit: [UInt8] = []
  }

  private func model(_ row: UnsafeMutablePointer<ViewerRow>) -> Model {
    Model(
      caps: Array(row.caps.values), titles: Array(row.historyTitles.values), genres: row.affinities.values.map(\.genre),
      queries: Array(row.queries.values), explicit: Array(row.explicit.values))
  }

  @Test func `lists of many viewers hold what arrays hold, whatever grows, moves and shrinks`() {
    let rows = Rows(40)
    var models = [Model](repeating: Model(), count: rows.count)
    var random = SystemRandomNumberGenerator()
    for step in 0..<40_000 {
      let slot = Int.random(in: 0..<rows.count, using: &random)
      let row = rows.rows + slot
      let value = UInt64.random(in: 0...UInt64.max, using: &random)
      switch Int.random(in: 0..<12, using: &random) {
      case 0...3:
        row.caps.append(value)
        models[slot].caps.append(value)
      case 4...6:
        row.historyTitles.append(UInt32(truncatingIfNeeded: value))
        models[slot].titles.append(UInt32(truncatingIfNeeded: value))
      case 7:
        row.affinities.append(Affinity(raw: 0.5, genre: UInt16(value % 4096)))
        models[slot].genres.append(UInt16(value % 4096))
      case 8:
        let bytes = [UInt8](repeating: UInt8(truncatingIfNeeded: value), count: Int(value % 90))
        bytes.withUnsafeBytes { row.queries.append(contentsOf: $0) }
        models[slot].queries += bytes
      case 9:
        let number = min(row.caps.count, Int(value % 7))
        row.caps.removeFirst(number)
        models[slot].caps.removeFirst(number)
      case 10 where row.historyTitles.count > 0:
        let at = Int(value % UInt64(row.historyTitles.count))
        row.historyTitles.swapRemove(at: at)
        models[slot].titles.swapAt(at, models[slot].titles.count - 1)
        models[slot].titles.removeLast()
      case 11 where value % 40 == 0:
        row.pointee.lists?.free()
        row.begin(in: rows.arena)
        models[slot] = Model()
      default: break
      }
      guard step % 50 > 0 || model(row) == models[slot] else {
        Issue.record("viewer \(slot) differs after step \(step)")
        return
      }
    }
    for slot in 0..<rows.count where model(rows.rows + slot) != models[slot] { Issue.record("viewer \(slot) differs") }
  }

  @Test(arguments: [30_000, 70_000, 600_000, 3_000_000])
  func `a list too long for the arena has a block of its own and the others stay`(length: Int) {
    let rows = Rows(1)
    let row = rows.rows
    for index in 0..<100 { row.caps.append(UInt64(index)) }
    row.affinities.append(Affinity(raw: 0.25, timed: 0.75, at: 1_794_211_200_123, updates: 3, genre: 7))
    let query = (0..<length).map { UInt8(truncatingIfNeeded: $0 / 3) }
    query.withUnsafeBytes { row.explicit.append(contentsOf: $0) }
    query.prefix(1000).withUnsafeBytes { row.queries.append(contentsOf: $0) }
    for index in 100..<200 { row.caps.append(UInt64(index)) }
    #expect(Array(row.explicit.values) == query)
    #expect(Array(row.queries.values) == Array(query.prefix(1000)))
    #expect(Array(row.caps.values) == (0..<200).map { UInt64($0) })
    #expect(row.affinities[0].at == 1_794_211_200_123 && row.affinities[0].timed == 0.75)

    var stored: [UInt8] = []
    ListBlock.encode(row.pointee.lists, into: &stored)
    let again = Rows(1)
    again.rows.pointee.lists?.free()
    stored.withUnsafeBytes {
      var reader = ByteReader($0)
      try! ListBlock.decode(&reader, layout: 3, in: again.arena, for: again.rows.listPlace)
      #expect(reader.isAtEnd)
    }
    #expect(model(again.rows) == model(row))
    again.rows.caps.append(1)
    #expect(again.rows.caps.count == 201 && Array(again.rows.explicit.values) == query)
  }

  @Test func `an affinity keeps each of its fields in 26 bytes`() {
    var affinity = Affinity(raw: 0.1, timed: -.leastNonzeroMagnitude, at: 1_794_211_200_123, updates: 0, genre: 4095)
    #expect(affinity.raw == 0.1 && affinity.timed == -.leastNonzeroMagnitude && affinity.at == 1_794_211_200_123)
    for updates: UInt32 in [1, 65_535, 65_536, 1_048_575] {
      affinity.updates = updates
      #expect(affinity.updates == updates && affinity.genre == 4095)
    }
    affinity.updates += 1
    affinity.genre = 7
    #expect(affinity.updates == 1_048_575 && affinity.genre == 7)
    #expect(Symbols.ceiling <= 4096)
  }

  /// As layout 1 wrote it: 288 bytes of counts and sums, then the lists.
  @Test func `a row of the first layout reads as it was meant`() throws {
    var stored: [UInt8] = [1]
    stored.put(UInt32(1))
    stored.put(UInt32(42))
    stored.put(Int64(1_794_211_200_999))
    stored.put(UInt32(7))
    stored.append(contentsOf: repeatElement(0, count: 4 + 8 + 8 + 8 + 8))
    stored.put(UInt32(0))
    stored.put(UInt32(3))
    stored.append(contentsOf: repeatElement(0, count: 20))
    stored.put(UInt32(6))
    // Moods 2 and 6, companions 1, device 1 and 7, hour 5 and Sunday.
    for count: UInt32 in [0, 20, 0, 0, 0, 60] + [10, 0, 0, 0] + [0, 11, 0, 0, 0, 0, 0, 70] { stored.put(count) }
    for index in 0..<32 { stored.put(index == 5 ? Float(0.5) : index == 30 ? 0.25 : 0) }
    #expect(stored.count == 1 + 288)
    // One affinity of 32 bytes, two titles, two entries of 16 bytes, one cap, one platform; the rest empty.
    stored.put(UInt32(1))
    stored.put(0.5)
    stored.put(0.75)
    stored.put(Int64(1_794_211_200_123))
    stored.put(UInt32(9))
    stored.put(UInt16(4))
    stored.put(UInt16(0))
    stored.put(UInt32(2))
    stored.put(UInt32(11))
    stored.put(UInt32(12))
    stored.put(UInt32(2))
    for (time, weight, version) in [(Int64(1_794_211_200_001), Float(0.1), UInt32(5)), (2, 1, 1 << 31 | 6)] {
      stored.put(time)
      stored.put(weight)
      stored.put(version)
    }
    stored.put(UInt32(1))
    stored.put(UInt64(77))
    stored.put(UInt32(0))
    stored.put(UInt32(0))
    stored.put(UInt32(1))
    stored.put(UInt64(3) << 32 | 8)
    for _ in 7..<12 { stored.put(UInt32(0)) }
    stored.put(UInt32(0))
    stored.put(UInt32(0))
    stored.put(Float(0.875))

    let table = ViewerTable(options: LearnOptions())
    try stored.withUnsafeBytes { try table.decode(5, $0) }
    let row = table.row(5)
    #expect(row.pointee.isAlive && row.pointee.n == 42 && row.pointee.watches == 7)
    #expect(row.pointee.updatedAt == 1_794_211_200_999 && row.pointee.s.interactions == 3)
    #expect(row.pointee.s.exploredAccepted == 6 && row.pointee.previousReward == 0.875)
    #expect(row.pointee.s.histogram[5] == 0.5 && row.pointee.s.histogram[30] == 0.25)
    #expect(row.counted(Counted.moods + 1) == 20 && row.counted(Counted.moods + 5) == 60)
    #expect(row.counted(Counted.companions) == 10 && row.counted(Counted.devices + 1) == 11)
    #expect(row.counted(Counted.devices + 7) == 70 && row.counted(3) == 8 && row.counts.count == 6)
    let affinity = row.affinities[0]
    #expect(affinity.raw == 0.5 && affinity.timed == 0.75 && affinity.at == 1_794_211_200_123)
    #expect(affinity.updates == 9 && affinity.genre == 4)
    #expect(Array(row.historyTitles.values) == [11, 12] && Array(row.caps.values) == [77])
    let entries = row.history.values.map(\.entry)
    #expect(entries[0].time == 1_794_211_200_001 && entries[0].weight == 0.1 && entries[0].version == 5)
    #expect(entries[1].time == 2 && entries[1].isRated && entries[1].catalogVersion == 6)

    // Written again, in today's layout, it is the same row.
    var today: [UInt8] = []
    table.encode(5, into: &today)
    #expect(today[0] == 3)
    let again = ViewerTable(options: LearnOptions())
    try today.withUnsafeBytes { try again.decode(5, $0) }
    var once: [UInt8] = []
    again.encode(5, into: &once)
    #expect(once == today && again.row(5).pointee.previousReward == 0.875)
    for cut in 0..<stored.count where cut != stored.count - 4 {
      #expect(throws: StateError.self) { try stored.prefix(cut).withUnsafeBytes { try again.decode(5, $0) } }
    }
    #expect(throws: StateError.unknownLayout(2)) { try [UInt8(2)].withUnsafeBytes { try again.decode(5, $0) } }
  }
}

/// Row numbers by a key, smallest first. Entries may be outdated: who pops asks whether they still hold.
struct RowHeap {
  struct Entry {
    var key: Int64
    var row: UInt32
  }
  private var entries: [Entry] = []

  var count: Int { entries.count }
  var first: Entry? { entries.first }

  mutating func removeAll() { entries.removeAll() }

  mutating func push(_ key: Int64, _ row: UInt32) {
    entries.append(Entry(key: key, row: row))
    var at = entries.count - 1
    while at > 0, Self.precedes(entries[at], entries[(at - 1) / 2]) {
      entries.swapAt(at, (at - 1) / 2)
      at = (at - 1) / 2
    }
  }

  mutating func pop() -> Entry? {
    guard let first = entries.first else { return nil }
    let last = entries.removeLast()
    guard !entries.isEmpty else { return first }
    entries[0] = last
    var at = 0
    while true {
      var least = at
      for child in [2 * at + 1, 2 * at + 2]
      where child < entries.count && Self.precedes(entries[child], entries[least]) { least = child }
      if least == at { return first }
      entries.swapAt(at, least)
      at = least
    }
  }

  private static func precedes(_ a: Entry, _ b: Entry) -> Bool { a.key != b.key ? a.key < b.key : a.row < b.row }
}

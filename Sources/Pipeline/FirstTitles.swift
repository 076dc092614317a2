import Events

/// The first so many titles by score, ties by id, of any number that are offered: a heap whose root is the last of
/// those kept, so that most offers end with one comparison.
///
/// - Complexity: O(1) for a title that does not get in, O(log capacity) for one that does.
struct FirstTitles {
  typealias Entry = (slot: UInt32, score: Double)
  private var heap: [Entry] = []
  private let capacity: Int

  init(_ capacity: Int) { self.capacity = capacity }

  mutating func offer(_ slot: UInt32, _ score: Double, _ ids: Identities) {
    let entry = (slot: slot, score: score)
    if heap.count < capacity {
      heap.append(entry)
      var at = heap.count - 1
      while at > 0, Self.precedes(heap[(at - 1) / 2], heap[at], ids) {
        heap.swapAt(at, (at - 1) / 2)
        at = (at - 1) / 2
      }
    } else if capacity > 0, Self.precedes(entry, heap[0], ids) {
      heap[0] = entry
      sink(ids)
    }
  }

  /// In their order.
  func sorted(_ ids: Identities) -> [Entry] { heap.sorted { Self.precedes($0, $1, ids) } }

  private mutating func sink(_ ids: Identities) {
    var at = 0
    while true {
      var last = at
      for child in [2 * at + 1, 2 * at + 2] where child < heap.count && Self.precedes(heap[last], heap[child], ids) {
        last = child
      }
      if last == at { return }
      heap.swapAt(at, last)
      at = last
    }
  }

  static func precedes(_ a: Entry, _ b: Entry, _ ids: Identities) -> Bool {
    a.score != b.score
      ? a.score > b.score : ids.titles.bytes(a.slot).lexicographicallyPrecedes(ids.titles.bytes(b.slot))
  }
}

/// When viewers fall idle: a heap of (due, slot) with one entry a viewer, looked at again when it is due.
///
/// A viewer that came back meanwhile is put back by its new due time, so an event costs nothing here.
struct IdleQueue {
  private struct Entry {
    var due: Int64
    var slot: UInt32
  }
  private var heap: ContiguousArray<Entry> = []

  var next: Int64? { heap.first?.due }

  mutating func push(_ slot: UInt32, due: Int64) {
    heap.append(Entry(due: due, slot: slot))
    var at = heap.count - 1
    while at > 0, isBefore(at, (at - 1) / 2) {
      heap.swapAt(at, (at - 1) / 2)
      at = (at - 1) / 2
    }
  }

  mutating func pop() -> (slot: UInt32, due: Int64) {
    let first = heap[0]
    heap.swapAt(0, heap.count - 1)
    heap.removeLast()
    var at = 0
    while true {
      var least = at
      for child in [2 * at + 1, 2 * at + 2] where child < heap.count && isBefore(child, least) { least = child }
      if least == at { break }
      heap.swapAt(at, least)
      at = least
    }
    return (first.slot, first.due)
  }

  private func isBefore(_ a: Int, _ b: Int) -> Bool {
    heap[a].due != heap[b].due ? heap[a].due < heap[b].due : heap[a].slot < heap[b].slot
  }
}

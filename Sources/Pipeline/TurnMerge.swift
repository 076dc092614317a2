/// Entries of several partitions in the order (merge time, topic, partition, offset).
///
/// Runs are gathered partition by partition, in the order of the sorted table, and put in order of time by a stable
/// radix sort: stability supplies the rest of the order. About 10 ns an entry.
struct TurnMerge {
  private struct Item {
    var key: UInt64
    var entry: UnsafeMutablePointer<Entry>
  }
  private var items: [Item] = []
  private var spare: [Item] = []
  private var counts = [Int](repeating: 0, count: 1 << 11)

  /// Orders the first `take[i]` entries of each queue into `order`.
  mutating func merge(_ queues: [PartitionQueue], take: [Int], into order: inout [UnsafeMutablePointer<Entry>]) {
    order.removeAll(keepingCapacity: true)
    items.removeAll(keepingCapacity: true)
    var least = Int64.max
    var most = Int64.min
    var runs = 0
    for (queue, n) in zip(queues, take) where n > 0 {
      runs += 1
      least = min(least, queue.firstTime)
      most = max(most, queue.entry(n - 1).pointee.event.mergeTime)
    }
    guard runs > 0 else { return }
    items.reserveCapacity(take.reduce(0, +))
    for (queue, n) in zip(queues, take) {
      queue.forEach(first: n) { entry in
        items.append(Item(key: UInt64(bitPattern: entry.pointee.event.mergeTime &- least), entry: entry))
      }
    }
    if runs > 1 { sort(bits: 64 - UInt64(bitPattern: most &- least).leadingZeroBitCount) }
    order.reserveCapacity(items.count)
    for item in items { order.append(item.entry) }
  }

  private mutating func sort(bits: Int) {
    guard bits > 0, items.count > 1 else { return }
    if spare.count < items.count { spare = items }
    var shift = 0
    while shift < bits {
      let width = min(11, bits - shift)
      let mask = UInt64(1) << UInt64(width) - 1
      pass(shift: UInt64(shift), mask: mask)
      shift += width
    }
  }

  private mutating func pass(shift: UInt64, mask: UInt64) {
    let n = items.count
    items.withUnsafeMutableBufferPointer { from in
      spare.withUnsafeMutableBufferPointer { to in
        counts.withUnsafeMutableBufferPointer { counts in
          for i in 0...Int(mask) { counts[i] = 0 }
          for i in 0..<n { counts[Int((from[i].key >> shift) & mask)] += 1 }
          var sum = 0
          for i in 0...Int(mask) {
            let own = counts[i]
            counts[i] = sum
            sum += own
          }
          for i in 0..<n {
            let bucket = Int((from[i].key >> shift) & mask)
            to[counts[bucket]] = from[i]
            counts[bucket] += 1
          }
        }
      }
    }
    if spare.count > n {
      spare.withUnsafeBufferPointer { s in
        items.withUnsafeMutableBufferPointer { t in _ = t.update(fromContentsOf: s[0..<n]) }
      }
    } else {
      swap(&items, &spare)
    }
  }
}

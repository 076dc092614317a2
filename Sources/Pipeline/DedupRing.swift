import Glibc
import Kernels

/// Folded ids of the last `windowMs` of merge time, at most so many bytes: a second copy is known for what it is.
///
/// A ring of (hash, time) in fold order and an open-addressing set over the hashes. 13 ns an event.
final class DedupRing {
  static let entriesPerRow = 4096

  private let ring: UnsafeMutablePointer<(hash: UInt64, time: Int64)>
  private let capacity: Int
  private let cells: UnsafeMutablePointer<UInt64>
  private let mask: Int
  private let windowMs: Int64
  /// Ids ever put in; the ring holds those from `tail` on.
  private(set) var head: UInt64 = 0
  private(set) var tail: UInt64 = 0
  /// Up to where the ring has been saved.
  private var savedHead: UInt64 = 0

  init(windowMs: Int64, maxBytes: Int) {
    // 16 bytes in the ring and 8 bytes in each of twice as many cells.
    var capacity = 1024
    while capacity * 2 * 32 <= maxBytes { capacity *= 2 }
    self.capacity = capacity
    ring = Pages.allocate(capacity * 16).bindMemory(to: (hash: UInt64, time: Int64).self, capacity: capacity)
    cells = Pages.allocate(capacity * 16).bindMemory(to: UInt64.self, capacity: capacity * 2)
    mask = capacity * 2 - 1
    self.windowMs = windowMs
  }

  deinit {
    Pages.free(ring, capacity * 16)
    Pages.free(cells, capacity * 16)
  }

  /// Writes the pages that so many ids will touch, before the clock of a measurement starts.
  func prefault(_ count: Int) {
    memset(ring, 0, min(capacity, count) * 16)
    memset(cells, 0, capacity * 16)
  }

  var count: Int { Int(head - tail) }
  var byteCount: Int { capacity * 32 }

  /// Events by which ``prefetch(_:)`` comes before the look-up.
  static let ahead = 16

  /// Asks for the cell of an id some events before it is looked up, and for that of the id which will by then be the
  /// oldest, with the cells behind it that close the gap it leaves.
  @inline(__always)
  func prefetch(_ hash: UInt64) {
    Kernels.prefetch(cells + (Int(truncatingIfNeeded: hash) & mask), bytes: 8)
    guard tail > 0 else { return }
    let leaving = ring[Int(truncatingIfNeeded: tail &+ UInt64(Self.ahead)) & (capacity - 1)].hash
    let place = Int(truncatingIfNeeded: leaving) & mask
    Kernels.prefetch(cells + place, bytes: 8)
    if place & 7 > 4 { Kernels.prefetch(cells + (place + 3) & mask, bytes: 8) }
  }

  /// True when the id was folded within the window; else remembers it.
  func isRepeated(_ hash: UInt64, at time: Int64) -> Bool {
    let hash = hash == 0 ? 1 : hash
    while tail < head, ring[Int(tail) & (capacity - 1)].time < time &- windowMs { forgetOldest() }
    var at = Int(truncatingIfNeeded: hash) & mask
    while cells[at] != 0 {
      if cells[at] == hash { return true }
      at = (at + 1) & mask
    }
    if count == capacity {
      forgetOldest()
      at = Int(truncatingIfNeeded: hash) & mask
      while cells[at] != 0 { at = (at + 1) & mask }
    }
    cells[at] = hash
    ring[Int(head) & (capacity - 1)] = (hash, time)
    head += 1
    return false
  }

  private func forgetOldest() {
    remove(ring[Int(tail) & (capacity - 1)].hash)
    tail += 1
  }

  private func remove(_ hash: UInt64) {
    var at = Int(truncatingIfNeeded: hash) & mask
    while cells[at] != hash {
      guard cells[at] != 0 else { return }
      at = (at + 1) & mask
    }
    // Backward shift keeps every probe chain whole without tombstones.
    var hole = at
    var next = (at + 1) & mask
    while cells[next] != 0 {
      let home = Int(truncatingIfNeeded: cells[next]) & mask
      if (next &- home) & mask >= (next &- hole) & mask {
        cells[hole] = cells[next]
        hole = next
      }
      next = (next + 1) & mask
    }
    cells[hole] = 0
  }

  /// Rows of the ring that changed since the last save: (row number, bytes, lent for the call).
  func drainChanged(_ save: (UInt32, UnsafeRawBufferPointer) -> Void) {
    guard head > savedHead else { return }
    let rows = capacity / Self.entriesPerRow == 0 ? 1 : capacity / Self.entriesPerRow
    let perRow = min(Self.entriesPerRow, capacity)
    var packer = RingPacker(entries: perRow)
    var row = max(savedHead, tail) / UInt64(perRow)
    while row * UInt64(perRow) < head {
      let first = row * UInt64(perRow)
      packer.begin(row: row)
      // A row begins at a multiple of its length: it never wraps.
      for i in first..<min(head, first + UInt64(perRow)) {
        let entry = ring[Int(i) & (capacity - 1)]
        packer.put(entry.hash, entry.time)
      }
      save(UInt32(row % UInt64(rows)), packer.bytes)
      row += 1
    }
    savedHead = head
  }

  /// A save failed: everything the ring holds is due again.
  func markUnsaved() { savedHead = tail }

  /// Puts saved rows back between `tail` and `head`.
  func restore(tail: UInt64, head: UInt64, rows: [[UInt8]]) {
    let perRow = UInt64(min(Self.entriesPerRow, capacity))
    self.tail = head - min(head - tail, UInt64(capacity))
    self.head = head
    savedHead = head
    for bytes in rows {
      bytes.withUnsafeBytes { raw in
        var reader = RingReader(raw)
        var i = reader.row * perRow
        while i < head, let (hash, time) = reader.next() {
          if i >= self.tail {
            ring[Int(i) & (capacity - 1)] = (hash, time)
            var at = Int(truncatingIfNeeded: hash) & mask
            while cells[at] != 0, cells[at] != hash { at = (at + 1) & mask }
            cells[at] = hash
          }
          i += 1
        }
      }
    }
  }
}

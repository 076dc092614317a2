import Kernels

/// ``LightestEntries`` of the viewers whose history is full, by slot; others have none. One shard's.
struct LightestTable {
  private let rows = RowChunks<LightestEntries>()
  private let tauMs: Double
  /// What decay takes; nil = too much for logarithms, and nothing is kept.
  private let rate: UInt32?

  init(tauMs: Double) {
    self.tauMs = tauMs
    rate = HistoryEntry.rate(tauMs: tauMs)
  }

  func free() { rows.free() }

  @inline(__always)
  func prefetch(_ slot: UInt32) {
    if rows.has(slot) { Kernels.prefetch(rows.row(slot), bytes: MemoryLayout<LightestEntries>.stride) }
  }

  /// The history is not full, or not any more.
  @inline(__always)
  func forget(_ slot: UInt32) {
    if rows.has(slot) { rows.row(slot).pointee.forget() }
  }

  @inline(__always)
  func put(_ cell: HistoryCell, at place: Int, of slot: UInt32) {
    if let rate, rows.has(slot) { rows.row(slot).pointee.put(cell, at: place, rate: rate) }
  }

  /// The entry that leaves a history which holds one too many.
  func least(
    of entries: UnsafeMutableBufferPointer<HistoryCell>, _ slot: UInt32, at time: Int64,
    isBefore: (_ a: Int, _ b: Int) -> Bool
  ) -> Int {
    guard let rate, entries.count <= Int(UInt16.max) else {
      return HistoryEntry.least(of: entries, at: time, tauMs: tauMs, isBefore: isBefore)
    }
    _ = rows.make(Int(slot >> 12))
    let known = rows.row(slot)
    var least = known.pointee.least(of: entries, at: time, tauMs: tauMs, rate: rate, isBefore: isBefore)
    if least == nil {
      known.pointee.learn(entries, at: time, rate: rate)
      least = known.pointee.least(of: entries, at: time, tauMs: tauMs, rate: rate, isBefore: isBefore)
    }
    let leaves = least ?? HistoryEntry.least(of: entries, at: time, tauMs: tauMs, isBefore: isBefore)
    known.pointee.remove(leaves, last: entries.count - 1)
    return leaves
  }
}

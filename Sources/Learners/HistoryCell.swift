/// A ``HistoryEntry`` as lists keep it, 14 bytes: time in 48 bits, in pieces of 2 so that no padding follows.
struct HistoryCell: BitwiseCopyable {
  private var weight: (UInt16, UInt16)
  private var version: (UInt16, UInt16)
  private var time: (UInt16, UInt16, Int16)

  @inline(__always)
  init(_ entry: HistoryEntry) {
    let kept = ShortTime.clamped(entry.time)
    weight = Self.split(entry.weight.bitPattern)
    version = Self.split(entry.version)
    time = (
      UInt16(truncatingIfNeeded: kept), UInt16(truncatingIfNeeded: kept >> 16), Int16(truncatingIfNeeded: kept >> 32)
    )
  }

  @inline(__always)
  var entry: HistoryEntry {
    HistoryEntry(
      time: Int64(time.2) << 32 | Int64(time.1) << 16 | Int64(time.0),
      weight: Float(bitPattern: UInt32(weight.1) << 16 | UInt32(weight.0)),
      version: UInt32(version.1) << 16 | UInt32(version.0))
  }

  @inline(__always)
  private static func split(_ word: UInt32) -> (UInt16, UInt16) {
    (UInt16(truncatingIfNeeded: word), UInt16(truncatingIfNeeded: word >> 16))
  }
}

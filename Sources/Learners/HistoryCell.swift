/// A ``HistoryEntry`` as lists keep it, 14 bytes: time as ``ShortTime``, in pieces of 2 so that no padding follows.
struct HistoryCell: BitwiseCopyable {
  private var weight: (UInt16, UInt16)
  private var version: (UInt16, UInt16)
  @ShortTime private var time: Int64

  @inline(__always)
  init(_ entry: HistoryEntry) {
    weight = Self.split(entry.weight.bitPattern)
    version = Self.split(entry.version)
    time = entry.time
  }

  @inline(__always)
  var entry: HistoryEntry {
    HistoryEntry(
      time: time,
      weight: Float(bitPattern: UInt32(weight.1) << 16 | UInt32(weight.0)),
      version: UInt32(version.1) << 16 | UInt32(version.0))
  }

  @inline(__always)
  private static func split(_ word: UInt32) -> (UInt16, UInt16) {
    (UInt16(truncatingIfNeeded: word), UInt16(truncatingIfNeeded: word >> 16))
  }
}

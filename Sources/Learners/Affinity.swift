/// One genre of a viewer: 26 bytes, in pieces of 2 so that no padding follows.
struct Affinity: BitwiseCopyable {
  private var rawBits: Word = (0, 0, 0, 0)
  private var timedBits: Word = (0, 0, 0, 0)
  private var time: (UInt16, UInt16, Int16) = (0, 0, 0)
  /// Genre in the upper 12 bits (``Symbols/ceiling``), updates in the lower 20.
  private var genreUpdates: (UInt16, UInt16) = (0, 0)

  private typealias Word = (UInt16, UInt16, UInt16, UInt16)

  init(raw: Double = 0, timed: Double = 0, at: Int64 = 0, updates: UInt32 = 0, genre: UInt16 = 0) {
    self.genre = genre
    self.updates = updates
    self.raw = raw
    self.timed = timed
    self.at = at
  }

  /// EMA from 0.
  @inline(__always)
  var raw: Double {
    get { Self.double(rawBits) }
    set { rawBits = Self.word(newValue) }
  }
  /// Time-aware EMA, from the first value.
  @inline(__always)
  var timed: Double {
    get { Self.double(timedBits) }
    set { timedBits = Self.word(newValue) }
  }
  /// Event time of its last update, unix ms, as ``ShortTime``.
  @inline(__always)
  var at: Int64 {
    get { ShortTime.joined(time) }
    set { time = ShortTime.split(newValue) }
  }
  /// Not counted on beyond 1,048,575, long after the last that `corrected` could tell apart.
  @inline(__always)
  var updates: UInt32 {
    get { UInt32(genreUpdates.1 & 15) << 16 | UInt32(genreUpdates.0) }
    set {
      let kept = min(newValue, 0xf_ffff)
      genreUpdates.0 = UInt16(truncatingIfNeeded: kept)
      genreUpdates.1 = genreUpdates.1 & ~15 | UInt16(truncatingIfNeeded: kept >> 16)
    }
  }
  @inline(__always)
  var genre: UInt16 {
    get { genreUpdates.1 >> 4 }
    set { genreUpdates.1 = newValue << 4 | genreUpdates.1 & 15 }
  }

  @inline(__always)
  private static func double(_ word: Word) -> Double {
    Double(bitPattern: UInt64(word.3) << 48 | UInt64(word.2) << 32 | UInt64(word.1) << 16 | UInt64(word.0))
  }
  @inline(__always)
  private static func word(_ value: Double) -> Word {
    let bits = value.bitPattern
    return (
      UInt16(truncatingIfNeeded: bits), UInt16(truncatingIfNeeded: bits >> 16), UInt16(truncatingIfNeeded: bits >> 32),
      UInt16(truncatingIfNeeded: bits >> 48)
    )
  }
}

/// Times that lists keep in 48 bits, unix ms: one beyond the year 6429 reads as its end.
enum ShortTime {
  typealias Pieces = (UInt16, UInt16, Int16)
  private static let end: Int64 = 1 << 47

  @inline(__always)
  static func split(_ time: Int64) -> Pieces {
    let kept = max(-end, min(end - 1, time))
    return (
      UInt16(truncatingIfNeeded: kept), UInt16(truncatingIfNeeded: kept >> 16), Int16(truncatingIfNeeded: kept >> 32)
    )
  }

  @inline(__always)
  static func joined(_ pieces: Pieces) -> Int64 {
    Int64(pieces.2) << 32 | Int64(pieces.1) << 16 | Int64(pieces.0)
  }
}

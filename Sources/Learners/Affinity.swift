/// One genre of a viewer: 26 bytes, in pieces of 2 so that no padding follows.
struct Affinity: BitwiseCopyable {
  /// EMA from 0.
  @InPieces var raw: Double
  /// Time-aware EMA, from the first value.
  @InPieces var timed: Double
  /// Event time of its last update, unix ms.
  @ShortTime var at: Int64
  /// Genre in the upper 12 bits (``Symbols/ceiling``), updates in the lower 20.
  private var genreUpdates: (UInt16, UInt16) = (0, 0)

  init(raw: Double = 0, timed: Double = 0, at: Int64 = 0, updates: UInt32 = 0, genre: UInt16 = 0) {
    self.raw = raw
    self.timed = timed
    self.at = at
    self.genre = genre
    self.updates = updates
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
}

/// A Double that may stand at any even address.
@propertyWrapper struct InPieces: BitwiseCopyable {
  private var pieces: (UInt16, UInt16, UInt16, UInt16) = (0, 0, 0, 0)

  @inline(__always)
  init(wrappedValue: Double) { self.wrappedValue = wrappedValue }

  @inline(__always)
  var wrappedValue: Double {
    get {
      Double(
        bitPattern: UInt64(pieces.3) << 48 | UInt64(pieces.2) << 32 | UInt64(pieces.1) << 16 | UInt64(pieces.0))
    }
    set {
      let bits = newValue.bitPattern
      pieces = (
        UInt16(truncatingIfNeeded: bits), UInt16(truncatingIfNeeded: bits >> 16),
        UInt16(truncatingIfNeeded: bits >> 32), UInt16(truncatingIfNeeded: bits >> 48)
      )
    }
  }
}

/// A time that lists keep in 48 bits, unix ms: one beyond the year 6429 reads as its end.
@propertyWrapper struct ShortTime: BitwiseCopyable {
  private static let end: Int64 = 1 << 47
  private var pieces: (UInt16, UInt16, Int16) = (0, 0, 0)

  @inline(__always)
  init(wrappedValue: Int64) { self.wrappedValue = wrappedValue }

  @inline(__always)
  var wrappedValue: Int64 {
    get { Int64(pieces.2) << 32 | Int64(pieces.1) << 16 | Int64(pieces.0) }
    set {
      let kept = max(-Self.end, min(Self.end - 1, newValue))
      pieces = (
        UInt16(truncatingIfNeeded: kept), UInt16(truncatingIfNeeded: kept >> 16), Int16(truncatingIfNeeded: kept >> 32)
      )
    }
  }
}

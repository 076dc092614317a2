/// What the catalog says of a title, joined in by slot while folding. 120 bytes, free of references.
public struct TitleFacts: BitwiseCopyable {
  /// Bytes of it; a test compares them with what the compiler lays out.
  static let rowBudget = 120

  /// Stands for "no version".
  public static let noVersion = UInt32.max >> 1

  /// Catalog vector, nil without one. ``Catalog/stride`` floats, zero beyond the dimension.
  public var vector: UnsafePointer<Float>?
  /// Symbols of its distinct genres.
  public var genres: UnsafePointer<UInt16>?
  public var genreCount: UInt16 = 0
  /// Release year, 0 when absent.
  public var year: Int16 = 0
  /// 1 / |vector|, 0 for a zero vector.
  public var inverseNorm: Float = 0
  /// The version that a history entry made now refers to; ``noVersion`` with neither vector nor genres.
  public var version = TitleFacts.noVersion
  /// Head of the chain of all versions still kept, newest first.
  var newest = TitleFacts.noVersion
  var isKnown = false
  public var isOfficial = false
  var spare: (UInt16, UInt32) = (0, 0)
  /// 0 when absent.
  public var runtimeMinutes = 0.0
  /// NaN when absent.
  public var validation = Double.nan
  /// NaN when absent.
  public var completeness = Double.nan
  /// Of the first of its platforms that has a source row; NaN without one.
  public var uptime = Double.nan
  /// Unix ms.
  public var lastUpdated: Int64 = 0
  var platforms = Run<UInt16>()
  var name = Run<UInt8>()

  /// True while the catalog has a row of it.
  public var isInCatalog: Bool { isKnown }
  public var genreSymbols: UnsafeBufferPointer<UInt16> { UnsafeBufferPointer(start: genres, count: Int(genreCount)) }
  public var platformSymbols: UnsafeBufferPointer<UInt16> { UnsafeBufferPointer(platforms.values) }
  public var title: String { String(decoding: UnsafeRawBufferPointer(name.values), as: UTF8.self) }
}

/// Genres and vector of a title as they once were; kept because history entries refer to them.
struct TitleVersion: BitwiseCopyable {
  /// Bytes of it, its vector aside.
  static let rowBudget = 32

  var title: UInt32 = 0
  /// The version before this one, of the same title.
  var previous = TitleFacts.noVersion
  var genres = Run<UInt16>()
  var hasVector = false
  var isLive = false
}

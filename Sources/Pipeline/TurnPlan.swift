import Events
import Kernels

/// The choices one turn made that no log holds. With the log's bytes it determines everything the turn did.
///
/// A few hundred bytes, durable before anything of the turn is visible outside.
public struct TurnPlan: Equatable, Sendable {
  /// Part of a partition that the turn folded.
  public struct Range: Equatable, Sendable {
    /// Index into the manifest's table of sources.
    public var source: UInt16
    public var from: Int64
    /// One past the last offset taken.
    public var to: Int64
    public var count: UInt32
    /// Sum of the records' xxh3.
    public var checksum: UInt64
  }
  public var turn: UInt64 = 0
  public var lineage: UInt32 = 0
  public var epoch: UInt32 = 0
  /// Unix ms when it was made.
  public var wallMs: Int64 = 0
  /// Timers due up to here run at the turn's end although no record is newer; `Int64.min` = none.
  public var idleFrontier: Int64 = .min
  /// What decides the bytes besides log and plan: settings of the folds, version of the maths.
  public var fingerprint: UInt64 = 0
  public var ranges: [Range] = []
  /// Reference rows that took effect at the turn's start, as they were decoded.
  public var reference: [UInt8] = []
  /// Names of the sources its ranges speak of, where they were not in the state's table yet.
  public var newSources: [(topic: String, partition: Int32)] = []

  public init() {}

  public static func == (a: Self, b: Self) -> Bool { a.encoded == b.encoded }

  public var encoded: [UInt8] {
    var bytes: [UInt8] = [1]
    bytes.put(turn)
    bytes.put(lineage)
    bytes.put(epoch)
    bytes.put(wallMs)
    bytes.put(idleFrontier)
    bytes.put(fingerprint)
    bytes.put(UInt32(ranges.count))
    for range in ranges {
      bytes.put(range.source)
      bytes.put(range.from)
      bytes.put(range.to)
      bytes.put(range.count)
      bytes.put(range.checksum)
    }
    bytes.putRun(reference)
    bytes.put(UInt32(newSources.count))
    for source in newSources {
      bytes.putText(source.topic)
      bytes.put(source.partition)
    }
    return bytes
  }

  /// nil = not a plan of this format.
  public init?(decoding bytes: [UInt8]) {
    self.init()
    let whole = bytes.withUnsafeBytes { raw -> Bool in
      var reader = ByteReader(raw)
      guard reader.take(UInt8.self) == 1 else { return false }
      turn = reader.take(UInt64.self)
      lineage = reader.take(UInt32.self)
      epoch = reader.take(UInt32.self)
      wallMs = reader.take(Int64.self)
      idleFrontier = reader.take(Int64.self)
      fingerprint = reader.take(UInt64.self)
      for _ in 0..<reader.take(UInt32.self) where !reader.isTorn {
        ranges.append(
          Range(
            source: reader.take(UInt16.self), from: reader.take(Int64.self), to: reader.take(Int64.self),
            count: reader.take(UInt32.self), checksum: reader.take(UInt64.self)))
      }
      reference = Array(reader.takeRun())
      for _ in 0..<reader.take(UInt32.self) where !reader.isTorn {
        newSources.append((reader.takeText(), reader.take(Int32.self)))
      }
      return !reader.isTorn && reader.remaining == 0
    }
    guard whole else { return nil }
  }
}

/// Reference rows inside a plan: they are read once from a compacted topic and never again.
enum ReferenceRows {
  static func append(_ row: ReferenceRow, to bytes: inout [UInt8]) {
    switch row {
    case .title(let id, let catalog):
      bytes.put(UInt8(catalog == nil ? 1 : 0))
      bytes.putText(id)
      if let catalog { append(catalog, to: &bytes) }
    case .source(let id, let source):
      bytes.put(UInt8(source == nil ? 3 : 2))
      bytes.putText(id)
      if let source {
        bytes.put(source.uptime.bitPattern)
        bytes.put(UInt8(source.official == nil ? 2 : source.official! ? 1 : 0))
        bytes.put(source.timestamp)
      }
    }
  }

  static func read(_ bytes: [UInt8]) -> [ReferenceRow] {
    bytes.withUnsafeBytes { raw in
      var reader = ByteReader(raw)
      var rows: [ReferenceRow] = []
      while reader.remaining > 0, !reader.isTorn {
        let kind = reader.take(UInt8.self)
        let id = reader.takeText()
        switch kind {
        case 0: rows.append(.title(id: id, readCatalog(&reader)))
        case 1: rows.append(.title(id: id, nil))
        case 2:
          let uptime = Double(bitPattern: reader.take(UInt64.self))
          let official = reader.take(UInt8.self)
          let time = reader.take(Int64.self)
          rows.append(
            .source(id: id, SourceRow(uptime: uptime, official: official == 2 ? nil : official == 1, timestamp: time)))
        default: rows.append(.source(id: id, nil))
        }
      }
      return rows
    }
  }

  private static func append(_ row: CatalogRow, to bytes: inout [UInt8]) {
    bytes.putText(row.title)
    bytes.putText(row.contentType)
    bytes.put(Int32(row.year ?? Int(Int32.min)))
    bytes.put((row.runtimeMinutes ?? .nan).bitPattern)
    bytes.put((row.crossValidation ?? .nan).bitPattern)
    bytes.put((row.fieldCompleteness ?? .nan).bitPattern)
    bytes.put(UInt8(row.isOfficial ? 1 : 0))
    bytes.put(row.lastUpdated)
    for list in [row.genres, row.platforms] {
      bytes.put(UInt32(list.count))
      for word in list { bytes.putText(word) }
    }
    bytes.put(UInt32(row.embedding?.count ?? 0))
    for x in row.embedding ?? [] { bytes.put(x.bitPattern) }
  }

  private static func readCatalog(_ reader: inout ByteReader) -> CatalogRow {
    var row = CatalogRow()
    row.title = reader.takeText()
    row.contentType = reader.takeText()
    let year = reader.take(Int32.self)
    row.year = year == .min ? nil : Int(year)
    func number(_ bits: UInt64) -> Double? {
      let value = Double(bitPattern: bits)
      return value.isNaN ? nil : value
    }
    row.runtimeMinutes = number(reader.take(UInt64.self))
    row.crossValidation = number(reader.take(UInt64.self))
    row.fieldCompleteness = number(reader.take(UInt64.self))
    row.isOfficial = reader.take(UInt8.self) == 1
    row.lastUpdated = reader.take(Int64.self)
    for _ in 0..<reader.take(UInt32.self) where !reader.isTorn { row.genres.append(reader.takeText()) }
    for _ in 0..<reader.take(UInt32.self) where !reader.isTorn { row.platforms.append(reader.takeText()) }
    let dimension = Int(reader.take(UInt32.self))
    if dimension > 0 {
      var vector: [Float] = []
      for _ in 0..<dimension where !reader.isTorn { vector.append(Float(bitPattern: reader.take(UInt32.self))) }
      row.embedding = vector
    }
    return row
  }
}

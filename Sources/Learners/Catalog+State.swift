import Events

/// Rows of the catalog in the state: a title with all its versions, and the table of sources.
extension Catalog {
  /// The stored form of a title's row; empty when there is nothing to keep (delete the row).
  public func encode(_ slot: UInt32, into bytes: inout [UInt8]) {
    let title = facts.row(slot).pointee
    guard title.isKnown || title.newest != TitleFacts.noVersion else { return }
    bytes.put(UInt8(1))
    bytes.put(UInt8((title.isKnown ? 1 : 0) | (title.isOfficial ? 2 : 0)))
    bytes.put(title.year)
    bytes.put(title.runtimeMinutes)
    bytes.put(title.validation)
    bytes.put(title.completeness)
    bytes.put(title.lastUpdated)
    title.name.encode(into: &bytes)
    title.platforms.encode(into: &bytes)
    bytes.put(title.version)
    var at = title.newest
    while at != TitleFacts.noVersion {
      let version = versions.row(at).pointee
      bytes.put(at)
      version.genres.encode(into: &bytes)
      bytes.put(UInt32(version.hasVector ? dimension : 0))
      if version.hasVector {
        bytes.append(contentsOf: UnsafeRawBufferPointer(start: vectors.vector(at), count: dimension * 4))
      }
      at = version.previous
    }
    bytes.put(TitleFacts.noVersion)
  }

  /// Puts a stored row back. ``finishLoading(titles:)`` follows the last one.
  public func decode(_ slot: UInt32, _ stored: UnsafeRawBufferPointer) throws(StateError) {
    var reader = ByteReader(stored)
    let layout = try reader.take(UInt8.self)
    guard layout == 1 else { throw .unknownLayout(layout) }
    reserve(Int(slot) + 1)
    let title = facts.row(slot)
    let bits = try reader.take(UInt8.self)
    title.pointee.isKnown = bits & 1 != 0
    title.pointee.isOfficial = bits & 2 != 0
    title.pointee.year = try reader.take(Int16.self)
    title.pointee.runtimeMinutes = try reader.take(Double.self)
    title.pointee.validation = try reader.take(Double.self)
    title.pointee.completeness = try reader.take(Double.self)
    title.pointee.lastUpdated = try reader.take(Int64.self)
    try title.pointee.name.decode(&reader)
    try title.pointee.platforms.decode(&reader)
    let current = try reader.take(UInt32.self)
    var newer: UInt32?
    var index = try reader.take(UInt32.self)
    title.pointee.newest = index
    while index != TitleFacts.noVersion {
      var genres = Run<UInt16>()
      try genres.decode(&reader)
      let count = Int(try reader.take(UInt32.self))
      let raw = try reader.bytes(count * 4)
      if count > 0, dimension == 0 { fixDimension(count) }
      guard count == 0 || count == dimension else { throw .dimension(expected: dimension, found: count) }
      let embedding = (0..<count).map { raw.loadUnaligned(fromByteOffset: $0 * 4, as: Float.self) }
      make(version: index, title: slot, previous: TitleFacts.noVersion, Array(genres.values), embedding)
      genres.free()
      if let newer { versions.row(newer).pointee.previous = index }
      newer = index
      index = try reader.take(UInt32.self)
    }
    title.pointee.version = current
  }

  /// The table of sources, sorted by symbol.
  public func encodeSources(into bytes: inout [UInt8]) {
    for (symbol, source) in uptimes.sorted(by: { $0.key < $1.key }) {
      bytes.put(symbol)
      bytes.put(source.value)
      bytes.put(source.timestamp)
    }
  }

  public func decodeSources(_ stored: UnsafeRawBufferPointer) throws(StateError) {
    var reader = ByteReader(stored)
    uptimes = [:]
    while !reader.isAtEnd {
      let symbol = try reader.take(UInt16.self)
      let value = try reader.take(Double.self)
      uptimes[symbol] = (value, try reader.take(Int64.self))
    }
  }

  /// Joins what was loaded: facts to versions, genre vectors, uptimes.
  public func finishLoading(titles: Int) {
    reserve(titles)
    for slot in 0..<UInt32(titles) {
      let title = facts.row(slot)
      let version = title.pointee.version
      if version != TitleFacts.noVersion { link(version) }
      point(slot, to: version)
      title.pointee.uptime = uptime(title.pointee)
    }
    countTitles(titles)
    rebuildFreeVersions()
    settle()
  }
}

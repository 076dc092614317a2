import Events
import Glibc
import Kernels

/// Titles, their vectors and genres, and the uptime of platforms: the reference tables joined into events.
///
/// Owned by the sequencer's thread; changed between turns only (``apply(_:ids:)``, then ``settle()``), read by all
/// shards during a turn. Vectors and facts never move.
///
/// Bytes: 120 a title, 40 + 4 x stride a version (a version is a distinct pair of genres and vector).
public final class Catalog: @unchecked Sendable {
  /// Length of the vectors; 0 until the first one is seen.
  public private(set) var dimension: Int
  /// Floats from one vector to the next.
  public var stride: Int { (dimension + 15) / 16 * 16 }
  /// Titles in the catalog now.
  public private(set) var titleCount = 0
  let facts = RowChunks<TitleFacts>()
  let versions = RowChunks<TitleVersion>()
  /// In cells of their own: a stored class property would be checked for exclusive access at every reading.
  private let vectorCell: UnsafeMutablePointer<VectorChunks>
  let genres: UnsafeMutablePointer<GenreVectors>
  var vectors: VectorChunks {
    get { vectorCell.pointee }
    set { vectorCell.pointee = newValue }
  }
  private(set) var slots = 0
  private(set) var versionCount: UInt32 = 0
  private var freeVersions: [UInt32] = []
  var uptimes: [UInt16: (value: Double, timestamp: Int64)] = [:]

  /// - Parameter dimension: 0 takes the length of the first vector that comes.
  public init(dimension: Int = 0) {
    self.dimension = dimension
    vectorCell = .allocate(capacity: 1)
    vectorCell.initialize(to: VectorChunks(dimension: dimension))
    genres = .allocate(capacity: 1)
    genres.initialize(to: GenreVectors(dimension: dimension, stride: vectorCell.pointee.stride))
  }

  deinit {
    for slot in 0..<UInt32(slots) {
      facts.row(slot).pointee.platforms.free()
      facts.row(slot).pointee.name.free()
    }
    for index in 0..<versionCount { versions.row(index).pointee.genres.free() }
    facts.free()
    versions.free()
    vectors.free()
    genres.pointee.free()
    vectorCell.deallocate()
    genres.deinitialize(count: 1)
    genres.deallocate()
  }

  /// Makes room for title slots below `count` (titles that events name need a place too). Between turns only.
  public func reserve(_ count: Int) {
    while slots < count {
      if facts.make(slots >> 12) {
        for k in 0..<4096 { (facts.row(UInt32(slots)) + k).initialize(to: TitleFacts()) }
      }
      slots = (slots | 4095) + 1
    }
  }

  /// Bytes of facts, versions and vectors; what hangs on a title (names, lists) is not counted.
  public var byteCount: Int {
    let chunks = (Int(versionCount) + 4095) / 4096 * 4096
    return slots * MemoryLayout<TitleFacts>.stride + chunks * (MemoryLayout<TitleVersion>.stride + stride * 4)
  }

  /// Facts of a title; those of an unknown one are empty.
  @inline(__always)
  public func title(_ slot: UInt32) -> UnsafePointer<TitleFacts> { UnsafePointer(facts.row(slot)) }

  /// False when the row's vector has another length than the first one had (`bad_dim`).
  public func accepts(_ row: CatalogRow) -> Bool {
    guard let vector = row.embedding else { return true }
    return dimension == 0 ? !vector.isEmpty : vector.count == dimension
  }

  /// Takes a row in; ``settle()`` must follow before the next fold.
  ///
  /// - Returns: The titles whose features change, ascending.
  public func apply(_ row: ReferenceRow, ids: Identities) -> [UInt32] {
    switch row {
    case .title(let id, let row):
      let slot = ids.titles.slot(id)
      reserve(Int(slot) + 1)
      if let row { put(row, at: slot, ids) } else { remove(slot) }
      return [slot]
    case .source(let id, let row):
      let symbol = ids.symbol(id)
      uptimes[symbol] = row.map { ($0.uptime, $0.timestamp) }
      var changed: [UInt32] = []
      for slot in 0..<UInt32(ids.titles.count) where slot < UInt32(slots) {
        let facts = facts.row(slot)
        guard facts.pointee.platforms.values.contains(symbol) else { continue }
        facts.pointee.uptime = uptime(facts.pointee)
        changed.append(slot)
      }
      return changed
    }
  }

  /// True when taking the row in would change what is known of its title or source.
  public func differs(_ row: ReferenceRow, ids: Identities) -> Bool {
    switch row {
    case .source(let id, let row):
      guard let symbol = ids.symbols.find(id), let known = uptimes[symbol] else { return row != nil }
      return row.map { $0.uptime != known.value || $0.timestamp != known.timestamp } ?? true
    case .title(let id, let row):
      guard let slot = ids.titles.find(id), slot < UInt32(slots), facts.row(slot).pointee.isKnown else {
        return row != nil
      }
      guard let row else { return true }
      let known = facts.row(slot).pointee
      func same(_ a: Double?, _ b: Double) -> Bool { a.map { $0 == b } ?? b.isNaN }
      let vector = versionVector(known.version)
      let sameVector =
        row.embedding.map { own in
          own.count == dimension && vector != nil && own.indices.allSatisfy { own[$0] == vector![$0] }
        } ?? (vector == nil)
      return
        !(sameVector && known.title == row.title && known.isOfficial == row.isOfficial
        && Int(known.year) == (row.year ?? 0) && known.runtimeMinutes == (row.runtimeMinutes ?? 0)
        && same(row.crossValidation, known.validation) && same(row.fieldCompleteness, known.completeness)
        && known.lastUpdated == row.lastUpdated
        && known.genreSymbols.map { ids.symbols[$0] } == row.genres
        && known.platformSymbols.map { ids.symbols[$0] } == row.platforms)
    }
  }

  /// Brings genre vectors up to date after rows were applied. Between turns only.
  public func settle() { genres.pointee.settle() }

  /// Counts the changes of genre vectors.
  public var genreGeneration: UInt32 { genres.pointee.generation }

  /// Mean vector of a genre's titles, ``stride`` floats.
  public func genreVector(_ symbol: UInt16) -> UnsafePointer<Float>? { genres.pointee.mean(symbol) }

  func versionVector(_ version: UInt32) -> UnsafePointer<Float>? {
    version != TitleFacts.noVersion && versions.row(version).pointee.hasVector
      ? UnsafePointer(vectors.vector(version)) : nil
  }

  func versionGenres(_ version: UInt32) -> UnsafeBufferPointer<UInt16> {
    guard version != TitleFacts.noVersion else { return UnsafeBufferPointer(start: nil, count: 0) }
    return UnsafeBufferPointer(versions.row(version).pointee.genres.values)
  }

  /// Asks for the row of a version, and later for what it leads to.
  @inline(__always)
  func prefetch(version: UInt32) {
    if version != TitleFacts.noVersion { prefetchShared(versions.row(version), bytes: TitleVersion.rowBudget) }
  }

  @inline(__always)
  func prefetchParts(ofVersion version: UInt32) {
    guard version != TitleFacts.noVersion else { return }
    if let genres = versions.row(version).pointee.genres.base { prefetchShared(genres, bytes: 8) }
    prefetchShared(vectors.vector(version), bytes: stride * 4)
  }

  private func put(_ row: CatalogRow, at slot: UInt32, _ ids: Identities) {
    let title = facts.row(slot)
    if !title.pointee.isKnown { titleCount += 1 }
    title.pointee.isKnown = true
    title.pointee.isOfficial = row.isOfficial
    title.pointee.year = row.year.map { Int16(clamping: $0) } ?? 0
    title.pointee.runtimeMinutes = row.runtimeMinutes ?? 0
    title.pointee.validation = row.crossValidation ?? .nan
    title.pointee.completeness = row.fieldCompleteness ?? .nan
    title.pointee.lastUpdated = row.lastUpdated
    title.pointee.name.removeAll()
    var name = row.title
    name.withUTF8 { title.pointee.name.append(contentsOf: UnsafeRawBufferPointer($0)) }
    title.pointee.platforms.removeAll()
    for platform in row.platforms { title.pointee.platforms.append(ids.symbol(platform)) }
    title.pointee.uptime = uptime(title.pointee)
    var symbols: [UInt16] = []
    for genre in row.genres {
      let symbol = ids.symbol(genre)
      if symbol != 0, !symbols.contains(symbol) { symbols.append(symbol) }
    }
    var embedding = row.embedding ?? []
    if dimension == 0, !embedding.isEmpty { fixDimension(embedding.count) }
    if embedding.count != dimension { embedding = [] }
    turn(slot, to: symbols, embedding)
  }

  private func remove(_ slot: UInt32) {
    let title = facts.row(slot)
    guard title.pointee.isKnown else { return }
    titleCount -= 1
    turn(slot, to: [], [])
    title.pointee.platforms.free()
    title.pointee.name.free()
    let newest = title.pointee.newest
    title.initialize(to: TitleFacts())
    title.pointee.newest = newest
  }

  func uptime(_ facts: TitleFacts) -> Double {
    for platform in facts.platforms.values {
      if let source = uptimes[platform] { return source.value }
    }
    return .nan
  }

  func fixDimension(_ count: Int) {
    vectors.free()
    genres.pointee.free()
    dimension = count
    vectors = VectorChunks(dimension: count)
    for index in 0..<((Int(versionCount) + 4095) / 4096) { vectors.make(index) }
    genres.pointee = GenreVectors(dimension: count, stride: vectors.stride)
  }

  /// Makes these genres and this vector current; the same pair as before keeps its version.
  private func turn(_ slot: UInt32, to genres: [UInt16], _ embedding: [Float]) {
    let title = facts.row(slot)
    let current = title.pointee.version
    if current != TitleFacts.noVersion {
      let old = versions.row(current)
      let sameVector =
        old.pointee.hasVector == !embedding.isEmpty
        && embedding.indices.allSatisfy {
          vectors.vector(current)[$0] == embedding[$0]
        }
      if sameVector && old.pointee.genres.values.elementsEqual(genres) { return }
      unlink(current)
    }
    guard !(genres.isEmpty && embedding.isEmpty) else {
      point(slot, to: TitleFacts.noVersion)
      return
    }
    let version = freeVersions.popLast() ?? versionCount
    make(version: version, title: slot, previous: title.pointee.newest, genres, embedding)
    title.pointee.newest = version
    link(version)
    point(slot, to: version)
  }

  func make(
    version: UInt32, title: UInt32, previous: UInt32, _ genres: some Collection<UInt16>,
    _ embedding: some Collection<Float>
  ) {
    while versionCount <= version {
      if versions.make(Int(versionCount) >> 12) {
        for k in 0..<4096 { (versions.row(versionCount) + k).initialize(to: TitleVersion()) }
      }
      vectors.make(Int(versionCount) >> 12)
      versionCount += 1
    }
    let row = versions.row(version)
    row.pointee.title = title
    row.pointee.previous = previous
    row.pointee.isLive = true
    row.pointee.genres.removeAll()
    for genre in genres { row.pointee.genres.append(genre) }
    row.pointee.hasVector = !embedding.isEmpty
    if dimension > 0 {
      let vector = vectors.vector(version)
      vector.update(repeating: 0, count: stride)
      for (k, value) in embedding.enumerated() { vector[k] = value }
    }
  }

  func link(_ version: UInt32) {
    guard let vector = versionVector(version) else { return }
    genres.pointee.move(versionGenres(version), vector, by: 1)
  }

  private func unlink(_ version: UInt32) {
    guard let vector = versionVector(version) else { return }
    genres.pointee.move(versionGenres(version), vector, by: -1)
  }

  /// Lets a title's facts show a version's genres and vector.
  func point(_ slot: UInt32, to version: UInt32) {
    let title = facts.row(slot)
    title.pointee.version = version
    title.pointee.vector = versionVector(version)
    let genres = versionGenres(version)
    title.pointee.genres = genres.baseAddress
    title.pointee.genreCount = UInt16(genres.count)
    title.pointee.inverseNorm = 0
    if let vector = title.pointee.vector {
      let norm = VectorKernels.best.norm(vector, count: stride)
      if norm > 0 { title.pointee.inverseNorm = 1 / norm }
    }
  }

  /// Gives back versions that neither a title shows nor a history entry uses. Between turns only; cold.
  ///
  /// - Parameter used: Versions named by history entries (``ViewerTable/markVersions(in:)`` of every table).
  /// - Returns: Titles whose stored row is to be saved again, ascending.
  public func collect(used: borrowing DirtySet) -> [UInt32] {
    var changed: Set<UInt32> = []
    for version in 0..<versionCount where versions.row(version).pointee.isLive {
      let row = versions.row(version)
      let title = facts.row(row.pointee.title)
      guard title.pointee.version != version, !used.contains(version) else { continue }
      var at = title.pointee.newest
      if at == version {
        title.pointee.newest = row.pointee.previous
      } else {
        while versions.row(at).pointee.previous != version { at = versions.row(at).pointee.previous }
        versions.row(at).pointee.previous = row.pointee.previous
      }
      changed.insert(row.pointee.title)
      row.pointee.genres.free()
      row.initialize(to: TitleVersion())
      freeVersions.append(version)
    }
    freeVersions.sort(by: >)
    return changed.sorted()
  }

  func countTitles(_ count: Int) {
    titleCount = (0..<UInt32(count)).reduce(0) { $0 + (facts.row($1).pointee.isKnown ? 1 : 0) }
  }

  /// After loading: versions below the highest that nothing holds may be given out again.
  func rebuildFreeVersions() {
    freeVersions = (0..<versionCount).filter { !versions.row($0).pointee.isLive }.sorted(by: >)
  }
}

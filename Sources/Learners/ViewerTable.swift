import Glibc
import Kernels

/// Rows and vectors of viewers by slot. Grown by the sequencer between turns; a shard touches only its own rows.
public final class ViewerTable: @unchecked Sendable {
  /// Length of the vectors; 0 while none is known.
  public private(set) var dimension: Int
  /// Floats from one vector to the next.
  public var stride: Int { vectors.stride }
  let rows = RowChunks<ViewerRow>()
  /// In cells of their own: a stored class property would be checked for exclusive access at every event.
  private let vectorCell: UnsafeMutablePointer<VectorChunks>
  private let sumCell: UnsafeMutablePointer<VectorChunks?>
  var vectors: VectorChunks {
    get { vectorCell.pointee }
    set { vectorCell.pointee = newValue }
  }
  /// Running sums of history form d7, nil in the other forms.
  var sums: VectorChunks? {
    get { sumCell.pointee }
    set { sumCell.pointee = newValue }
  }
  public private(set) var slots = 0
  private let keepsSums: Bool
  /// Of the shards' viewers' lists, made when a shard's fold is.
  private let arenas: UnsafeMutablePointer<Unmanaged<BlockArena>?>

  public init(options: LearnOptions) {
    dimension = options.dimension
    arenas = .allocate(capacity: KeySlots.count)
    arenas.initialize(repeating: nil, count: KeySlots.count)
    keepsSums = options.historyForm == .d7 && options.folds.contains(.history)
    vectorCell = .allocate(capacity: 1)
    vectorCell.initialize(to: VectorChunks(dimension: options.dimension))
    sumCell = .allocate(capacity: 1)
    sumCell.initialize(to: keepsSums ? VectorChunks(dimension: options.dimension) : nil)
  }

  deinit {
    for slot in 0..<UInt32(slots) { rows.row(slot).pointee.lists?.freeIfLarge() }
    for shard in 0..<KeySlots.count { arenas[shard]?.release() }
    arenas.deallocate()
    rows.free()
    vectors.free()
    sums?.free()
    vectorCell.deallocate()
    sumCell.deallocate()
  }

  /// Makes room for slots below `count`. Between turns only.
  public func reserve(_ count: Int) {
    while slots < count {
      _ = rows.make(slots >> 12)
      vectors.make(slots >> 12)
      sums?.make(slots >> 12)
      slots = (slots | 4095) + 1
    }
  }

  /// Sets the length of vectors once the catalog knows it. Between turns only; nothing if it is set.
  public func fix(dimension count: Int) {
    guard dimension == 0, count > 0 else { return }
    dimension = count
    vectors.free()
    vectors = VectorChunks(dimension: count)
    if keepsSums {
      sums?.free()
      sums = VectorChunks(dimension: count)
    }
    for index in 0..<(slots / 4096) {
      vectors.make(index)
      sums?.make(index)
    }
  }

  @inline(__always)
  public func row(_ slot: UInt32) -> UnsafeMutablePointer<ViewerRow> { rows.row(slot) }

  /// The event-driven vector, ``stride`` floats; zero while cold. Only if ``dimension`` > 0.
  @inline(__always)
  public func vector(_ slot: UInt32) -> UnsafeMutablePointer<Float> { vectors.vector(slot) }

  /// Asks for a row and its vector, which are read some rows later.
  @inline(__always)
  public func prefetch(_ slot: UInt32) {
    prefetchShared(rows.row(slot), bytes: MemoryLayout<ViewerRow>.stride)
    if stride > 0 { prefetchShared(vectors.vector(slot), bytes: stride * 4) }
  }

  /// The same for its lists, when the row has arrived.
  @inline(__always)
  public func prefetchLists(_ slot: UInt32) {
    rows.row(slot).pointee.lists?.prefetch()
  }

  /// Time of the newest entry of a history, unix ms; nil = it is empty.
  public func newestInHistory(of slot: UInt32) -> Int64? {
    rows.row(slot).history.values.lazy.map { $0.entry.time }.max()
  }

  /// What lists of a shard's viewers stand in. Made at the first call, before shards run.
  func arena(_ shard: Int) -> BlockArena {
    if let arena = arenas[shard] { return arena.takeUnretainedValue() }
    let arena = BlockArena()
    arenas[shard] = Unmanaged.passRetained(arena)
    return arena
  }

  /// Bytes of a row, its vectors and what hangs on it.
  public func byteCount(_ slot: UInt32) -> Int {
    MemoryLayout<ViewerRow>.stride + stride * 4 * (keepsSums ? 2 : 1) + (rows.row(slot).pointee.lists?.byteCount ?? 0)
  }

  /// Back to a viewer never seen.
  func clear(_ slot: UInt32) {
    let row = rows.row(slot)
    let queued = row.pointee.s.bits & 4
    row.pointee.lists?.free()
    row.initialize(to: ViewerRow())
    row.pointee.s.bits = queued
    guard dimension > 0 else { return }
    vectors.vector(slot).update(repeating: 0, count: stride)
    sums?.vector(slot).update(repeating: 0, count: stride)
  }

  /// Marks the catalog versions that history entries use, for ``Catalog/collect(used:)``.
  public func markVersions(in used: inout DirtySet) {
    for slot in 0..<UInt32(slots) {
      for cell in rows.row(slot).history.values where cell.entry.catalogVersion != TitleFacts.noVersion {
        used.mark(cell.entry.catalogVersion)
      }
    }
  }

  /// The stored form of a row; empty when there is nothing to keep (delete it).
  public func encode(_ slot: UInt32, into bytes: inout [UInt8]) {
    let row = rows.row(slot)
    guard row.pointee.isAlive else { return }
    bytes.put(UInt8(3))
    var scalars = row.pointee.s
    scalars.bits &= 3
    bytes.put(scalars)
    ListBlock.encode(row.pointee.lists, into: &bytes)
    let count = row.pointee.isWarm ? dimension : 0
    bytes.put(UInt32(count))
    if count > 0 { bytes.append(contentsOf: UnsafeRawBufferPointer(start: vectors.vector(slot), count: count * 4)) }
    let summed = sums != nil && row.pointee.s.historyCount > 0 ? dimension : 0
    bytes.put(UInt32(summed))
    if summed > 0, let sums {
      bytes.append(contentsOf: UnsafeRawBufferPointer(start: sums.vector(slot), count: summed * 4))
    }
  }

  /// Takes a stored row back, of today's layout or the one before.
  ///
  /// - Parameter shard: The one that owns the viewer.
  public func decode(_ slot: UInt32, _ stored: UnsafeRawBufferPointer, shard: Int = 0) throws(StateError) {
    var reader = ByteReader(stored)
    let layout = try reader.take(UInt8.self)
    guard layout == 1 || layout == 3 else { throw .unknownLayout(layout) }
    reserve(Int(slot) + 1)
    clear(slot)
    let row = rows.row(slot)
    var first: FirstScalars?
    if layout == 1 { first = try FirstScalars(&reader) }
    if let first { row.pointee.s = first.scalars } else { row.pointee.s = try reader.take(ViewerRow.Scalars.self) }
    try ListBlock.decode(&reader, layout: layout, in: arena(shard), for: row.listPlace)
    try decodeVector(&reader) { vectors.vector(slot) }
    try decodeVector(&reader) { sums?.vector(slot) }
    if let first {
      first.count(in: row)
      if !reader.isAtEnd { row.pointee.previousReward = try reader.take(Float.self) }
    }
  }

  private func decodeVector(
    _ reader: inout ByteReader, _ place: () -> UnsafeMutablePointer<Float>?
  ) throws(StateError) {
    let count = Int(try reader.take(UInt32.self))
    let raw = try reader.bytes(count * 4)
    guard count > 0 else { return }
    if dimension == 0 { fix(dimension: count) }
    guard count == dimension else { throw .dimension(expected: dimension, found: count) }
    if let vector = place(), let from = raw.baseAddress { memcpy(vector, from, count * 4) }
  }
}

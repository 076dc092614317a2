/// Rows to save together with the manifest that names their position: one transaction.
///
/// Their bytes stand in blocks of a megabyte that one save hands to the next, so that a save neither copies what it has
/// when it grows nor meets memory it has not touched before.
public struct Snapshot: Sendable {
  public struct Row: Sendable {
    public var table: StateTable
    public var slot: UInt32
    /// Where its bytes stand; none of them deletes the row.
    fileprivate var block: UInt32
    fileprivate var start: UInt32
    fileprivate var length: UInt32
    public var count: Int { Int(length) }
  }
  public private(set) var rows: [Row] = []
  public var manifest: [UInt8] = []
  /// Blocks that hold rows, then empty ones.
  private var blocks: [[UInt8]] = []
  private var filled = 0

  private static let blockBytes = 1 << 20
  /// A row begins only where a block has so much room: longer ones make their block longer.
  private static let roomBytes = 1 << 17

  public init() {}

  public mutating func append(_ table: StateTable, _ slot: UInt32, _ write: (inout [UInt8]) -> Void) {
    if filled == 0 || blocks[filled - 1].count > Self.blockBytes - Self.roomBytes { openBlock() }
    let start = blocks[filled - 1].count
    write(&blocks[filled - 1])
    let length = UInt32(blocks[filled - 1].count - start)
    rows.append(Row(table: table, slot: slot, block: UInt32(filled - 1), start: UInt32(start), length: length))
  }

  public mutating func delete(_ table: StateTable, _ slot: UInt32) {
    rows.append(Row(table: table, slot: slot, block: 0, start: 0, length: 0))
  }

  /// Lends the bytes of one of ``rows``.
  @inlinable
  public func withBytes<Answer>(of row: Row, _ body: (UnsafeRawBufferPointer) -> Answer) -> Answer {
    block(of: row).withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[range(of: row)])) }
  }

  @usableFromInline
  func block(of row: Row) -> [UInt8] { row.length == 0 ? [] : blocks[Int(row.block)] }

  @usableFromInline
  func range(of row: Row) -> Range<Int> { Int(row.start)..<Int(row.start + row.length) }

  public mutating func removeAll() {
    rows.removeAll(keepingCapacity: true)
    manifest.removeAll(keepingCapacity: true)
    for block in 0..<filled { blocks[block].removeAll(keepingCapacity: true) }
    filled = 0
  }

  /// An empty snapshot with one of so many shares of the blocks that wait, to be filled beside this one and joined to it.
  public mutating func takeShare(of shares: Int) -> Snapshot {
    var share = Snapshot()
    for _ in 0..<((blocks.count - filled) / max(1, shares)) { share.blocks.append(blocks.removeLast()) }
    return share
  }

  /// Takes over what another one holds, whose manifest does not count.
  public mutating func join(_ other: consuming Snapshot) {
    let offset = UInt32(filled)
    for var row in other.rows {
      row.block += offset
      rows.append(row)
    }
    blocks.insert(contentsOf: other.blocks[..<other.filled], at: filled)
    blocks += other.blocks[other.filled...]
    filled += other.filled
  }

  /// Touches memory for so many bytes, before the clock of a measurement starts.
  public mutating func prefault(_ bytes: Int) {
    while blocks.count * Self.blockBytes < bytes {
      var block = [UInt8](repeating: 0, count: Self.blockBytes)
      block.removeAll(keepingCapacity: true)
      blocks.append(block)
    }
  }

  private mutating func openBlock() {
    if filled == blocks.count {
      blocks.append([])
      blocks[filled].reserveCapacity(Self.blockBytes)
    }
    filled += 1
  }
}

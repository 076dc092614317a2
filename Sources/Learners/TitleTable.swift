/// Rows of titles by slot. Grown by the sequencer between turns; a shard touches only the rows of its own titles.
public final class TitleTable: @unchecked Sendable {
  let rows = RowChunks<TitleRow>()
  public private(set) var slots = 0

  public init() {}

  deinit {
    for slot in 0..<UInt32(slots) { rows.row(slot).pointee.free() }
    rows.free()
  }

  /// Makes room for slots below `count`. Between turns only.
  public func reserve(_ count: Int) {
    while slots < count {
      if rows.make(slots >> 12) {
        for k in 0..<4096 { (rows.row(UInt32(slots)) + k).initialize(to: TitleRow()) }
      }
      slots = (slots | 4095) + 1
    }
  }

  @inline(__always)
  public func row(_ slot: UInt32) -> UnsafeMutablePointer<TitleRow> { rows.row(slot) }

  /// Bytes of a row and what hangs on it.
  public func byteCount(_ slot: UInt32) -> Int {
    let row = rows.row(slot)
    return MemoryLayout<TitleRow>.stride + row.pointee.votes.0.voters.byteCount + row.pointee.votes.1.voters.byteCount
  }

  /// The stored form of a row; empty when there is nothing to keep (delete it).
  public func encode(_ slot: UInt32, into bytes: inout [UInt8]) {
    let row = rows.row(slot)
    guard row.pointee.isAlive else { return }
    bytes.put(UInt8(1))
    bytes.put(row.pointee.s)
    for day in [row.pointee.votes.0, row.pointee.votes.1] {
      bytes.put(day.day)
      bytes.put(day.voters.count)
      for voter in day.voters.sorted { bytes.put(voter) }
    }
  }

  public func decode(_ slot: UInt32, _ stored: UnsafeRawBufferPointer) throws(StateError) {
    var reader = ByteReader(stored)
    let layout = try reader.take(UInt8.self)
    guard layout == 1 else { throw .unknownLayout(layout) }
    reserve(Int(slot) + 1)
    let row = rows.row(slot)
    row.pointee.free()
    row.pointee.s = try reader.take(TitleRow.Scalars.self)
    row.pointee.votes = (try Self.votes(&reader), try Self.votes(&reader))
  }

  private static func votes(_ reader: inout ByteReader) throws(StateError) -> VoteDay {
    var votes = VoteDay()
    votes.day = try reader.take(Int64.self)
    let count = try reader.take(UInt32.self)
    for _ in 0..<count { _ = votes.voters.insert(try reader.take(UInt64.self)) }
    return votes
  }
}

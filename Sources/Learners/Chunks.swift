import Kernels

/// Rows by slot in memory that never moves: chunks of 4,096, zeroed, found through one fixed directory.
///
/// Grown by the sequencer between turns; during a turn shards reach their own rows through pointers.
public struct RowChunks<Row: BitwiseCopyable>: @unchecked Sendable {
  static var bits: UInt32 { 12 }
  static var ceiling: Int { 1 << 15 }
  private let directory: UnsafeMutablePointer<UnsafeMutablePointer<Row>?>
  /// Unmanaged: a copy of this struct in the fold counts no reference.
  private let arena = Unmanaged.passRetained(PageArena())

  init() {
    directory = .allocate(capacity: Self.ceiling)
    directory.initialize(repeating: nil, count: Self.ceiling)
  }

  @inline(__always)
  func row(_ slot: UInt32) -> UnsafeMutablePointer<Row> {
    directory[Int(slot >> Self.bits)].unsafelyUnwrapped + Int(slot & 4095)
  }

  /// The chunk of this row was made.
  @inline(__always)
  func has(_ slot: UInt32) -> Bool { directory[Int(slot >> Self.bits)] != nil }

  /// Makes chunk `index`; true if it was missing.
  func make(_ index: Int) -> Bool {
    precondition(index < Self.ceiling, "more rows than a table can hold")
    guard directory[index] == nil else { return false }
    let raw = arena.takeUnretainedValue().take(4096 * MemoryLayout<Row>.stride)
    directory[index] = raw.bindMemory(to: Row.self, capacity: 4096)
    return true
  }

  func free() {
    directory.deallocate()
    arena.release()
  }
}

/// Float32 vectors by slot, each at a 64-byte border, in chunks of 4,096 that never move.
public struct VectorChunks: @unchecked Sendable {
  /// Floats from one vector to the next: the dimension rounded up to 16; what lies beyond is zero.
  public let stride: Int
  private let directory: UnsafeMutablePointer<UnsafeMutablePointer<Float>?>
  private let arena = Unmanaged.passRetained(PageArena())

  init(dimension: Int) {
    stride = (dimension + 15) / 16 * 16
    directory = .allocate(capacity: RowChunks<UInt8>.ceiling)
    directory.initialize(repeating: nil, count: RowChunks<UInt8>.ceiling)
  }

  @inline(__always)
  func vector(_ slot: UInt32) -> UnsafeMutablePointer<Float> {
    directory[Int(slot >> 12)].unsafelyUnwrapped + Int(slot & 4095) * stride
  }

  func make(_ index: Int) {
    guard stride > 0, directory[index] == nil else { return }
    let raw = arena.takeUnretainedValue().take(4096 * stride * MemoryLayout<Float>.stride)
    directory[index] = raw.bindMemory(to: Float.self, capacity: 4096 * stride)
  }

  func free() {
    directory.deallocate()
    arena.release()
  }
}

import Glibc
import Kernels

/// Blocks of memory of any size up to 32 KiB, dense: blocks of one size stand without a gap in chunks of large pages.
///
/// A block begins with the address of the place that holds its own address, so it can be moved: whatever gives one back
/// leaves a hole, the next block of that size takes it, and when holes are more than a few the last block moves into
/// one. So a million lists that grew through thirty sizes leave nothing behind. Chunks that fall empty serve any size.
///
/// One a shard: a block moves only while its own shard folds (or nobody does).
final class BlockArena: @unchecked Sendable {
  /// A block's first word.
  typealias Place = UnsafeMutablePointer<UnsafeMutableRawPointer?>

  static let chunkBytes = 128 << 10
  static let largest = 32 << 10
  /// In front of a chunk's first block: the arena and the chunk's size class.
  private static let chunkHead = 64
  /// Steps of 32 bytes up to 2 KiB, then 16 to a doubling.
  static let classes = fine + 4 * 16
  private static let fine = 64

  private struct SizeClass {
    var bytes: Int
    /// Blocks of a chunk.
    var perChunk: Int
    var chunks: [UnsafeMutableRawPointer] = []
    /// Blocks, holes with them; the last one is none.
    var count = 0
    var holes = 0
    /// The hole made last; each holds the one before and the one behind it.
    var hole: UnsafeMutableRawPointer?
  }

  private let sizes: UnsafeMutablePointer<SizeClass>
  private var spare: [UnsafeMutableRawPointer] = []
  private var regions: [(start: UnsafeMutableRawPointer, byteCount: Int)] = []
  /// Of the last region.
  private var cut = 0

  init() {
    sizes = .allocate(capacity: Self.classes)
    for index in 0..<Self.classes {
      let bytes = Self.bytes(of: index)
      (sizes + index).initialize(
        to: SizeClass(bytes: bytes, perChunk: (Self.chunkBytes - Self.chunkHead) / bytes))
    }
  }

  deinit {
    sizes.deinitialize(count: Self.classes)
    sizes.deallocate()
    for region in regions { Pages.free(region.start, region.byteCount) }
  }

  // MARK: Sizes

  static func bytes(of index: Int) -> Int {
    guard index >= fine else { return (index + 1) * 32 }
    let doubling = (index - fine) / 16
    return (17 + (index - fine) % 16) * (128 << doubling)
  }

  /// The smallest class that holds so many bytes, 1 to ``largest``.
  static func sizeClass(_ bytes: Int) -> Int {
    guard bytes > 2048 else { return (bytes + 31) / 32 - 1 }
    let doubling = Int.bitWidth - 12 - (bytes - 1).leadingZeroBitCount
    let step = 128 << doubling
    return fine + doubling * 16 + (bytes + step - 1) / step - 17
  }

  /// Bytes of a block of some arena.
  @inline(__always)
  static func byteCount(_ block: UnsafeMutableRawPointer) -> Int {
    Int(chunk(block).load(fromByteOffset: 12, as: UInt32.self))
  }

  /// The arena that a block is of, lent: whoever folds keeps it.
  @inline(__always)
  static func of(_ block: UnsafeMutableRawPointer) -> Unmanaged<BlockArena> {
    Unmanaged.fromOpaque(chunk(block).load(as: UnsafeRawPointer.self))
  }

  @inline(__always)
  private static func chunk(_ block: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer {
    UnsafeMutableRawPointer(bitPattern: UInt(bitPattern: block) & ~UInt(chunkBytes - 1)).unsafelyUnwrapped
  }

  // MARK: Blocks

  /// A block of at least so many bytes, not zeroed but for its first word, which names `place`; put its address there.
  ///
  /// - Complexity: O(1); moves no other block.
  func take(_ byteCount: Int, for place: Place) -> UnsafeMutableRawPointer {
    let index = Self.sizeClass(byteCount)
    let size = sizes + index
    let block: UnsafeMutableRawPointer
    if let hole = size.pointee.hole {
      unlink(hole, size)
      block = hole
    } else {
      if size.pointee.count == size.pointee.chunks.count * size.pointee.perChunk {
        size.pointee.chunks.append(makeChunk(index, size.pointee.bytes))
      }
      block = at(size.pointee.count, size)
      size.pointee.count += 1
    }
    block.storeBytes(of: place, as: Place.self)
    return block
  }

  /// Takes a block back. May move another one of its size, whose place then names its new address.
  func give(_ block: UnsafeMutableRawPointer) {
    let size = sizes + Int(Self.chunk(block).load(fromByteOffset: 8, as: UInt32.self))
    link(block, size)
    trim(size)
    while size.pointee.holes > 16 + size.pointee.count / 128, let hole = size.pointee.hole {
      unlink(hole, size)
      let last = at(size.pointee.count - 1, size)
      memcpy(hole, last, size.pointee.bytes)
      hole.load(as: Place.self).pointee = hole
      size.pointee.count -= 1
      trim(size)
    }
  }

  /// Bytes of chunks in use, and of those nothing uses.
  var footprint: (used: Int, spare: Int) {
    var chunks = 0
    for index in 0..<Self.classes { chunks += sizes[index].chunks.count }
    return (chunks * Self.chunkBytes, spare.count * Self.chunkBytes)
  }

  // MARK: Holes

  private func at(_ index: Int, _ size: UnsafeMutablePointer<SizeClass>) -> UnsafeMutableRawPointer {
    let (chunk, place) = index.quotientAndRemainder(dividingBy: size.pointee.perChunk)
    return size.pointee.chunks[chunk] + Self.chunkHead + place * size.pointee.bytes
  }

  /// Drops holes off the end, and chunks that fell empty by it.
  private func trim(_ size: UnsafeMutablePointer<SizeClass>) {
    while size.pointee.count > 0 {
      let last = at(size.pointee.count - 1, size)
      guard last.load(as: Place?.self) == nil else { break }
      unlink(last, size)
      size.pointee.count -= 1
    }
    while (size.pointee.chunks.count - 1) * size.pointee.perChunk >= size.pointee.count,
      let empty = size.pointee.chunks.popLast()
    { spare.append(empty) }
  }

  /// A hole is `[nil][next][previous]`.
  private func link(_ hole: UnsafeMutableRawPointer, _ size: UnsafeMutablePointer<SizeClass>) {
    let next = size.pointee.hole
    hole.storeBytes(of: nil, as: Place?.self)
    hole.storeBytes(of: next, toByteOffset: 8, as: UnsafeMutableRawPointer?.self)
    hole.storeBytes(of: nil, toByteOffset: 16, as: UnsafeMutableRawPointer?.self)
    next?.storeBytes(of: hole, toByteOffset: 16, as: UnsafeMutableRawPointer?.self)
    size.pointee.hole = hole
    size.pointee.holes += 1
  }

  private func unlink(_ hole: UnsafeMutableRawPointer, _ size: UnsafeMutablePointer<SizeClass>) {
    let next = hole.load(fromByteOffset: 8, as: UnsafeMutableRawPointer?.self)
    let previous = hole.load(fromByteOffset: 16, as: UnsafeMutableRawPointer?.self)
    next?.storeBytes(of: previous, toByteOffset: 16, as: UnsafeMutableRawPointer?.self)
    if let previous {
      previous.storeBytes(of: next, toByteOffset: 8, as: UnsafeMutableRawPointer?.self)
    } else {
      size.pointee.hole = next
    }
    size.pointee.holes -= 1
  }

  // MARK: Chunks

  private func makeChunk(_ index: Int, _ bytes: Int) -> UnsafeMutableRawPointer {
    let chunk = spare.popLast() ?? cutChunk()
    chunk.storeBytes(of: UnsafeRawPointer(Unmanaged.passUnretained(self).toOpaque()), as: UnsafeRawPointer.self)
    chunk.storeBytes(of: UInt32(index), toByteOffset: 8, as: UInt32.self)
    chunk.storeBytes(of: UInt32(bytes), toByteOffset: 12, as: UInt32.self)
    return chunk
  }

  private func cutChunk() -> UnsafeMutableRawPointer {
    if regions.isEmpty || cut == regions[regions.count - 1].byteCount {
      let byteCount = min(64 << 20, regions.last.map { $0.byteCount * 2 } ?? 2 << 20)
      regions.append((Pages.allocate(byteCount), byteCount))
      cut = 0
    }
    defer { cut += Self.chunkBytes }
    return regions[regions.count - 1].start + cut
  }
}

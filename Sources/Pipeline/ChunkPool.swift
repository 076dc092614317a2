import Kernels

/// Chunks that wait to be used again, so that a steady stream allocates nothing.
///
/// Cut out of slabs of 2 MiB, one large page each. A slab none of whose chunks is in use goes back to the system once
/// more than `keep` chunks wait.
final class ChunkPool {
  private static let slabBytes = 2 << 20
  private static let perSlab = slabBytes / Chunk.byteCount

  private var free: [Chunk] = []
  /// Chunks in use of each slab, by its address.
  private var used: [UInt: Int] = [:]
  private(set) var chunksInUse = 0
  private let keep: Int

  init(keep: Int = 4096) { self.keep = keep }

  func take() -> Chunk {
    chunksInUse += 1
    if free.isEmpty { addSlab() }
    let chunk = free.removeLast()
    used[Self.slab(of: chunk), default: 0] += 1
    return chunk
  }

  func give(_ chunk: Chunk) {
    chunksInUse -= 1
    chunk.clear()
    free.append(chunk)
    let slab = Self.slab(of: chunk)
    let left = used[slab, default: 1] - 1
    used[slab] = left
    if left == 0, free.count > keep { drop(slab) }
  }

  /// Writes every page once, before the clock of a run starts.
  func prefault(_ count: Int) {
    while free.count < count { addSlab() }
    for chunk in free {
      (chunk.base + Chunk.headerBytes).initializeMemory(
        as: UInt8.self, repeating: 0, count: Chunk.byteCount - Chunk.headerBytes)
    }
  }

  private func addSlab() {
    let base = Pages.allocate(Self.slabBytes)
    used[UInt(bitPattern: base)] = 0
    for i in (0..<Self.perSlab).reversed() { free.append(.make(in: base + i * Chunk.byteCount)) }
  }

  private func drop(_ slab: UInt) {
    free.removeAll { chunk in
      guard Self.slab(of: chunk) == slab else { return false }
      chunk.free()
      return true
    }
    used[slab] = nil
    Pages.free(UnsafeMutableRawPointer(bitPattern: slab).unsafelyUnwrapped, Self.slabBytes)
  }

  private static func slab(of chunk: Chunk) -> UInt { UInt(bitPattern: chunk.base) & ~UInt(slabBytes - 1) }

  deinit {
    for chunk in free { chunk.free() }
    for (slab, inUse) in used where inUse == 0 {
      Pages.free(UnsafeMutableRawPointer(bitPattern: slab).unsafelyUnwrapped, Self.slabBytes)
    }
  }
}

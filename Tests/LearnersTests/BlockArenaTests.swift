import Testing

@testable import Learners

/// Blocks keep what was written into them however they are moved, and leave no gap behind.
struct BlockArenaTests {
  /// Places that stay where they are, as rows do.
  private final class Places {
    let places: UnsafeMutablePointer<UnsafeMutableRawPointer?>
    init(_ count: Int) {
      places = .allocate(capacity: count)
      places.initialize(repeating: nil, count: count)
    }
    deinit { places.deallocate() }
  }

  @Test func `every size class holds what it is chosen for and no class would do with less`() {
    for bytes in 1...BlockArena.largest {
      let index = BlockArena.sizeClass(bytes)
      #expect(BlockArena.bytes(of: index) >= bytes)
      #expect(index == 0 || BlockArena.bytes(of: index - 1) < bytes)
    }
    #expect(BlockArena.sizeClass(BlockArena.largest) == BlockArena.classes - 1)
  }

  @Test func `blocks taken and given back at random keep their bytes and stay dense`() {
    let arena = BlockArena()
    let count = 4000
    let held = Places(count)
    var sizes = [Int](repeating: 0, count: count)
    var random = SystemRandomNumberGenerator()
    for step in 0..<40_000 {
      let slot = Int.random(in: 0..<count, using: &random)
      if let block = held.places[slot] {
        #expect(block.load(fromByteOffset: 8, as: Int.self) == slot)
        #expect(block.load(fromByteOffset: sizes[slot] - 8, as: Int.self) == slot)
        held.places[slot] = nil
        arena.give(block)
      }
      guard step % 3 > 0 else { continue }
      sizes[slot] = Int.random(in: 2...60, using: &random) * 64
      let block = arena.take(sizes[slot], for: held.places + slot)
      held.places[slot] = block
      block.storeBytes(of: slot, toByteOffset: 8, as: Int.self)
      block.storeBytes(of: slot, toByteOffset: sizes[slot] - 8, as: Int.self)
    }
    var live = 0
    for slot in 0..<count {
      guard let block = held.places[slot] else { continue }
      live += BlockArena.byteCount(block)
      #expect(block.load(fromByteOffset: sizes[slot] - 8, as: Int.self) == slot)
      #expect(block.load(as: BlockArena.Place.self) == held.places + slot)
    }
    // A chunk of each of the 46 sizes may be open, and some holes.
    #expect(arena.footprint.used < live * 5 / 4 + 46 * BlockArena.chunkBytes)
    for slot in 0..<count { if let block = held.places[slot] { arena.give(block) } }
    #expect(arena.footprint.used == 0)
  }

  @Test func `a million lists that grow through all sizes leave nothing behind`() {
    let arena = BlockArena()
    let count = 2000
    let held = Places(count)
    for size in stride(from: 64, through: 4096, by: 64) {
      for slot in 0..<count {
        let old = held.places[slot]
        held.places[slot] = arena.take(size, for: held.places + slot)
        if let old { arena.give(old) }
      }
    }
    let live = count * 4096
    let (used, spare) = arena.footprint
    #expect(used < live + live / 20)
    // What other sizes needed at their time: two sizes at once.
    #expect(used + spare < live * 2)
  }
}

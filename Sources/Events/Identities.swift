import CKernels
import Kernels

/// Ids as text, each with a slot: a dense number that rows, events and history entries use in its place.
///
/// Open addressing over xxh3; ids of more than 16 bytes stand in one arena. Slots are local to a state directory and
/// never published: whatever is stored or sent outside is keyed by the id itself.
///
/// - Complexity: O(1) a lookup, one cache miss or two when cold.
public struct IDTable: ~Copyable {
  private var cells: UnsafeMutablePointer<UInt64>  // high 32 bits of the hash | slot + 1
  private var mask: Int
  private var entries: UnsafeMutablePointer<Entry>
  private var capacity: Int
  private var arena: UnsafeMutablePointer<UInt8>
  private var arenaCount = 0
  private var arenaCapacity: Int
  /// Number of slots handed out, gaps included.
  public private(set) var count = 0
  /// Called before anything that others may be reading moves.
  var beforeMove: (() -> Void)?

  /// Ids of up to 16 bytes stand here, longer ones in the arena.
  private struct Entry {
    static let wordAt = 8

    var hash: UInt64
    var word: ShortWord
    /// In units of 4 bytes, so that 32 bits reach 16 GB.
    var start: UInt32
    /// -1 = a gap.
    var length: Int32
  }

  public init(expecting expected: Int = 1024) {
    var size = 64
    while size < expected * 2 { size *= 2 }
    mask = size - 1
    cells = .allocate(capacity: size)
    cells.initialize(repeating: 0, count: size)
    capacity = size / 2
    entries = .allocate(capacity: capacity)
    arenaCapacity = max(1024, expected)
    arena = .allocate(capacity: arenaCapacity)
  }

  deinit {
    cells.deallocate()
    entries.deallocate()
    arena.deallocate()
  }

  public static func hash(_ id: UnsafeRawBufferPointer) -> UInt64 { xxh3(id) }

  /// The slot of this id, if it has one.
  public func find(_ id: UnsafeRawBufferPointer, hash: UInt64) -> UInt32? { find(hash) { equals($0, id) } }

  /// The first slot under this hash of which `isIt` holds.
  @inline(__always)
  private func find(_ hash: UInt64, _ isIt: (UInt32) -> Bool) -> UInt32? {
    var at = Int(truncatingIfNeeded: hash) & mask
    let tag = hash & 0xffff_ffff_0000_0000
    while cells[at] != 0 {
      if cells[at] & 0xffff_ffff_0000_0000 == tag {
        let slot = UInt32(truncatingIfNeeded: cells[at]) - 1
        if isIt(slot) { return slot }
      }
      at = (at + 1) & mask
    }
    return nil
  }

  public func find(_ id: UnsafeRawBufferPointer) -> UInt32? { find(id, hash: xxh3(id)) }

  /// Asks the memory for where this hash is looked up, some work before it is.
  @inline(__always)
  public func prefetch(_ hash: UInt64) { ck_prefetch(cells + (Int(truncatingIfNeeded: hash) & mask)) }

  public func find(_ id: String) -> UInt32? {
    var id = id
    return id.withUTF8 { find(UnsafeRawBufferPointer($0)) }
  }

  /// The second step of ``prefetch(_:)``: asks for the id that probably stands there.
  @inline(__always)
  public func prefetchEntry(_ hash: UInt64) {
    let cell = cells[Int(truncatingIfNeeded: hash) & mask]
    if cell != 0 { ck_prefetch(entries + (Int(UInt32(truncatingIfNeeded: cell)) - 1)) }
  }

  /// The slot of this id, a new one if it has none.
  public mutating func slot(_ id: UnsafeRawBufferPointer) -> UInt32 {
    slot(id, hash: xxh3(id))
  }

  /// The same with the hash at hand.
  public mutating func slot(_ id: UnsafeRawBufferPointer, hash: UInt64) -> UInt32 {
    if let found = find(id, hash: hash) { return found }
    return insert(id, hash: hash, at: count)
  }

  /// The same for an id of up to 16 bytes.
  @inline(__always)
  mutating func slot(_ word: ShortWord, count: Int, hash: UInt64) -> UInt32 {
    let found = find(hash) { slot in
      let entry = entries + Int(slot)
      return Int(entry.pointee.length) == count && entry.pointee.word == word
    }
    if let found { return found }
    return withUnsafeBytes(of: word) {
      insert(UnsafeRawBufferPointer(rebasing: $0[..<count]), hash: hash, at: self.count)
    }
  }

  public mutating func slot(_ id: String) -> UInt32 {
    var id = id
    return id.withUTF8 { slot(UnsafeRawBufferPointer($0)) }
  }

  /// Puts an id back at the slot it had (loading a state). Slots in between stay gaps.
  public mutating func restore(_ id: UnsafeRawBufferPointer, at slot: UInt32) {
    _ = insert(id, hash: xxh3(id), at: Int(slot))
  }

  public func hash(of slot: UInt32) -> UInt64 { entries[Int(slot)].hash }

  /// Asks for what ``hash(of:)`` reads, some events ahead.
  @inline(__always)
  public func prefetchHash(of slot: UInt32) { ck_prefetch(entries + Int(slot)) }

  public func bytes(_ slot: UInt32) -> UnsafeRawBufferPointer {
    let entry = entries + Int(slot)
    let count = max(0, Int(entry.pointee.length))
    guard count > 16 else {
      return UnsafeRawBufferPointer(start: UnsafeRawPointer(entry) + Entry.wordAt, count: count)
    }
    return UnsafeRawBufferPointer(start: arena + Int(entry.pointee.start) * 4, count: count)
  }

  public func text(_ slot: UInt32) -> String { String(decoding: bytes(slot), as: UTF8.self) }

  /// Bytes this table holds.
  public var byteCount: Int { (mask + 1) * 8 + capacity * MemoryLayout<Entry>.stride + arenaCapacity }

  private func equals(_ slot: UInt32, _ id: UnsafeRawBufferPointer) -> Bool {
    let entry = entries + Int(slot)
    guard Int(entry.pointee.length) == id.count else { return false }
    if let word = ShortWord(id) { return word == entry.pointee.word }
    let own = arena + Int(entry.pointee.start) * 4
    for i in 0..<id.count where own[i] != id[i] { return false }
    return true
  }

  private mutating func insert(_ id: UnsafeRawBufferPointer, hash: UInt64, at place: Int) -> UInt32 {
    if place >= capacity { grow(to: place + 1) }
    while count <= place {  // gaps answer to no id
      entries[count] = Entry(hash: 0, word: ShortWord.empty, start: 0, length: -1)
      count += 1
    }
    let word = ShortWord(id)
    entries[place] = Entry(
      hash: hash, word: word ?? ShortWord.empty, start: UInt32(arenaCount / 4), length: Int32(id.count))
    link(UInt32(place), hash)
    if word == nil { keep(id) }
    return UInt32(place)
  }

  private mutating func keep(_ id: UnsafeRawBufferPointer) {
    if arenaCount + id.count + 4 > arenaCapacity {
      beforeMove?()
      let bigger = max(arenaCapacity * 2, arenaCount + id.count + 4)
      let moved = UnsafeMutablePointer<UInt8>.allocate(capacity: bigger)
      moved.update(from: arena, count: arenaCount)
      arena.deallocate()
      arena = moved
      arenaCapacity = bigger
    }
    if let base = id.baseAddress {
      UnsafeMutableRawPointer(arena + arenaCount).copyMemory(from: base, byteCount: id.count)
    }
    arenaCount += (id.count + 3) & ~3
  }

  private mutating func link(_ slot: UInt32, _ hash: UInt64) {
    var at = Int(truncatingIfNeeded: hash) & mask
    while cells[at] != 0 { at = (at + 1) & mask }
    cells[at] = hash & 0xffff_ffff_0000_0000 | UInt64(slot + 1)
  }

  private mutating func grow(to least: Int) {
    beforeMove?()
    var size = (mask + 1) * 2
    while size / 2 < least { size *= 2 }
    let moved = UnsafeMutablePointer<Entry>.allocate(capacity: size / 2)
    moved.update(from: entries, count: count)
    entries.deallocate()
    entries = moved
    capacity = size / 2
    cells.deallocate()
    cells = .allocate(capacity: size)
    cells.initialize(repeating: 0, count: size)
    mask = size - 1
    for slot in 0..<count where entries[slot].length >= 0 { link(UInt32(slot), entries[slot].hash) }
  }
}

/// A small, append-only table of words (genres, platforms): symbol 0 is the empty word.
///
/// Kept with every checkpoint, so a symbol means the same after a restart.
public struct Symbols: Sendable {
  /// More distinct words than this share symbol 0.
  public static let ceiling = 4096
  public private(set) var words: [String] = [""]
  private var index: [String: UInt16] = ["": 0]
  /// Place of each word among all, sorted.
  private var ranks: [UInt16] = [0]

  public init() {}
  public init(words: [String]) {
    self.words = words
    for (i, word) in words.enumerated() { index[word] = UInt16(i) }
    ranks = Array(repeating: 0, count: words.count)
    for (rank, i) in words.indices.sorted(by: { words[$0] < words[$1] }).enumerated() { ranks[i] = UInt16(rank) }
  }

  public func find(_ word: String) -> UInt16? { index[word] }

  public mutating func symbol(_ word: String) -> UInt16 {
    if let found = index[word] { return found }
    guard words.count < Symbols.ceiling else { return 0 }
    var rank: UInt16 = 0
    for i in words.indices {
      if words[i] < word { rank += 1 } else { ranks[i] += 1 }
    }
    ranks.append(rank)
    words.append(word)
    index[word] = UInt16(words.count - 1)
    return UInt16(words.count - 1)
  }

  /// Orders symbols as their words are ordered.
  public func rank(_ symbol: UInt16) -> UInt16 { ranks[Int(symbol)] }

  public subscript(_ symbol: UInt16) -> String { words[Int(symbol)] }
}

/// Every id and word the worker has met. Owned by the road's thread, which adds to them while it reads records; other
/// stages only look up what stood there when their turn began, and nothing of that changes or moves meanwhile.
public final class Identities: @unchecked Sendable {
  // One thread owns them: no access needs a run-time check.
  @exclusivity(unchecked) public var viewers: IDTable
  @exclusivity(unchecked) public var titles: IDTable
  @exclusivity(unchecked) public var symbols = Symbols()
  /// Called before a table moves or a word is added, both rare: returns when nobody else reads them.
  public var waitForReaders: (() -> Void)? {
    didSet {
      viewers.beforeMove = waitForReaders
      titles.beforeMove = waitForReaders
    }
  }

  public init(viewers: Int = 1024, titles: Int = 1024) {
    self.viewers = IDTable(expecting: viewers)
    self.titles = IDTable(expecting: titles)
  }

  /// A word's symbol, a new one if it has none.
  public func symbol(_ word: String) -> UInt16 {
    if let found = symbols.find(word) { return found }
    waitForReaders?()
    return symbols.symbol(word)
  }
}

import Glibc
import Kernels

/// Where all lists of one viewer stand: one block of memory, one behind another, each with some room of its own.
///
/// 64 bytes in front: `[place][12 ends u16][9 counts u16][form u8][1 spare][3 counts u32]`. Ends are in units of 8 bytes.
/// Blocks up to 32 KiB are an arena's; larger ones, of long queries and preferences only, are the allocator's, in units
/// that double with their size.
struct ListBlock: BitwiseCopyable {
  /// Which list; the first three are of bytes and may be long.
  enum Index: Int, CaseIterable {
    case explicit, queries, decisionIDs, decisions, shown, counts, flags, ratings, affinities, historyTitles
    case history, caps

    static let count = 12
    static let wide = 3

    /// Bytes of room beyond what is asked for, at least: so that a list does not move its followers at every entry.
    fileprivate var slack: Int {
      switch self {
      case .explicit, .counts, .ratings, .affinities: 0
      case .flags, .caps, .historyTitles: 8
      case .history: 14
      case .decisions: 24
      case .shown, .decisionIDs, .queries: 64
      }
    }
  }

  let base: UnsafeMutableRawPointer

  private static let head = 64
  private static let endsAt = 8
  private static let countsAt = 32
  /// 0 = an arena's; the unit of a larger block is 4 << form.
  private static let formAt = 50
  private static let wideAt = 52

  func free() {
    if isLarge { Glibc.free(base) } else { BlockArena.of(base)._withUnsafeGuaranteedRef { $0.give(base) } }
  }

  /// Of an arena's blocks the arena takes care.
  func freeIfLarge() { if isLarge { Glibc.free(base) } }

  /// Asks for what is read of it first: the front of it, which says where lists are, and the lists' beginnings, or counts
  /// alone.
  @inline(__always)
  func prefetch(countsAlone: Bool = false) { Kernels.prefetch(base, bytes: countsAlone ? 128 : 1024) }

  /// Asks for the last lines of the long lists: a search begins there, and so does what is appended.
  @inline(__always)
  func prefetchEnds(history: Bool, caps: Bool) {
    if history {
      Kernels.prefetch(base + start(.historyTitles) + max(0, count(.historyTitles) * 4 - 124), bytes: 128)
      Kernels.prefetch(base + start(.history) + count(.history) * 14, bytes: 64)
    }
    if caps { Kernels.prefetch(base + start(.caps) + max(0, count(.caps) * 8 - 184), bytes: 192) }
  }

  /// Of the whole block.
  var byteCount: Int { isLarge ? end(.caps) : BlockArena.byteCount(base) }

  @inline(__always)
  func count(_ list: Index) -> Int {
    list.rawValue < Index.wide
      ? Int(base.load(fromByteOffset: Self.wideAt + list.rawValue * 4, as: UInt32.self))
      : Int(base.load(fromByteOffset: Self.countsAt + (list.rawValue - Index.wide) * 2, as: UInt16.self))
  }

  @inline(__always)
  func setCount(_ list: Index, _ count: Int) {
    if list.rawValue < Index.wide {
      base.storeBytes(of: UInt32(count), toByteOffset: Self.wideAt + list.rawValue * 4, as: UInt32.self)
    } else {
      base.storeBytes(
        of: UInt16(count), toByteOffset: Self.countsAt + (list.rawValue - Index.wide) * 2, as: UInt16.self)
    }
  }

  /// Bytes from the block's start to the end of a list's room.
  @inline(__always)
  func end(_ list: Index) -> Int {
    Int(base.load(fromByteOffset: Self.endsAt + list.rawValue * 2, as: UInt16.self)) << unitShift
  }

  @inline(__always)
  func start(_ list: Index) -> Int {
    list.rawValue == 0
      ? max(Self.head, 1 << unitShift)
      : Int(base.load(fromByteOffset: Self.endsAt + (list.rawValue - 1) * 2, as: UInt16.self)) << unitShift
  }

  private var isLarge: Bool { form > 0 }
  @inline(__always)
  private var unitShift: Int { form == 0 ? 3 : 2 + Int(form) }
  @inline(__always)
  private var form: UInt8 { base.load(fromByteOffset: Self.formAt, as: UInt8.self) }
}

// MARK: Making

extension ListBlock {
  typealias Sizes = [12 of Int]

  /// Lists with so many entries, not yet filled in, and no room beyond; `place` holds the block.
  static func make(
    in arena: BlockArena, for place: BlockArena.Place, counts: Sizes = .init(repeating: 0)
  ) -> ListBlock {
    var rooms = Sizes(repeating: 0)
    var total = head
    for list in rooms.indices {
      rooms[list] = round(counts[list] * strides[list])
      total += rooms[list]
    }
    let isLarge = total > BlockArena.largest
    let block = isLarge ? large(rooms, for: place) : ListBlock(base: arena.take(total, for: place))
    if !isLarge { block.layOut(rooms, form: 0) }
    for list in Index.allCases where counts[list.rawValue] > 0 { block.setCount(list, counts[list.rawValue]) }
    place.pointee = block.base
    return block
  }

  /// A block of the allocator's with these bytes of room.
  private static func large(_ rooms: Sizes, for place: BlockArena.Place) -> ListBlock {
    var form: UInt8 = 1
    let bytes = rooms.indices.reduce(head) { $0 + rooms[$1] }
    while bytes >> (2 + Int(form)) + 16 > Int(UInt16.max) { form += 1 }
    let unit = 4 << Int(form)
    let total = rooms.indices.reduce(max(head, unit)) { $0 + (rooms[$1] + unit - 1) / unit * unit }
    guard let memory = malloc(total) else { fatalError("out of memory") }
    memory.storeBytes(of: place, as: BlockArena.Place.self)
    let block = ListBlock(base: memory)
    block.layOut(rooms, form: form)
    return block
  }

  private func layOut(_ rooms: Sizes, form: UInt8) {
    memset(base + Self.endsAt, 0, Self.head - Self.endsAt)
    base.storeBytes(of: form, toByteOffset: Self.formAt, as: UInt8.self)
    let unit = 1 << unitShift
    var end = max(Self.head, unit) / unit
    for list in rooms.indices {
      end += (rooms[list] + unit - 1) >> unitShift
      base.storeBytes(of: UInt16(end), toByteOffset: Self.endsAt + list * 2, as: UInt16.self)
    }
  }

  @inline(__always)
  private static func round(_ byteCount: Int) -> Int { (byteCount + 7) & ~7 }
}

// MARK: Growing

extension ListBlock {
  /// Makes room for so many bytes in a list. The block, and so every list of the viewer, may move.
  @inline(never)
  func grow(_ list: Index, to byteCount: Int) {
    let place = base.load(as: BlockArena.Place.self)
    let room = end(list) - start(list)
    let least = Self.round(byteCount) - room
    let wanted = Self.round(byteCount + max(list.slack, list.slack > 0 ? byteCount / 32 : 0)) - room
    guard !isLarge else { return spread(list, by: max(wanted, room / 4), place) }
    let used = end(.caps)
    let free = BlockArena.byteCount(base) - used
    if least <= free { return shift(list, by: min(wanted, free), in: self, used) }
    guard used + least <= BlockArena.largest else { return spread(list, by: wanted, place) }
    let arena = BlockArena.of(base)
    let next = ListBlock(base: arena._withUnsafeGuaranteedRef { $0.take(used + least, for: place) })
    memcpy(next.base + Self.endsAt, base + Self.endsAt, end(list) - Self.endsAt)
    // Room only where the size taken has it: what is over waits at the end for the next list.
    shift(list, by: min(wanted, BlockArena.byteCount(next.base) - used), in: next, used)
    place.pointee = next.base
    arena._withUnsafeGuaranteedRef { $0.give(base) }
  }

  /// Moves what follows a list towards the end, within the block or into one that has its beginning already.
  private func shift(_ list: Index, by byteCount: Int, in next: ListBlock, _ used: Int) {
    let from = end(list)
    memmove(next.base + from + byteCount, base + from, used - from)
    for index in list.rawValue..<Index.count {
      let at = Self.endsAt + index * 2
      let units = next.base.load(fromByteOffset: at, as: UInt16.self) + UInt16(byteCount / 8)
      next.base.storeBytes(of: units, toByteOffset: at, as: UInt16.self)
    }
  }

  /// Into a large block of its own.
  private func spread(_ grown: Index, by byteCount: Int, _ place: BlockArena.Place) {
    var rooms = Sizes(repeating: 0)
    for list in Index.allCases { rooms[list.rawValue] = end(list) - start(list) }
    rooms[grown.rawValue] += byteCount
    let next = Self.large(rooms, for: place)
    for list in Index.allCases {
      memcpy(next.base + next.start(list), base + start(list), count(list) * list.stride)
      next.setCount(list, count(list))
    }
    place.pointee = next.base
    free()
  }
}

import Events

/// What a decoded record became.
enum EntryRole: UInt8 {
  case event = 0
  /// Matched no rule, or an operation we do not act on: holds a position, moves nothing.
  case nothing
  /// Its payload is a ``DeadLetter`` to be sent when its turn is folded.
  case deadLetter
}

/// One record waiting for its turn: 128 bytes, its payload in the chunk it stands in.
struct Entry {
  var event: Event
  var role: EntryRole
  /// False for the further events of one record (json-lines): they share its offset and count once.
  var isFirst: Bool
  /// Shards of its viewer and of its title, told when its order is known and there are several.
  var owner: UInt8 = 0
  var titleOwner: UInt8 = 0
  /// xxh3 of the record's offset, timestamp, key and value: the plan's proof that it read the same.
  var hash: UInt64
}

extension UnsafeMutablePointer where Pointee == Entry {
  /// The event, where it lies: an entry begins with it.
  @inline(__always)
  var event: UnsafePointer<Event> { UnsafeRawPointer(self).assumingMemoryBound(to: Event.self) }

  /// The same for whoever makes the event.
  @inline(__always)
  var newEvent: UnsafeMutablePointer<Event> { UnsafeMutableRawPointer(self).assumingMemoryBound(to: Event.self) }
}

/// 64 KiB of entries of one partition, aligned to its size, so that an entry finds its chunk by its address.
///
/// Payloads stand beside it in blocks that double in size and never move: a turn folds those it has while further ones
/// are taken in.
struct Chunk {
  static let byteCount = 65536
  static let headerBytes = 256
  static let capacity = (byteCount - headerBytes) / MemoryLayout<Entry>.stride
  private static let firstBlock = 4096
  /// They reach as far as a place of 32 bits does.
  private static let mostBlocks = 20
  /// Blocks that stay for the chunk's next use: 252 KiB.
  private static let keptBlocks = 6

  let base: UnsafeMutableRawPointer

  /// An empty chunk in 64 KiB of zeroed memory at a 64 KiB border.
  static func make(in base: UnsafeMutableRawPointer) -> Chunk { Chunk(base: base) }

  /// The chunk an entry stands in.
  static func holding(_ entry: UnsafeMutablePointer<Entry>) -> Chunk {
    Chunk(base: UnsafeMutableRawPointer(bitPattern: UInt(bitPattern: entry) & ~UInt(byteCount - 1))!)
  }

  var entries: UnsafeMutablePointer<Entry> { (base + Chunk.headerBytes).assumingMemoryBound(to: Entry.self) }
  /// Place behind the last payload.
  private var payloadEnd: UnsafeMutablePointer<Int> { base.assumingMemoryBound(to: Int.self) }
  private var blocks: UnsafeMutablePointer<UnsafeMutableRawPointer?> {
    (base + MemoryLayout<Int>.stride).assumingMemoryBound(to: UnsafeMutableRawPointer?.self)
  }

  private static func size(ofBlock number: Int) -> Int { firstBlock << number }
  private static func start(ofBlock number: Int) -> Int { firstBlock << number - firstBlock }
  private static func block(at place: Int) -> Int {
    Int.bitWidth - 1 - (place / firstBlock + 1).leadingZeroBitCount
  }

  /// Keeps a payload behind the others, in one piece; its place.
  func appendPayload(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
    var place = payloadEnd.pointee
    var number = Chunk.block(at: place)
    while place + bytes.count > Chunk.start(ofBlock: number + 1) {
      number += 1
      place = Chunk.start(ofBlock: number)
    }
    precondition(number < Chunk.mostBlocks, "payloads of one chunk fit 32 bits")
    // One that stands already is not touched: it may be read at this moment.
    if blocks[number] == nil {
      blocks[number] = .allocate(byteCount: Chunk.size(ofBlock: number), alignment: 16)
    }
    let block = blocks[number].unsafelyUnwrapped
    (block + (place - Chunk.start(ofBlock: number))).copyMemory(from: bytes.baseAddress!, byteCount: bytes.count)
    payloadEnd.pointee = place + bytes.count
    return UInt32(place)
  }

  func payload(of event: UnsafePointer<Event>) -> Payload {
    guard event.pointee.payloadCount > 0 else { return .empty }
    let place = Int(event.pointee.payloadStart)
    let number = Chunk.block(at: place)
    return Payload(
      UnsafeMutableRawBufferPointer(
        start: blocks[number].unsafelyUnwrapped + (place - Chunk.start(ofBlock: number)),
        count: Int(event.pointee.payloadCount)))
  }

  /// Makes it empty for its next use; large blocks are given back.
  func clear() {
    guard payloadEnd.pointee > 0 else { return }
    payloadEnd.pointee = 0
    free(from: Chunk.keptBlocks)
  }

  /// Lets go of its payload; the memory of the chunk itself is its slab's.
  func free() { free(from: 0) }

  private func free(from first: Int) {
    for number in first..<Chunk.mostBlocks {
      blocks[number]?.deallocate()
      blocks[number] = nil
    }
  }
}

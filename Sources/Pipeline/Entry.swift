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
  /// Shard of its viewer, told when its order is known and there are several.
  var owner: UInt8 = 0
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
struct Chunk {
  static let byteCount = 65536
  static let headerBytes = 128
  static let capacity = (byteCount - headerBytes) / MemoryLayout<Entry>.stride

  private struct Header {
    var payload: UnsafeMutableRawPointer?
    var payloadCount: Int
    var payloadCapacity: Int
  }

  let base: UnsafeMutableRawPointer

  /// An empty chunk in 64 KiB of zeroed memory at a 64 KiB border.
  static func make(in base: UnsafeMutableRawPointer) -> Chunk {
    let chunk = Chunk(base: base)
    chunk.base.bindMemory(to: Header.self, capacity: 1)
      .initialize(to: Header(payload: nil, payloadCount: 0, payloadCapacity: 0))
    return chunk
  }

  /// The chunk an entry stands in.
  static func holding(_ entry: UnsafeMutablePointer<Entry>) -> Chunk {
    Chunk(base: UnsafeMutableRawPointer(bitPattern: UInt(bitPattern: entry) & ~UInt(byteCount - 1))!)
  }

  var entries: UnsafeMutablePointer<Entry> { (base + Chunk.headerBytes).assumingMemoryBound(to: Entry.self) }
  private var header: UnsafeMutablePointer<Header> { base.assumingMemoryBound(to: Header.self) }

  func appendPayload(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
    let count = header.pointee.payloadCount
    if count + bytes.count > header.pointee.payloadCapacity {
      let capacity = max(header.pointee.payloadCapacity * 2, count + bytes.count, 4096)
      let moved = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 16)
      if let old = header.pointee.payload {
        moved.copyMemory(from: old, byteCount: count)
        old.deallocate()
      }
      header.pointee.payload = moved
      header.pointee.payloadCapacity = capacity
    }
    (header.pointee.payload! + count).copyMemory(from: bytes.baseAddress!, byteCount: bytes.count)
    header.pointee.payloadCount = count + bytes.count
    return UInt32(count)
  }

  func payload(of event: UnsafePointer<Event>) -> Payload {
    guard event.pointee.payloadCount > 0 else { return .empty }
    return Payload(
      UnsafeMutableRawBufferPointer(
        start: header.pointee.payload! + Int(event.pointee.payloadStart), count: Int(event.pointee.payloadCount)))
  }

  var heldBytes: Int { Chunk.byteCount + header.pointee.payloadCapacity }

  /// Makes it empty for its next use; a payload arena beyond 256 KiB is given back.
  func clear() {
    header.pointee.payloadCount = 0
    if header.pointee.payloadCapacity > 256 << 10 {
      header.pointee.payload?.deallocate()
      header.pointee.payload = nil
      header.pointee.payloadCapacity = 0
    }
  }

  /// Lets go of its payload; the memory of the chunk itself is its slab's.
  func free() { header.pointee.payload?.deallocate() }
}

import Events
import Kernels

/// Decoded records of one partition, oldest first, waiting to be merged with the others by time.
///
/// Merge times never fall within it, so how many lie at or before a moment is a binary search.
struct PartitionQueue {
  private var chunks: [Chunk] = []
  private var head = 0
  /// Index of the first waiting entry in the first chunk.
  private var first = 0
  /// Entries waiting.
  private(set) var count = 0
  /// Running maximum of min(event time, record time) over everything taken in; `Int64.min` before the first.
  private(set) var maximum = Int64.min
  /// One past the offset of the newest record taken in.
  var nextOffset: Int64
  private let pool: ChunkPool
  /// Where the next entry will stand, and for how many there is room from there on.
  private var tail = UnsafeMutablePointer<Entry>(bitPattern: 16).unsafelyUnwrapped
  private var room = 0

  init(nextOffset: Int64, maximum: Int64, pool: ChunkPool) {
    self.nextOffset = nextOffset
    self.maximum = maximum
    self.pool = pool
  }

  var isEmpty: Bool { count == 0 }

  /// Where the next entry will stand: its event may be made there before ``commit(_:role:isFirst:hash:payload:)``.
  @inline(__always)
  mutating func place() -> UnsafeMutablePointer<Entry> {
    if room == 0 { makeRoom() }
    return tail
  }

  @inline(never)
  private mutating func makeRoom() {
    let place = first + count
    let index = head + place / Chunk.capacity
    if index == chunks.count { chunks.append(pool.take()) }
    tail = chunks[index].entries + place % Chunk.capacity
    room = Chunk.capacity - place % Chunk.capacity
  }

  /// Takes the event at ``place()`` in behind the others and gives it its merge time.
  @inline(__always)
  mutating func commit(
    _ entry: UnsafeMutablePointer<Entry>, role: EntryRole, isFirst: Bool, hash: UInt64, payload: UnsafeRawBufferPointer
  ) {
    if role == .event {
      let time = entry.pointee.event.time
      let own = entry.pointee.event.recordTime >= 0 ? min(time, entry.pointee.event.recordTime) : time
      if own > maximum { maximum = own }
      if time < maximum { entry.pointee.event.flags.insert(.late) }
    }
    entry.pointee.event.mergeTime = maximum
    nextOffset = entry.pointee.event.offset + 1
    entry.pointee.event.payloadCount = UInt32(payload.count)
    entry.pointee.event.payloadStart = payload.isEmpty ? 0 : Chunk.holding(entry).appendPayload(payload)
    entry.pointee.role = role
    entry.pointee.isFirst = isFirst
    entry.pointee.hash = hash
    count += 1
    tail += 1
    room -= 1
    prefetch(tail + 3, bytes: 128)
  }

  /// Takes in an event made elsewhere.
  mutating func append(
    _ event: Event, role: EntryRole, isFirst: Bool, hash: UInt64, payload: UnsafeRawBufferPointer
  ) {
    let entry = place()
    entry.newEvent.initialize(to: event)
    commit(entry, role: role, isFirst: isFirst, hash: hash, payload: payload)
  }

  /// The i-th waiting entry.
  func entry(_ i: Int) -> UnsafeMutablePointer<Entry> {
    let place = first + i
    return chunks[head + place / Chunk.capacity].entries + place % Chunk.capacity
  }

  /// The first `n` waiting entries in turn.
  @inline(__always)
  func forEach(first n: Int, _ body: (UnsafeMutablePointer<Entry>) -> Void) {
    var left = n
    var index = head
    var place = first
    while left > 0 {
      let run = min(left, Chunk.capacity - place)
      let start = chunks[index].entries + place
      for k in 0..<run { body(start + k) }
      left -= run
      index += 1
      place = 0
    }
  }

  /// How many waiting entries have a merge time at most (`orEqual`), or below, this one.
  func count(upTo time: Int64, orEqual: Bool) -> Int {
    var low = 0
    var high = count
    while low < high {
      let middle = (low + high) / 2
      let own = entry(middle).pointee.event.mergeTime
      if own < time || (orEqual && own == time) { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// Merge time of the newest waiting entry, or the maximum reached before it was folded.
  var lastTime: Int64 { maximum }
  var firstTime: Int64 { entry(0).pointee.event.mergeTime }

  /// Lets go of the oldest `n` entries and of the chunks that held only those.
  mutating func drop(_ n: Int) {
    first += n
    count -= n
    while first >= Chunk.capacity {
      pool.give(chunks[head])
      head += 1
      first -= Chunk.capacity
    }
    if count == 0, head < chunks.count {
      for i in head..<chunks.count { pool.give(chunks[i]) }
      head = chunks.count
      first = 0
    }
    if head == chunks.count || head > 1024 {
      chunks.removeFirst(head)
      head = 0
    }
    if count == 0 {
      first = 0
      room = 0
    }
  }

  /// Gives everything back; the queue may not be used afterwards.
  mutating func release() { drop(count) }
}

import Events

/// Chunks that wait to be used again, so that a steady stream allocates nothing.
final class ChunkPool {
  private var free: [Chunk] = []
  private(set) var chunksInUse = 0
  private let keep: Int

  init(keep: Int = 4096) { self.keep = keep }

  func take() -> Chunk {
    chunksInUse += 1
    return free.popLast() ?? .make()
  }

  func give(_ chunk: Chunk) {
    chunksInUse -= 1
    chunk.clear()
    if free.count < keep { free.append(chunk) } else { chunk.free() }
  }

  /// Writes every page once, before the clock of a run starts.
  func prefault(_ count: Int) {
    for _ in 0..<count {
      let chunk = Chunk.make()
      (chunk.base + Chunk.headerBytes).initializeMemory(
        as: UInt8.self, repeating: 0, count: Chunk.byteCount - Chunk.headerBytes)
      free.append(chunk)
    }
  }

  deinit { for chunk in free { chunk.free() } }
}

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

  init(nextOffset: Int64, maximum: Int64, pool: ChunkPool) {
    self.nextOffset = nextOffset
    self.maximum = maximum
    self.pool = pool
  }

  var isEmpty: Bool { count == 0 }

  /// Takes a record in behind the others and gives it its merge time.
  mutating func append(
    _ event: UnsafeMutablePointer<Event>, role: EntryRole, isFirst: Bool, hash: UInt64, payload: UnsafeRawBufferPointer
  ) {
    if role == .event {
      let time = event.pointee.time
      let own = event.pointee.recordTime >= 0 ? min(time, event.pointee.recordTime) : time
      if own > maximum { maximum = own }
      if time < maximum { event.pointee.flags.insert(.late) }
    }
    event.pointee.mergeTime = maximum
    nextOffset = event.pointee.offset + 1
    let place = first + count
    if place / Chunk.capacity + head == chunks.count { chunks.append(pool.take()) }
    let chunk = chunks[head + place / Chunk.capacity]
    event.pointee.payloadStart = payload.isEmpty ? 0 : chunk.appendPayload(payload)
    event.pointee.payloadCount = UInt32(payload.count)
    (chunk.entries + place % Chunk.capacity).initialize(
      to: Entry(event: event.pointee, role: role, isFirst: isFirst, hash: hash))
    count += 1
  }

  /// The i-th waiting entry.
  func entry(_ i: Int) -> UnsafeMutablePointer<Entry> {
    let place = first + i
    return chunks[head + place / Chunk.capacity].entries + place % Chunk.capacity
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
    if count == 0 { first = 0 }
  }

  /// Bytes of decoded records waiting here.
  var heldBytes: Int { chunks[head...].reduce(0) { $0 + $1.heldBytes } }

  /// Gives everything back; the queue may not be used afterwards.
  mutating func release() { drop(count) }
}

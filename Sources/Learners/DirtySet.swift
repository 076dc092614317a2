/// Slots that changed, given back by slot: a bit a slot and, above it, a bit for every 64 of those.
///
/// Each shard marks in sets of its own, one for publishing and one for saving.
///
/// - Complexity: `mark` O(1) without allocation once `reserve` has seen the slot; `drain` O(marked + slots / 4096).
public struct DirtySet: ~Copyable {
  private var low: UnsafeMutablePointer<UInt64>
  private var high: UnsafeMutablePointer<UInt64>
  private var words: Int
  /// Word at which the next bounded drain begins.
  private var cursor = 0
  public private(set) var count = 0

  public init(slots: Int = 4096) {
    words = max(64, (slots + 4095) / 4096 * 64)
    low = .allocate(capacity: words)
    low.initialize(repeating: 0, count: words)
    high = .allocate(capacity: words / 64)
    high.initialize(repeating: 0, count: words / 64)
  }

  deinit {
    low.deallocate()
    high.deallocate()
  }

  public var isEmpty: Bool { count == 0 }

  /// Makes room for slots below `slots`.
  public mutating func reserve(_ slots: Int) {
    guard slots > words * 64 else { return }
    let bigger = max(words * 2, (slots + 4095) / 4096 * 64)
    let moved = UnsafeMutablePointer<UInt64>.allocate(capacity: bigger)
    moved.initialize(repeating: 0, count: bigger)
    moved.update(from: low, count: words)
    let above = UnsafeMutablePointer<UInt64>.allocate(capacity: bigger / 64)
    above.initialize(repeating: 0, count: bigger / 64)
    above.update(from: high, count: words / 64)
    low.deallocate()
    high.deallocate()
    low = moved
    high = above
    words = bigger
  }

  @inline(__always)
  public mutating func mark(_ slot: UInt32) {
    let word = Int(slot >> 6)
    if word >= words { reserve(Int(slot) + 1) }
    let bit = UInt64(1) << UInt64(slot & 63)
    let before = low[word]
    guard before & bit == 0 else { return }
    low[word] = before | bit
    high[word >> 6] |= UInt64(1) << UInt64(word & 63)
    count += 1
  }

  public func contains(_ slot: UInt32) -> Bool {
    let word = Int(slot >> 6)
    return word < words && low[word] & (UInt64(1) << UInt64(slot & 63)) != 0
  }

  /// Hands out every marked slot in ascending order and forgets it.
  public mutating func drain(_ body: (UInt32) throws -> Void) rethrows {
    for block in 0..<(words / 64) {
      var blocks = high[block]
      high[block] = 0
      while blocks != 0 {
        let word = block * 64 + blocks.trailingZeroBitCount
        blocks &= blocks - 1
        var bits = low[word]
        low[word] = 0
        while bits != 0 {
          let slot = UInt32(word * 64 + bits.trailingZeroBitCount)
          bits &= bits - 1
          count -= 1
          try body(slot)
        }
      }
    }
  }

  /// Hands out at most `limit` marked slots and forgets those, going on where the last call ended, around and around:
  /// a slot waits for one round at most, however often those before it are marked again.
  ///
  /// - Returns: How many.
  @discardableResult
  public mutating func drain(atMost limit: Int, _ body: (UInt32) -> Void) -> Int {
    guard limit > 0, count > 0 else { return 0 }
    var left = limit
    let start = cursor
    drain(from: start, to: words, &left, body)
    if left > 0 { drain(from: 0, to: start, &left, body) }
    return limit - left
  }

  /// Hands out the next marked slot, around and around as ``drain(atMost:_:)`` does, and forgets it.
  public mutating func pop() -> UInt32? {
    var next: UInt32?
    drain(atMost: 1) { next = $0 }
    return next
  }

  /// Words `from..<to`, until nothing is left to hand out; leaves the cursor at the first word not emptied.
  private mutating func drain(from: Int, to: Int, _ left: inout Int, _ body: (UInt32) -> Void) {
    var word = from
    while word < to {
      let waiting = high[word >> 6] >> UInt64(word & 63)
      guard waiting != 0 else {
        word = (word >> 6 + 1) << 6
        continue
      }
      word += waiting.trailingZeroBitCount
      guard word < to else { break }
      while low[word] != 0 {
        guard left > 0 else {
          cursor = word
          return
        }
        let slot = UInt32(word * 64 + low[word].trailingZeroBitCount)
        low[word] &= low[word] - 1
        count -= 1
        left -= 1
        body(slot)
      }
      high[word >> 6] &= ~(UInt64(1) << UInt64(word & 63))
      word += 1
    }
    cursor = to < words ? to : 0
  }

  public mutating func removeAll() { drain { _ in } }
}

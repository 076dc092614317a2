/// Events whose viewer and title are looked up some records later, when the memory asked for has come.
///
/// A look-up in a table beyond the nearest cache waits twice, for the cell and for what stands there. Sixteen records
/// under way hide both; ids of more than 16 bytes are looked up at once.
struct PendingSlots: ~Copyable {
  static let capacity = 16

  struct Item {
    let event: UnsafeMutablePointer<Event>
    let viewerHash: UInt64
    let titleHash: UInt64
    let viewer: ShortWord
    let title: ShortWord
    /// Bytes of the ids; 0 = none.
    let viewerCount: Int
    let titleCount: Int
  }

  private let ring: UnsafeMutablePointer<Item>
  private var head = 0
  private var tail = 0

  init() { ring = .allocate(capacity: Self.capacity) }

  deinit { ring.deallocate() }

  /// Takes an event in and gives the oldest one its slots where the ring is full.
  @inline(__always)
  mutating func push(_ item: Item, _ ids: Identities) {
    if head - tail == Self.capacity { settleOldest(ids) }
    if item.viewerCount > 0 { ids.viewers.prefetch(item.viewerHash) }
    if item.titleCount > 0 { ids.titles.prefetch(item.titleHash) }
    ring[head & (Self.capacity - 1)] = item
    head += 1
    guard head - tail > Self.capacity / 2 else { return }
    let middle = ring + (head - Self.capacity / 2 - 1) & (Self.capacity - 1)
    if middle.pointee.viewerCount > 0 { ids.viewers.prefetchEntry(middle.pointee.viewerHash) }
    if middle.pointee.titleCount > 0 { ids.titles.prefetchEntry(middle.pointee.titleHash) }
  }

  @inline(__always)
  private mutating func settleOldest(_ ids: Identities) {
    let item = ring + tail & (Self.capacity - 1)
    if item.pointee.viewerCount > 0 {
      item.pointee.event.pointee.viewer = ids.viewers.slot(
        item.pointee.viewer, count: item.pointee.viewerCount, hash: item.pointee.viewerHash)
    }
    if item.pointee.titleCount > 0 {
      item.pointee.event.pointee.title = ids.titles.slot(
        item.pointee.title, count: item.pointee.titleCount, hash: item.pointee.titleHash)
    }
    tail += 1
  }

  /// Gives every event under way its slots.
  mutating func settle(_ ids: Identities) { while tail < head { settleOldest(ids) } }
}

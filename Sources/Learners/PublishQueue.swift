/// Rows of one kind that wait to be published: first those that were not for a while.
///
/// Time is cut into periods. While more waits than the store takes, a row that was published in this period and changed
/// again rests until the period ends: what changes all the time is written once a period, and what changes seldom does
/// not wait behind it. Periods are begun by whoever publishes. No change is lost; one that comes while its row waits to
/// be handed out after a rest may give it out once more.
///
/// - Complexity: `mark` O(1); of a row handed out four bits are looked at.
public struct PublishQueue: ~Copyable {
  /// Changed.
  private var due = DirtySet()
  /// Changed again in the period in which they were handed out.
  private var resting = DirtySet()
  /// Rested, and not handed out since.
  private var rested = DirtySet()
  /// Handed out in this period.
  private var written = DirtySet()

  public init() {}

  /// A row that rests and changed once more may count twice.
  public var count: Int { due.count + resting.count + rested.count }
  /// Of those the ones that do not rest.
  public var awake: Int { due.count + rested.count }

  @inline(__always)
  public mutating func mark(_ slot: UInt32) { due.mark(slot) }

  public func contains(_ slot: UInt32) -> Bool {
    due.contains(slot) || resting.contains(slot) || rested.contains(slot)
  }

  public mutating func beginPeriod() {
    written.removeAll()
    while let slot = resting.pop() { rested.mark(slot) }
  }

  /// Hands out at most `limit` rows and forgets those: what has rested gets a quarter at least.
  ///
  /// - Parameter letsRest: False = little waits, or all of it is wanted.
  public mutating func drain(atMost limit: Int, letsRest: Bool, _ body: (UInt32) -> Void) {
    if !letsRest {
      while let slot = resting.pop() { due.mark(slot) }
      while let slot = rested.pop() { due.mark(slot) }
    }
    var left = limit
    let share = min(rested.count, max(limit / 4, limit - due.count))
    while left > share, let slot = due.pop() {
      if letsRest, written.contains(slot) {
        resting.mark(slot)
      } else if !rested.contains(slot) {
        hand(slot, &left, body)
      }
    }
    while left > 0, let slot = rested.pop() { hand(slot, &left, body) }
  }

  private mutating func hand(_ slot: UInt32, _ left: inout Int, _ body: (UInt32) -> Void) {
    written.mark(slot)
    left -= 1
    body(slot)
  }
}

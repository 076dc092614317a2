/// Slots on their way to `body`, seen by `far` 8 slots before their turn and by `near` 4 before: what is read for a slot
/// lies anywhere in memory, and can be asked for in two steps.
public struct Lookahead {
  private var waiting: [8 of UInt32] = .init(repeating: 0)
  private var taken = 0

  public init() {}

  @inline(__always)
  public mutating func take(_ slot: UInt32, far: (UInt32) -> Void, near: (UInt32) -> Void, _ body: (UInt32) -> Void) {
    if taken >= 8 { body(waiting[taken & 7]) }
    if taken >= 4 { near(waiting[(taken - 4) & 7]) }
    far(slot)
    waiting[taken & 7] = slot
    taken += 1
  }

  public mutating func finish(near: (UInt32) -> Void, _ body: (UInt32) -> Void) {
    for place in max(0, taken - 4)..<taken { near(waiting[place & 7]) }
    for place in max(0, taken - 8)..<taken { body(waiting[place & 7]) }
    taken = 0
  }
}

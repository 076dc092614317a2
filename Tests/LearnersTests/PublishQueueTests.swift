import Testing

@testable import Learners

struct PublishQueueTests {
  private func drain(_ queue: inout PublishQueue, _ limit: Int, rests: Bool = true) -> [UInt32] {
    var slots: [UInt32] = []
    queue.drain(atMost: limit, letsRest: rests) { slots.append($0) }
    return slots
  }

  @Test func `a row that was written rests until the period ends`() {
    var queue = PublishQueue()
    queue.mark(7)
    queue.mark(9)
    #expect(drain(&queue, 10) == [7, 9])
    queue.mark(7)
    queue.mark(8)
    #expect(drain(&queue, 10) == [8])
    #expect(queue.count == 1 && queue.awake == 0 && queue.contains(7))
    queue.mark(7)
    #expect(drain(&queue, 10) == [])
    queue.beginPeriod()
    #expect(queue.awake == 1)
    #expect(drain(&queue, 10) == [7])
    #expect(queue.count == 0 && !queue.contains(7))
  }

  @Test func `one that rested and changes again is handed out once`() {
    var queue = PublishQueue()
    queue.mark(3)
    #expect(drain(&queue, 1) == [3])
    queue.mark(3)
    #expect(drain(&queue, 1) == [])
    queue.beginPeriod()
    queue.mark(3)
    #expect(drain(&queue, 5) == [3])
    #expect(queue.count == 0)
  }

  @Test func `what rested gets a quarter of a batch while there is other work, the rest of it goes first`() {
    var queue = PublishQueue()
    for slot in UInt32(0)..<100 { queue.mark(slot) }
    #expect(drain(&queue, 100).count == 100)
    for slot in UInt32(0)..<100 { queue.mark(slot) }
    #expect(drain(&queue, 100) == [])
    queue.beginPeriod()
    for slot in UInt32(1000)..<1200 { queue.mark(slot) }
    let first = drain(&queue, 80)
    #expect(first.filter { $0 >= 1000 }.count == 60 && first.filter { $0 < 100 }.count == 20)
    #expect(Set(first).isDisjoint(with: drain(&queue, 220)))
    #expect(queue.count == 0)
  }

  @Test func `where nothing is to rest everything comes at once`() {
    var queue = PublishQueue()
    for slot in UInt32(0)..<10 { queue.mark(slot) }
    #expect(drain(&queue, 10).count == 10)
    for slot in UInt32(0)..<10 { queue.mark(slot) }
    #expect(drain(&queue, 10) == [])
    queue.mark(4)
    #expect(Set(drain(&queue, 20, rests: false)) == Set(0..<10))
    #expect(queue.count == 0)
  }

  @Test func `no change is lost, however rows are marked, drained and periods begun`() {
    var queue = PublishQueue()
    var random = UInt64(99)
    func next(_ bound: UInt64) -> UInt64 {
      random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return (random >> 33) % bound
    }
    var changed = Set<UInt32>()
    for _ in 0..<5000 {
      for _ in 0..<next(40) {
        let slot = UInt32(next(next(2) == 0 ? 20 : 9000))
        queue.mark(slot)
        changed.insert(slot)
      }
      let limit = Int(next(30))
      let slots = drain(&queue, limit, rests: next(8) != 0)
      #expect(slots.count <= limit)
      changed.subtract(slots)
      if next(5) == 0 { queue.beginPeriod() }
      #expect(queue.count >= changed.count)
    }
    queue.beginPeriod()
    #expect(Set(drain(&queue, 1 << 20)).isSuperset(of: changed) && queue.count == 0)
  }
}

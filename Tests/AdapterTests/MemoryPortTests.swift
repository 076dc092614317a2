import Events
import MemoryPort
import Ports
import Testing

/// Keeps what a source hands out.
private final class Taken: RecordSink {
  var lines: [String] = []
  func take(_ record: Record) {
    let value = record.value.map { String(decoding: $0, as: UTF8.self) } ?? "nil"
    let key = record.key.map { String(decoding: $0, as: UTF8.self) } ?? "nil"
    lines.append("\(record.source)/\(record.input) \(record.offset) \(key)=\(value) @\(record.timestamp)")
  }
}

@Suite struct MemoryPortTests {
  private func source(_ faults: Faults = Faults()) -> MemorySource {
    let source = MemorySource(faults: faults)
    source.create("a", partitions: 2)
    for number in 0..<3 {
      source.append("a", 0, key: Array("k".utf8), value: Array("\(number)".utf8), timestamp: Int64(100 + number))
      source.append("a", 1, key: nil, value: nil, timestamp: Int64(200 + number))
    }
    return source
  }

  private func start(_ source: MemorySource, at offset: Int64 = 0) throws {
    try source.start([(TopicPartition("a", 0), 4, 7, offset), (TopicPartition("a", 1), 5, 7, offset)])
  }

  @Test func `records come in fixed turns over the partitions, with source, input and offset`() throws {
    let source = source()
    source.burst = 2
    try start(source)
    let taken = Taken()
    #expect(try source.poll(timeoutMs: 0, limit: 5, into: taken) == 5)
    #expect(
      taken.lines == ["4/7 0 k=0 @100", "4/7 1 k=1 @101", "5/7 0 nil=nil @200", "5/7 1 nil=nil @201", "4/7 2 k=2 @102"])
    #expect(source.endReached(4) == 3)
    #expect(source.endReached(5) == nil)
    #expect(try source.poll(timeoutMs: 0, limit: 5, into: taken) == 1)
    #expect(source.endReached(5) == 3)
    #expect(try source.poll(timeoutMs: 0, limit: 5, into: taken) == 0)
  }

  @Test func `held and paused partitions wait, delivery is bounded`() throws {
    let source = source()
    try start(source)
    source.hold(TopicPartition("a", 0), at: 1)
    source.pause([5])
    let taken = Taken()
    #expect(try source.poll(timeoutMs: 0, limit: 10, into: taken) == 1)
    #expect(source.endReached(4) == nil)
    source.release(TopicPartition("a", 0))
    source.resume([5])
    source.deliveryLimit = 2
    #expect(try source.poll(timeoutMs: 0, limit: 10, into: taken) == 2)
    source.deliveryLimit = .max
    #expect(try source.poll(timeoutMs: 0, limit: 10, into: taken) == 3)
  }

  @Test func `an offset that retention passed is an error, not a jump`() throws {
    let source = source()
    source.trim(TopicPartition("a", 0), before: 2)
    #expect(try source.watermarks(TopicPartition("a", 0), timeoutMs: 0) == Watermarks(low: 2, high: 3))
    try start(source)
    let error = #expect(throws: PortError.self) { try source.poll(timeoutMs: 0, limit: 9, into: Taken()) }
    #expect(error?.code == "offset-out-of-range")
    #expect(try source.offset(TopicPartition("a", 0), at: 0) == 2)
    #expect(try source.offset(TopicPartition("a", 1), at: 201) == 1)
    #expect(try source.offset(TopicPartition("a", 1), at: 999) == nil)
  }

  @Test func `steps are numbered over all ports, and one may fail`() throws {
    let faults = Faults.failing(at: 3)
    faults.keepsTrace = true
    let source = source(faults)
    let outlet = MemoryOutlet(faults: faults)
    try start(source)
    try outlet.send(OutRecord(topic: "t", key: [], value: nil))
    #expect(!outlet.flush(timeoutMs: 0))
    #expect(outlet.delivered.isEmpty && outlet.unacknowledged == 1)
    #expect(outlet.flush(timeoutMs: 0))
    #expect(outlet.delivered.count == 1 && outlet.unacknowledged == 0)
    #expect(faults.trace == ["source.start", "outlet.send", "outlet.flush", "outlet.flush"])
  }

  @Test func `a power loss takes back what was not synced`() throws {
    let state = MemoryState(keepsUndo: true)
    let plans = MemoryPlans()
    func save(_ body: String?, _ manifest: String) throws {
      var snapshot = Snapshot()
      if let body { snapshot.append(.viewer, 1) { $0 += Array(body.utf8) } } else { snapshot.delete(.viewer, 1) }
      snapshot.manifest = Array(manifest.utf8)
      _ = try state.save(snapshot)
    }
    try save("one", "1")
    try plans.append(turn: 1, [1])
    state.sync()
    plans.sync()
    try save("two", "2")
    try save(nil, "3")
    try plans.append(turn: 2, [2])
    state.loseUnsynced(1)
    var body = ""
    #expect(try state.load { body = String(decoding: $2, as: UTF8.self) } == Array("2".utf8))
    #expect(body == "two")
    state.loseUnsynced()
    plans.loseUnsynced()
    #expect(try state.load { body = String(decoding: $2, as: UTF8.self) } == Array("1".utf8))
    #expect(body == "one")
    #expect(try plans.plans(after: 0).map(\.turn) == [1])
  }

  @Test func `an answer that got lost leaves the batch applied and the mark saying so`() throws {
    let store = MemoryStore(faults: .failing(at: 2, .failAfter))
    _ = try store.open(group: "g")
    #expect(store.submit(batch(3)))
    #expect(store.pump().lost)
    #expect(store.pump().mark?.version.turn == 3)
  }

  @Test func `a store that is down is found again with its mark, a forgotten one with none`() throws {
    let store = MemoryStore()
    _ = try store.open(group: "g")
    #expect(store.submit(batch(3)))
    #expect(settle(store).confirmed == 1)
    store.isReachable = false
    #expect(store.pump().lost)
    #expect(!store.submit(batch(4)))
    store.forget()
    store.isReachable = true
    #expect(store.pump().mark == StoreMark(group: "g", version: .zero))
    #expect(store.submit(batch(4)))
    #expect(settle(store).confirmed == 1)
  }

  @Test func `the clock stands until it is moved`() {
    let clock = ManualClock(wallMs: 1000, monotonicNs: 0)
    clock.advance(ms: 5)
    #expect(clock.wallMs == 1005 && clock.monotonicNs == 5_000_000)
    clock.setWall(ms: 1)
    #expect(clock.wallMs == 1 && clock.monotonicNs == 5_000_000)
  }
}

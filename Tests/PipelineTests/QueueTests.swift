import Events
import Testing

@testable import Pipeline

/// Entries wait by partition, merge by time and are given back.
@Suite struct QueueTests {
  private func queue(_ times: [Int64], source: UInt16, pool: ChunkPool, first: Int64 = 0) -> PartitionQueue {
    var queue = PartitionQueue(nextOffset: first, maximum: .min, pool: pool)
    for (i, time) in times.enumerated() {
      var event = Event(kind: .click)
      event.time = time
      event.recordTime = time
      event.offset = first + Int64(i)
      event.source = source
      [UInt8(i & 255)].withUnsafeBytes {
        queue.append(event, role: .event, isFirst: true, hash: UInt64(i), payload: $0)
      }
    }
    return queue
  }

  @Test func `the merge time is the running maximum, and what lies before it is late`() {
    let pool = ChunkPool()
    let queue = queue([10, 30, 20, 40], source: 0, pool: pool)
    #expect((0..<4).map { queue.entry($0).pointee.event.mergeTime } == [10, 30, 30, 40])
    #expect((0..<4).map { queue.entry($0).pointee.event.flags.contains(.late) } == [false, false, true, false])
    #expect(queue.nextOffset == 4)
    #expect(queue.count(upTo: 30, orEqual: true) == 3)
    #expect(queue.count(upTo: 30, orEqual: false) == 1)
  }

  @Test(arguments: [1, 510, 511, 512, 5000])
  func `any number of entries is dropped in any steps and leaves no chunk behind`(count: Int) {
    let pool = ChunkPool()
    var queue = queue((0..<Int64(count)).map { $0 }, source: 0, pool: pool)
    var left = count
    var next: Int64 = 0
    for step in [1, 3, 509, 511, 1024, count] where left > 0 {
      let n = min(step, left)
      #expect(queue.entry(0).pointee.event.offset == next)
      let chunk = Chunk.holding(queue.entry(n - 1))
      #expect(chunk.payload(of: queue.entry(n - 1).event).bytes.first == UInt8((next + Int64(n) - 1) & 255))
      queue.drop(n)
      left -= n
      next += Int64(n)
    }
    queue.release()
    #expect(pool.chunksInUse == 0)
  }

  @Test func `a merge gives the order time, partition, offset`() {
    let pool = ChunkPool()
    let times: [[Int64]] = [[5, 5, 9], [1, 5, 7, 1_000_000_007], [5, 6]]
    let queues = times.enumerated().map { queue($1, source: UInt16($0), pool: pool) }
    var merge = TurnMerge()
    var order: [UnsafeMutablePointer<Entry>] = []
    merge.merge(queues, take: times.map(\.count), into: &order)
    let found = order.map { [$0.pointee.event.mergeTime, Int64($0.pointee.event.source), $0.pointee.event.offset] }
    // The independent answer: all of them, sorted by the three numbers.
    var expected: [[Int64]] = []
    for (source, list) in times.enumerated() {
      for (offset, time) in list.enumerated() { expected.append([time, Int64(source), Int64(offset)]) }
    }
    #expect(found == expected.sorted { $0.lexicographicallyPrecedes($1) })
  }

  @Test func `a partition that is behind holds the others at its newest record, equal times by partition`() {
    let alignment = Alignment(maxWaitNs: 1000)
    func state(_ last: Int64, caught: Bool, behind: Int64? = nil) -> PartitionState {
      PartitionState(lastTime: last, hasCaughtUp: caught, isBehind: behind != nil, behindNs: behind ?? 0)
    }
    #expect(alignment.bound([state(10, caught: true), state(20, caught: true)]) == .unlimited)
    #expect(alignment.bound([state(10, caught: false), state(20, caught: true)]) == FoldBound(time: 10, source: 0))
    #expect(alignment.bound([state(30, caught: false), state(20, caught: false)]) == FoldBound(time: 20, source: 1))
    #expect(alignment.bound([state(10, caught: true, behind: 999)]) == FoldBound(time: 10, source: 0))
    #expect(alignment.bound([state(10, caught: true, behind: 1000)]) == .unlimited)
    #expect(alignment.bound([state(.min, caught: false)]) == FoldBound(time: .min, source: 0))
  }
}

/// The ring of folded ids.
@Suite struct DedupTests {
  @Test func `an id is known within the window and new after it`() {
    let ring = DedupRing(windowMs: 100, maxBytes: 1 << 20)
    #expect(!ring.isRepeated(7, at: 1000))
    #expect(ring.isRepeated(7, at: 1100))
    #expect(!ring.isRepeated(7, at: 1101))
    #expect(ring.count == 1)
  }

  @Test func `over its bytes the oldest ids go, and every chain of the table stays whole`() {
    let ring = DedupRing(windowMs: .max, maxBytes: 64 << 10)
    var known: [UInt64] = []
    var random: UInt64 = 1
    for i in 0..<20_000 {
      random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      // Few distinct low bits, so that chains are long.
      let id = (random >> 33) << 16 | UInt64(i % 8) | 1 << 60
      if ring.isRepeated(id, at: Int64(i)) { continue }
      known.append(id)
    }
    #expect(ring.byteCount <= 64 << 10)
    let kept = known.suffix(ring.count)
    #expect(kept.allSatisfy { ring.isRepeated($0, at: 20_000) })
  }

  @Test func `saved rows bring it back`() {
    let ring = DedupRing(windowMs: .max, maxBytes: 1 << 20)
    for id in 1...10_000 { _ = ring.isRepeated(UInt64(id) &* 0x9e37_79b9, at: Int64(id)) }
    var rows: [[UInt8]] = []
    ring.drainChanged { rows.append(Array($1)) }
    #expect(rows.reduce(0) { $0 + $1.count } < 10_000 * 9 + 100)
    let again = DedupRing(windowMs: .max, maxBytes: 1 << 20)
    again.restore(tail: ring.tail, head: ring.head, rows: rows)
    #expect(again.count == ring.count)
    #expect((1...10_000).allSatisfy { again.isRepeated(UInt64($0) &* 0x9e37_79b9, at: 10_001) })
    #expect(!again.isRepeated(5, at: 10_001))
  }

  @Test func `saved times stay what they were, far apart, backwards and in older rows`() {
    let times: [Int64] = [5, 1_763_697_600_000, 1_763_697_599_000, 1_763_697_600_063, -7, .max - 1, .min + 1]
    var packer = RingPacker(entries: times.count)
    packer.begin(row: 3)
    for (i, time) in times.enumerated() { packer.put(UInt64(i) | 1 << 63, time) }
    var reader = RingReader(packer.bytes)
    #expect(reader.row == 3)
    for (i, time) in times.enumerated() {
      let entry = reader.next()
      #expect(entry?.hash == UInt64(i) | 1 << 63)
      #expect(entry?.time == time)
    }
    #expect(reader.next() == nil)
    let old: [UInt64] = [9, 77, 1000, 78, UInt64(bitPattern: -4)]
    old.withUnsafeBytes {
      var reader = RingReader($0)
      #expect(reader.row == 9)
      #expect(reader.next()! == (77, 1000))
      #expect(reader.next()! == (78, -4))
      #expect(reader.next() == nil)
    }
  }
}

/// Plans and manifests as bytes.
@Suite struct PlanTests {
  @Test func `a plan reads back, and anything else is refused`() {
    var plan = TurnPlan()
    plan.turn = 42
    plan.lineage = 3
    plan.epoch = 7
    plan.wallMs = 1_795_230_000_000
    plan.idleFrontier = .min
    plan.fingerprint = 99
    plan.ranges = [TurnPlan.Range(source: 5, from: 10, to: 20, count: 9, checksum: .max)]
    var row = CatalogRow()
    row.title = "Paper Moons"
    row.genres = ["drama"]
    row.embedding = [0.5, -1]
    row.year = 1994
    ReferenceRows.append(.title(id: "c1", row), to: &plan.reference)
    ReferenceRows.append(.title(id: "c2", nil), to: &plan.reference)
    ReferenceRows.append(.source(id: "hulu", SourceRow(uptime: 0.5, official: nil, timestamp: 4)), to: &plan.reference)
    plan.newSources = [("events.watch", 3)]
    let bytes = plan.encoded
    #expect(TurnPlan(decoding: bytes) == plan)
    #expect(
      ReferenceRows.read(plan.reference) == [
        .title(id: "c1", row), .title(id: "c2", nil),
        .source(id: "hulu", SourceRow(uptime: 0.5, official: nil, timestamp: 4)),
      ])
    for cut in 0..<bytes.count { #expect(TurnPlan(decoding: Array(bytes[..<cut])) == nil) }
    #expect(TurnPlan(decoding: bytes + [0]) == nil)
  }

  @Test func `a manifest reads back; another format names the command that rebuilds`() throws {
    var manifest = Manifest()
    manifest.group = "g"
    manifest.turn = 9
    manifest.symbols = ["", "drama"]
    manifest.tally = [1, 2]
    let bytes = manifest.encoded
    #expect(try Manifest(decoding: bytes) == manifest)
    var other = bytes
    other[0] = 200
    #expect {
      try Manifest(decoding: other)
    } throws: {
      "\($0)".contains("thalweg state rebuild")
    }
  }
}

import CountAllocations
import Events
import Learners
import Testing

@testable import Pipeline

/// Many events through decoder and folds without one request to the allocator.
///
/// Lists grow while a viewer is young; here every viewer has met all titles it will meet, so nothing has a reason to
/// grow. Whoever adds an allocation per event finds as many more here. Without the optimiser boxes and temporary lists
/// are asked for that a release build does not have (2.5 an event in the folds, 9 in the decoder): there the bound is
/// loose, and a release build of this test, like `thalweg bench allocations` in CI, holds a million events to nothing.
@Suite struct AllocationTests {
  private static var isOptimised: Bool {
    var isChecked = false
    assert(
      {
        isChecked = true; return true
      }())
    return !isChecked
  }
  private static let events = isOptimised ? 1_000_000 : 100_000
  private static let viewers = 64
  private static let titles = 32

  /// Requests that are made now and then, not per event: a bucket of a metric, a boundary's judgement.
  private static let allowedByFolds = isOptimised ? 2000 : 400_000
  private static let allowedByDecoder = isOptimised ? 100 : 1_200_000

  @Test(.enabled(if: count_allocations_works() == 1))
  func `folding a million events allocates nothing per event`() {
    var options = WorkerOptions()
    options.learn.dimension = 16
    let ids = Identities()
    let road = Road(options: options, ids: ids, onOneThread: true)
    defer { road.stop() }
    for n in 0..<Self.titles {
      var row = CatalogRow()
      row.genres = ["g\(n % 5)", "g\(n % 3)"]
      row.embedding = (0..<16).map { Float(($0 * 7 + n) % 11) / 11 }
      road.apply([.title(id: "t\(n)", row)], lastMergeTime: 0)
    }
    for n in 0..<Self.viewers { _ = ids.viewers.slot("u\(n)") }
    let turn = 10_000
    let pool = ChunkPool()
    let chunks = (0..<(turn / Chunk.capacity + 1)).map { _ in pool.take() }
    defer { for chunk in chunks { pool.give(chunk) } }
    let order = (0..<turn).map { chunks[$0 / Chunk.capacity].entries + $0 % Chunk.capacity }
    var serial: UInt64 = 0
    func fill() {
      for place in order {
        serial += 1
        var event = Event(kind: [.watch, .click, .rate, .watch][Int(serial % 4)])
        event.viewer = UInt32(serial % UInt64(Self.viewers))
        event.title = UInt32(serial / 7 % UInt64(Self.titles))
        event.idHash = serial &* 0x9e37_79b9_7f4a_7c15 | 1
        event.time = 1_793_586_600_000 + Int64(serial)
        event.mergeTime = event.time
        event.recordTime = event.time
        event.rate = event.kind == .rate ? Double(2 + serial % 9) : Double(serial % 10) / 10
        event.device = .tv
        place.initialize(to: Entry(event: event, role: .event, isFirst: true, hash: serial))
      }
    }
    road.makeRoom()
    func fold() { _ = road.fold(order, idleFrontier: .min, turn: serial) }
    for _ in 0..<20 {
      fill()
      fold()
    }
    var count: UInt = 0
    for _ in 0..<(Self.events / turn) {
      fill()
      count_allocations_begin()
      fold()
      count += count_allocations_end()
    }
    #expect(count <= Self.allowedByFolds, "\(count) allocations for \(Self.events) events")
  }

  @Test(.enabled(if: count_allocations_works() == 1))
  func `decoding a million events allocates nothing per event`() {
    let ids = Identities()
    var decoder = Decoder(mapping: Envelope.mapping, options: DecodeOptions(), ids: ids)
    let records = (0..<200).map { n -> (input: Int, value: [UInt8]) in
      let common =
        #""event_id":"e-\#(n)","timestamp":\#(1_793_586_600_000 + n),"user_id":"u\#(n % 50)","content_id":"t\#(n % 20)""#
      switch n % 3 {
      case 0:
        return (
          0, Array(#"{"schema":"watch/1",\#(common),"device":"tv","platform":"netflix","completion_rate":0.5}"#.utf8)
        )
      case 1: return (1, Array(#"{"schema":"click/1",\#(common),"device":"tv","position":3}"#.utf8))
      default: return (2, Array(#"{"schema":"rate/1",\#(common),"rating":4.5}"#.utf8))
      }
    }
    var batch = DecodedBatch()
    var offset: Int64 = 0
    func pass() -> Int {
      var made = 0
      for (input, value) in records {
        offset += 1
        batch.removeAll()
        value.withUnsafeBytes { bytes in
          let record = Record(
            source: 0, input: input, partition: 0, offset: offset, timestamp: 1_793_586_600_000, key: nil, value: bytes,
            headers: NoHeaders())
          if case .events(let count) = decoder.decode(record, into: &batch) { made += count }
        }
      }
      return made
    }
    #expect(pass() == records.count)
    count_allocations_begin()
    for _ in 0..<(Self.events / records.count) { _ = pass() }
    let count = count_allocations_end()
    #expect(count <= Self.allowedByDecoder, "\(count) allocations for \(Self.events) events")
  }
}

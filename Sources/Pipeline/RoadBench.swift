import Events
import Kernels
import Learners
public import Ports

/// The road's folds without log, plans and store: a bench hands it events and times what the worker's own parts do.
///
/// Nothing in a running worker uses it.
public final class RoadBench {
  public let road: Road
  private let options: WorkerOptions
  private let clock: any WorkerClock
  private let pool = ChunkPool()
  private var chunks: [Chunk] = []
  private var order: [UnsafeMutablePointer<Entry>] = []
  private var manifest = Manifest()
  private var offset: Int64 = 0
  private var sink = StoreFeatureSink(batch: FeatureBatch(version: .zero))

  public init(options: WorkerOptions, ids: Identities, clock: any WorkerClock) {
    self.options = options
    self.clock = clock
    road = Road(options: options, ids: ids, onOneThread: false)
    manifest.group = options.group
    manifest.lineage = 1
    manifest.epoch = 1
    manifest.fingerprint = options.fingerprint
    manifest.hasReference = true
  }

  deinit {
    road.stop()
    for chunk in chunks { pool.give(chunk) }
  }

  public func apply(_ rows: [ReferenceRow]) { road.apply(rows, lastMergeTime: 0) }

  /// Folds `count` events as one turn; nanoseconds of the fold alone.
  ///
  /// - Parameter make: Fills in the i-th event; merge time follows from its time.
  public func turn(_ count: Int, _ make: (Int, inout Event) -> Void) -> Int64 {
    while chunks.count * Chunk.capacity < count { chunks.append(pool.take()) }
    order.removeAll(keepingCapacity: true)
    for i in 0..<count {
      let place = chunks[i / Chunk.capacity].entries + i % Chunk.capacity
      var event = Event(kind: .watch)
      make(i, &event)
      offset += 1
      event.offset = offset
      event.mergeTime = event.time
      event.payloadCount = 0
      place.initialize(to: Entry(event: event, role: .event, isFirst: true, hash: 0))
      order.append(place)
    }
    manifest.turn += 1
    let start = clock.monotonicNs
    road.makeRoom()
    let outcome = road.fold(order, idleFrontier: .min, turn: manifest.turn)
    let spent = clock.monotonicNs - start
    manifest.eventsFolded += UInt64(outcome.events)
    manifest.lastMergeTime = max(manifest.lastMergeTime, outcome.lastMergeTime)
    manifest.lastMergeWall = clock.wallMs
    return spent
  }

  /// Saves everything that changed, at most so many viewers a transaction.
  public func save(to store: any StateStore, viewersAtOnce: Int = 1 << 16) throws -> Saved {
    var saved = Saved()
    var snapshot = Snapshot()
    repeat {
      snapshot.removeAll()
      manifest.isClean = true
      manifest.publishedTurn = manifest.turn
      let start = clock.monotonicNs
      road.save(into: &snapshot, manifest: &manifest, viewers: viewersAtOnce)
      snapshot.manifest = manifest.encoded
      let copied = clock.monotonicNs
      saved.rows += snapshot.rows.count
      saved.bytes += try store.save(snapshot)
      saved.copyNs += copied - start
      saved.writeNs += clock.monotonicNs - copied
    } while road.hasUnsavedViewers
    return saved
  }

  /// Takes a saved state back, as a start does.
  public func load(from store: any StateStore) throws {
    manifest = try Manifest(decoding: store.load { table, slot, row in road.load(table, slot, row) })
    road.finishLoading(manifest)
  }

  public struct Saved: Sendable {
    public var rows = 0
    public var bytes = 0
    /// On the road's thread.
    public var copyNs: Int64 = 0
    /// On the saver's.
    public var writeNs: Int64 = 0
  }

  /// Changed rows encoded for the feature store, and what that took.
  public func encode(limit: Int) -> (batch: FeatureBatch, nanoseconds: Int64) {
    sink.batch.removeAll(version: Version(lineage: 1, epoch: 1, turn: manifest.turn))
    let start = clock.monotonicNs
    _ = road.publish(into: &sink, limit: limit)
    let spent = clock.monotonicNs - start
    road.handOver()
    road.confirmInFlight()
    return (sink.batch, spent)
  }

  /// The version that a store which has everything shows.
  public var version: Version { Version(lineage: 1, epoch: 1, turn: manifest.turn) }

  /// Bytes held by kind.
  public func census() -> Census {
    var census = Census()
    for slot in 0..<UInt32(road.viewerCount) {
      let all = road.viewers.byteCount(slot)
      let vector = road.viewers.stride * 4
      census.viewers.rows += MemoryLayout<ViewerRow>.stride
      census.viewers.vectors += vector
      census.viewers.lists += all - MemoryLayout<ViewerRow>.stride - vector
    }
    for slot in 0..<UInt32(min(road.titles.slots, road.titleCount)) {
      census.titles.rows += MemoryLayout<TitleRow>.stride
      census.titles.lists += road.titles.byteCount(slot) - MemoryLayout<TitleRow>.stride
    }
    census.viewers.ids = road.ids.viewers.byteCount
    census.titles.ids = road.ids.titles.byteCount
    census.titles.vectors = road.catalog.byteCount
    census.drift = road.metricFold.pointee.byteCount
    census.ring = road.dedup.byteCount
    return census
  }

  public struct Census: Sendable {
    public struct Part: Sendable {
      public var rows = 0
      public var vectors = 0
      public var lists = 0
      public var ids = 0
      public var total: Int { rows + vectors + lists + ids }
    }
    public var viewers = Part()
    /// Vectors: everything of the catalog.
    public var titles = Part()
    public var drift = 0
    public var ring = 0
  }
}

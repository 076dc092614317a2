import Bandits
import Events
import Glibc
import Kernels
import Learners
import Ports

/// Arms that learn from every event (`bandit.learn_from: events`).
public struct ArmOptions: Sendable, Equatable {
  public var layout = ContextLayout.w1
  /// Weight of the prior.
  public var lambda = 1.0
  /// Titles that have an arm.
  public var most = 50_000
  public init() {}

  /// Longest context.
  public static let mostSlots = 1024
  /// The first block of a layout that an event in hand cannot fill; nil = all can be filled.
  public static func refusedBlock(_ layout: ContextLayout) -> String? { EventContext.refused(by: layout) }
}

/// How the arms of all titles stand. Counts are since the start.
public struct ArmHealth: Sendable, Equatable {
  /// Titles that have an arm.
  public var count = 0
  public var learned: UInt64 = 0
  /// Events whose reward was no number.
  public var refused: UInt64 = 0
  /// Arms that gave way to another title's.
  public var evictions: UInt64 = 0
  /// Rebuilds and bytes of all; condition number and asymmetry are the largest of the last ``samples`` looked at.
  public var whole = ModelHealth()
  /// Looking at one costs a solve, so it is done at every 40th report, 10 s apart.
  static let looksPerSample = 40
  static let samples = 32
  public init() {}
}

/// Stage C of one shard, the arms: one *Inverse* model per title, moved by every event that carries an opinion.
///
/// Touches only arms of key slots it owns: a title's key slot is its id hash modulo 64 and belongs to one shard, so any
/// number of shards fills and evicts as one would.
///
/// - Complexity: O(dimension²) an event; allocates nothing once a turn of that size was seen.
struct ArmFold: ~Copyable {
  var table: ArmTable
  /// Titles whose arm is to be saved, or to be deleted where it has none any more.
  var saving = DirtySet()
  /// Titles that lost their arm and are to be published without one.
  var lost = DirtySet()
  private let shard: Int
  private let shards: Int
  private var batch: [ArmEvent] = []

  init(_ options: ArmOptions, expecting: Int, shard: Int, of shards: Int) {
    table = ArmTable(
      dimension: options.layout.dimension, lambda: Float(options.lambda), max: options.most, expecting: expecting)
    self.shard = shard
    self.shards = shards
  }

  static func shard(of key: UInt64, shards: Int) -> Int { Int(key % 64) % shards }

  /// Folds what this shard owns of a turn, in its order.
  mutating func fold(_ turn: UnsafeBufferPointer<ArmEvent>) {
    batch.removeAll(keepingCapacity: true)
    for event in turn where event.title != Event.none {
      guard shards == 1 || Self.shard(of: event.key, shards: shards) == shard else { continue }
      batch.append(event)
      saving.mark(event.title)
    }
    batch.withUnsafeBufferPointer { table.learn($0) }
    for title in table.evicted {
      saving.mark(title)
      lost.mark(title)
    }
    table.evicted.removeAll(keepingCapacity: true)
  }
}

/// The arms of all shards, and the contexts on their way from stage U to them.
///
/// U writes an event's context before it folds the event and completes it behind; C folds the turn, grouped by arm.
/// With one shard C runs on a thread of its own while the road reads on: turns that it has not come to wait together,
/// up to ``mostWaiting`` events, and fold as one group, which visits fewer arms. Nothing reads an arm without
/// ``settle()``.
final class ArmStage {
  /// Contexts and events of one turn, by their index in it.
  private struct Turn {
    var contexts: UnsafeMutablePointer<Float>
    var events: UnsafeMutablePointer<ArmEvent>
    var capacity: Int
    var count = 0
    /// Where the turn under way begins.
    var start = 0
  }
  /// Events that may wait for the thread.
  private static let mostWaiting = 65536
  /// Fewer are not worth a wake-up: whoever reads an arm next folds them.
  private static let leastHandedOver = 512

  let options: ArmOptions
  private let context: EventContext
  private let shards: Int
  private let folds: UnsafeMutablePointer<ArmFold>
  /// The turn that U fills, and the one that C folds.
  private var filling: Turn
  private var folding: Turn
  private let thread: BackgroundThread?
  private let zeros: UnsafeMutablePointer<Float>
  /// Layout and prior: what a saved row must have been learned under.
  private let fingerprint: UInt64
  /// Saved rows that were learned under others.
  private(set) var hasForeignRows = false

  init(_ options: ArmOptions, shards: Int, turnLimit: Int, expecting: Int, onOneThread: Bool) {
    self.options = options
    self.shards = shards
    context = EventContext(options.layout)
    folds = .allocate(capacity: shards)
    for shard in 0..<shards {
      (folds + shard).initialize(to: ArmFold(options, expecting: expecting / shards, shard: shard, of: shards))
    }
    thread = shards == 1 && !onOneThread ? BackgroundThread() : nil
    let room = thread == nil ? turnLimit : max(turnLimit, Self.mostWaiting)
    filling = Self.turn(room, context.padded)
    folding = thread == nil ? filling : Self.turn(room, context.padded)
    zeros = .allocate(capacity: context.dimension)
    zeros.initialize(repeating: 0, count: context.dimension)
    fingerprint = options.layout.fingerprint ^ options.lambda.bitPattern
  }

  deinit {
    thread?.stop()
    for shard in 0..<shards { (folds + shard).deinitialize(count: 1) }
    folds.deallocate()
    Self.free(filling, context.padded)
    if thread != nil { Self.free(folding, context.padded) }
    zeros.deallocate()
  }

  /// Address space; pages come as turns need them, so that a quiet worker holds little.
  private static func turn(_ capacity: Int, _ padded: Int) -> Turn {
    Turn(
      contexts: reserve(capacity * padded * 4).bindMemory(to: Float.self, capacity: capacity * padded),
      events: reserve(capacity * MemoryLayout<ArmEvent>.stride).bindMemory(to: ArmEvent.self, capacity: capacity),
      capacity: capacity)
  }

  private static func reserve(_ bytes: Int) -> UnsafeMutableRawPointer {
    let memory = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let memory, memory != MAP_FAILED else { fatalError("no memory for \(bytes) bytes of contexts") }
    madvise(memory, bytes, MADV_HUGEPAGE)
    return memory
  }

  private static func free(_ turn: Turn, _ padded: Int) {
    munmap(turn.contexts, turn.capacity * padded * 4)
    munmap(turn.events, turn.capacity * MemoryLayout<ArmEvent>.stride)
  }

  /// Touches memory for so many titles, and for turns in their largest form, before a measurement begins.
  func prefault(titles: Int) {
    settle()
    for turn in thread == nil ? [filling] : [filling, folding] {
      turn.contexts.initialize(repeating: 0, count: turn.capacity * context.padded)
      memset(turn.events, 0, turn.capacity * MemoryLayout<ArmEvent>.stride)
    }
    for shard in 0..<shards { folds[shard].table.prefault(titles: (titles + shards - 1) / shards) }
  }

  func stop() { thread?.stop() }

  // MARK: U

  /// Before a turn of so many records; between turns only.
  func begin(_ count: Int) {
    if filling.count + count > filling.capacity { handOver() }
    if count > filling.capacity {
      Self.free(filling, context.padded)
      filling = Self.turn(count, context.padded)
    }
    filling.start = filling.count
    filling.count += count
    for i in filling.start..<filling.count {
      (filling.events + i).initialize(
        to: ArmEvent(
          title: Event.none, key: 0, time: 0, reward: 0, x: UnsafePointer(filling.contexts + i * context.padded)))
    }
  }

  /// Before an event is folded: what its viewer is at that moment.
  @inline(__always)
  func note(
    _ index: Int, _ event: UnsafePointer<Event>, _ viewers: ViewerTable, _ catalog: Catalog
  ) {
    guard event.pointee.viewer != Event.none, event.pointee.title != Event.none else { return }
    switch event.pointee.kind {
    case .watch, .click, .rate, .interaction: break
    default: return
    }
    let stride = viewers.stride
    context.write(
      event, previous: viewers.row(event.pointee.viewer).pointee.previousReward,
      profile: stride > 0 ? UnsafePointer(viewers.vector(event.pointee.viewer)) : nil,
      content: catalog.title(event.pointee.title).pointee.vector, stride: stride,
      to: filling.contexts + (filling.start + index) * context.padded)
  }

  /// Behind it: an event with an opinion teaches its title's arm.
  @inline(__always)
  func complete(
    _ index: Int, _ event: UnsafePointer<Event>, _ effect: borrowing Effect, _ viewers: ViewerTable,
    _ ids: Identities
  ) {
    guard effect.flags.contains(.feedback), event.pointee.title != Event.none else { return }
    let reward = Float(effect.value)
    let own = filling.events + filling.start + index
    own.pointee.title = event.pointee.title
    own.pointee.key = ids.titles.hash(of: event.pointee.title)
    own.pointee.time = event.pointee.mergeTime
    own.pointee.reward = reward
    viewers.row(event.pointee.viewer).pointee.previousReward = reward
  }

  // MARK: C

  /// Whether the road's shards fold the arms themselves, behind the other stages of a turn.
  var foldsHere: Bool { thread == nil }

  /// Each shard folds its own.
  func fold(shard: Int) {
    folds[shard].fold(UnsafeBufferPointer(start: filling.events, count: filling.count))
  }

  /// Behind a turn: the thread gets what waits if it is free.
  func end() {
    guard let thread else { return filling.count = 0 }
    if filling.count >= Self.leastHandedOver, thread.isFree { handOver() }
  }

  /// The thread begins with what waits, once it is free.
  private func handOver() {
    guard let thread, filling.count > 0 else { return }
    thread.wait()
    swap(&filling, &folding)
    filling.count = 0
    let turn = UnsafeBufferPointer(start: folding.events, count: folding.count)
    let fold = folds
    thread.start { fold.pointee.fold(turn) }
  }

  /// Returns when every turn is folded. Before anything reads an arm.
  func settle() {
    guard let thread else { return }
    thread.wait()
    guard filling.count > 0 else { return }
    folds.pointee.fold(UnsafeBufferPointer(start: filling.events, count: filling.count))
    filling.count = 0
  }

  /// Titles that lost their arm since the last call. After ``settle()``.
  func takeLost(_ body: (UInt32) -> Void) {
    for shard in 0..<shards where !folds[shard].lost.isEmpty { folds[shard].lost.drain(body) }
  }

  // MARK: reading, after settle()

  private func shard(_ key: UInt64) -> Int { shards == 1 ? 0 : ArmFold.shard(of: key, shards: shards) }

  /// theta and number of updates of a title; zeros without an arm. Valid until the next turn.
  func arm(_ title: UInt32, key: UInt64) -> (theta: UnsafeBufferPointer<Float>, updates: UInt64) {
    let shard = shard(key)
    guard let theta = folds[shard].table.theta(title) else {
      return (UnsafeBufferPointer(start: zeros, count: context.dimension), 0)
    }
    return (theta, folds[shard].table.updates(title))
  }

  /// Whether a title has an arm.
  func contains(_ title: UInt32, key: UInt64) -> Bool { folds[shard(key)].table.contains(title) }

  // MARK: metrics

  private var looked = ArmHealth()
  private var looks = 0
  private var samples: [ModelHealth] = []

  /// What is exported of the arms. Called between turns; what the thread is at work on shows in a later call.
  ///
  /// - Complexity: every ``ArmHealth/looksPerSample``th call looks at one arm more, in turn: O(d³).
  func look() -> ArmHealth {
    guard thread?.isFree ?? true else { return looked }
    var health = ArmHealth()
    for shard in 0..<shards {
      health.count += folds[shard].table.count
      health.learned += UInt64(folds[shard].table.learned)
      health.refused += UInt64(folds[shard].table.refused)
      health.evictions += UInt64(folds[shard].table.evictions)
      health.whole.rebuilds += folds[shard].table.rebuilds
      health.whole.byteCount += folds[shard].table.byteCount
    }
    if looks % ArmHealth.looksPerSample == 0 {
      let sample = looks / ArmHealth.looksPerSample
      if let own = folds[sample % shards].table.health(ofArm: sample / shards) {
        if samples.count == ArmHealth.samples { samples.removeFirst() }
        samples.append(own)
      }
    }
    looks += 1
    health.whole.condition = samples.map(\.condition).max() ?? 1
    health.whole.asymmetry = samples.map(\.asymmetry).max() ?? 0
    looked = health
    return health
  }

  // MARK: state

  /// Rows of arms stand in the table of models from here on, by the slot of their title; other models below.
  static let firstRow = UInt32(1) << 31

  /// Appends every arm that changed since the last call. `[fingerprint u64][row of ArmTable]`.
  func save(into snapshot: inout Snapshot) {
    settle()
    for shard in 0..<shards {
      let fold = folds + shard
      fold.pointee.saving.drain { title in
        guard fold.pointee.table.contains(title) else { return snapshot.delete(.model, Self.firstRow + title) }
        snapshot.append(.model, Self.firstRow + title) { bytes in
          bytes.put(fingerprint)
          fold.pointee.table.encode(title, into: &bytes)
        }
      }
    }
  }

  /// The save of this row failed.
  func markUnsaved(_ title: UInt32, key: UInt64) {
    settle()
    folds[shard(key)].saving.mark(title)
  }

  /// Takes a saved row back; one that was learned under another layout or prior is only noticed.
  func load(_ title: UInt32, _ row: UnsafeRawBufferPointer) {
    guard row.count >= 40, row.loadUnaligned(as: UInt64.self) == fingerprint else {
      hasForeignRows = true
      return
    }
    let rest = UnsafeRawBufferPointer(rebasing: row[8...])
    if !folds[shard(ArmTable.key(ofRow: rest))].table.decode(title, rest) { hasForeignRows = true }
  }

  /// What a dump says of an arm; the inverse by its hash.
  func features(_ title: UInt32, key: UInt64, into sink: inout some FeatureSink) {
    let fold = folds + shard(key)
    var row: [UInt8] = []
    fold.pointee.table.encode(title, into: &row)
    guard let theta = fold.pointee.table.theta(title) else { return }
    sink.integer("updates", Int64(fold.pointee.table.updates(title)))
    sink.vector("theta", theta)
    sink.text("row", row.withUnsafeBytes { String(xxh3($0), radix: 16) })
  }
}

import CKernels
import Glibc
import Kernels

/// One reward for one title: what a turn hands to ``ArmTable``. The context stays where it is until `learn` returns.
public struct ArmEvent {
  /// Slot of the title.
  public var title: UInt32
  public var reward: Float
  /// Hash of the title's id: which of the 64 key slots it belongs to, and the last word in a tie.
  public var key: UInt64
  /// Event's place in time; the oldest last update gives way first.
  public var time: Int64
  /// Padded context (`ArmTable.padded` numbers, zeros behind the dimension), best at a multiple of 64 bytes.
  public var x: UnsafePointer<Float>
  public init(title: UInt32, key: UInt64, time: Int64, reward: Float, x: UnsafePointer<Float>) {
    self.title = title
    self.key = key
    self.time = time
    self.reward = reward
    self.x = x
  }
}

/// One *Inverse* model per title: count, theta and packed A^-1 in Float32, for at most so many titles.
///
/// A batch is grouped by title, first come first served, and each group is folded in one fused run of sweeps while
/// the next title's inverse is prefetched; the result is, bit for bit, that of one event after another. Titles beyond
/// the limit of their key slot (1/64 of `max`) take the place of the one there with the oldest last update (of equals
/// the lower key), so shards evict what one process would.
///
/// - Complexity: O(d²) an event, 23.3 KB a title at d = 100. Allocates nothing but, while growing, scratch.
public struct ArmTable: ~Copyable {
  /// Updates of an arm between two checks of its residual.
  public static let checkEvery: UInt64 = 1000
  private static let keySlots = 64

  struct Row {
    var title = UInt32.max
    var rebuilds: UInt32 = 0
    var count: UInt64 = 0
    var time = Int64.min
    var key: UInt64 = 0
  }

  public let dimension: Int
  public let padded: Int
  public let lambda: Float
  /// Most titles; a multiple of 64.
  public let max: Int
  /// Titles that have an arm.
  public private(set) var count = 0
  /// Inverses rebuilt in Double because a check failed, and titles that lost their arm, since the start.
  public private(set) var rebuilds: Int64 = 0
  public private(set) var evictions: Int64 = 0
  /// Events taken, and those refused because their reward is no number, since the start.
  public private(set) var learned: Int64 = 0
  public private(set) var refused: Int64 = 0
  /// Titles that lost their arm since the caller last emptied this; their saved rows are to be deleted.
  public var evicted: [UInt32] = []

  private let kernels: BanditKernels
  private let stride: Int
  private let inverses: UnsafeMutablePointer<Float>
  private let thetas: UnsafeMutablePointer<Float>
  private let byteCapacity: (inverses: Int, thetas: Int)
  private var rows: [Row] = []
  private var members: [[UInt32]]
  private var rowOf: [UInt32] = []
  // Scratch of a batch: per row the first and last event in it, per event the next of the same row.
  private var first: [Int32] = []
  private var last: [Int32] = []
  private var next: [Int32] = []
  private var touched: [UInt32] = []
  private var contexts: [UnsafePointer<Float>?] = []
  private var rewards: [Float] = []
  private let gain: UnsafeMutablePointer<Float>

  /// - Parameter expecting: Titles whose memory is touched now, so that no page fault meets an event.
  public init(
    dimension: Int = 100, lambda: Float = 1, max most: Int = 51_200, expecting: Int = 0,
    kernels: BanditKernels = .best
  ) {
    precondition(dimension >= 1 && dimension <= 1024, "an arm has 1 to 1024 slots")
    self.dimension = dimension
    self.lambda = lambda
    self.kernels = kernels
    max = Swift.max(Self.keySlots, (most + Self.keySlots - 1) / Self.keySlots * Self.keySlots)
    padded = BanditKernels.padded(dimension)
    stride = (BanditKernels.packedCount(dimension) + 15) / 16 * 16
    byteCapacity = (max * stride * 4, max * padded * 4)
    inverses = Self.reserve(byteCapacity.inverses)
    thetas = Self.reserve(byteCapacity.thetas)
    members = Array(repeating: [], count: Self.keySlots)
    gain = .allocate(capacity: padded)
    gain.initialize(repeating: 0, count: padded)
    prefault(titles: expecting)
  }

  /// Touches memory for so many titles beyond those that are there, so that no page fault meets an event.
  public mutating func prefault(titles: Int) {
    let from = rows.count
    let to = Swift.min(from + titles, max)
    guard from < to else { return }
    memset(inverses + from * stride, 0, (to - from) * stride * 4)
    memset(thetas + from * padded, 0, (to - from) * padded * 4)
    rows.reserveCapacity(to)
  }

  deinit {
    munmap(inverses, byteCapacity.inverses)
    munmap(thetas, byteCapacity.thetas)
    gain.deallocate()
  }

  /// Address space without pages; huge ones where the kernel gives them.
  private static func reserve(_ bytes: Int) -> UnsafeMutablePointer<Float> {
    let memory = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    guard let memory, memory != MAP_FAILED else { fatalError("no address space for \(bytes) bytes of arms") }
    madvise(memory, bytes, MADV_HUGEPAGE)
    return memory.bindMemory(to: Float.self, capacity: bytes / 4)
  }

  /// Folds a batch in its order.
  public mutating func learn(_ batch: UnsafeBufferPointer<ArmEvent>) {
    if next.count < batch.count { next = Array(repeating: -1, count: batch.count) }
    touched.removeAll(keepingCapacity: true)
    for i in batch.indices {
      let event = batch[i]
      guard event.reward.isFinite else {
        refused += 1
        continue
      }
      learned += 1
      let row = Int(place(event.title, key: event.key, at: event.time))
      rows[row].time = Swift.max(rows[row].time, event.time)
      next[i] = -1
      if first[row] < 0 {
        first[row] = Int32(truncatingIfNeeded: i)
        touched.append(UInt32(truncatingIfNeeded: row))
      } else {
        next[Int(last[row])] = Int32(truncatingIfNeeded: i)
      }
      last[row] = Int32(truncatingIfNeeded: i)
    }
    for at in touched.indices {
      let row = Int(touched[at])
      var event = Int(first[row])
      if event < 0 { continue }
      first[row] = -1
      contexts.removeAll(keepingCapacity: true)
      rewards.removeAll(keepingCapacity: true)
      while event >= 0 {
        contexts.append(batch[event].x)
        rewards.append(batch[event].reward)
        event = Int(next[event])
      }
      fold(row, next: at + 1 < touched.count ? inverses + Int(touched[at + 1]) * stride : nil)
    }
  }

  /// Folds the gathered events into a row; stops at each thousandth update for the check.
  private mutating func fold(_ row: Int, next ahead: UnsafeMutablePointer<Float>?) {
    var done = 0
    var failed = 0
    let inverse = inverses + row * stride
    let theta = thetas + row * padded
    while done < contexts.count {
      let untilCheck = Int(Self.checkEvery - rows[row].count % Self.checkEvery)
      let n = Swift.min(untilCheck, contexts.count - done)
      let folded = contexts.withUnsafeBufferPointer { x in
        rewards.withUnsafeBufferPointer { r in
          Float.learn(
            kernels, dimension, inverse, theta, x.baseAddress! + done, r.baseAddress! + done, n, next: ahead,
            last: gain)
        }
      }
      rows[row].count += UInt64(folded)
      done += folded
      if folded < n {
        failed = folded > 0 ? 1 : failed + 1
        if failed > 1 { done += 1 }  // not the inverse's fault: this context is left out
        rebuild(row)
      } else if folded == untilCheck {
        failed = 0
        let residual = InverseRepair.residual(kernels, dimension, inverse, contexts[done - 1]!, last: gain)
        if !(residual <= InverseRepair.tolerance(Float.self)) { rebuild(row) }
      } else {
        failed = 0
      }
    }
  }

  private mutating func rebuild(_ row: Int) {
    rebuilds += 1
    rows[row].rebuilds += 1
    let saved = InverseRepair.rebuild(
      dimension, inverses + row * stride, thetas + row * padded, lambda: Double(lambda))
    if !saved { rows[row].count = 0 }
  }

  /// The row of a title, made or taken over if need be.
  private mutating func place(_ title: UInt32, key: UInt64, at time: Int64) -> UInt32 {
    let slot = Int(title)
    if slot < rowOf.count, rowOf[slot] != .max { return rowOf[slot] }
    if slot >= rowOf.count {
      rowOf.append(contentsOf: repeatElement(.max, count: Swift.max(slot + 1, rowOf.count * 2) - rowOf.count))
    }
    let keySlot = Int(key % UInt64(Self.keySlots))
    let row: Int
    if members[keySlot].count < max / Self.keySlots {
      row = rows.count
      rows.append(Row())
      first.append(-1)
      last.append(-1)
      members[keySlot].append(UInt32(row))
      count += 1
    } else {
      row = oldest(in: keySlot)
      rowOf[Int(rows[row].title)] = .max
      evicted.append(rows[row].title)
      evictions += 1
      first[row] = -1
    }
    InverseRepair.reset(dimension, inverses + row * stride, thetas + row * padded, lambda: Double(lambda))
    rows[row] = Row(title: title, time: time, key: key)
    rowOf[slot] = UInt32(row)
    return UInt32(row)
  }

  private func oldest(in keySlot: Int) -> Int {
    var best = Int(members[keySlot][0])
    for member in members[keySlot] {
      let row = Int(member)
      if (rows[row].time, rows[row].key) < (rows[best].time, rows[best].key) { best = row }
    }
    return best
  }

  private func row(_ title: UInt32) -> Int? {
    let slot = Int(title)
    return slot < rowOf.count && rowOf[slot] != .max ? Int(rowOf[slot]) : nil
  }

  public func contains(_ title: UInt32) -> Bool { row(title) != nil }
  /// Updates of a title's arm; 0 without one.
  public func updates(_ title: UInt32) -> UInt64 { row(title).map { rows[$0].count } ?? 0 }

  /// theta of a title, `dimension` numbers, valid until the table changes; nil = no arm.
  public func theta(_ title: UInt32) -> UnsafeBufferPointer<Float>? {
    row(title).map { UnsafeBufferPointer(start: thetas + $0 * padded, count: dimension) }
  }

  /// The packed inverse, for scoring where it lives; nil = no arm.
  public func inverse(_ title: UInt32) -> UnsafePointer<Float>? {
    row(title).map { UnsafePointer(inverses + $0 * stride) }
  }

  /// theta·x and √(xᵀ A^-1 x); an unknown title has the prior's.
  public func estimate(_ title: UInt32, _ x: UnsafePointer<Float>) -> (mean: Float, width: Float) {
    guard let row = row(title) else {
      let square = (0..<dimension).reduce(Float(0)) { $0 + x[$1] * x[$1] }
      return (0, (square / lambda).squareRoot())
    }
    var mean: Float = 0
    var width: Float = 0
    withUnsafePointer(to: Optional(UnsafePointer(inverses + row * stride))) { inverse in
      withUnsafePointer(to: Optional(UnsafePointer(thetas + row * padded))) { theta in
        withUnsafePointer(to: Optional(x)) { x in
          kernels.score(dimension, inverse: inverse, theta: theta, x: x, count: 1, mean: &mean, width: &width)
        }
      }
    }
    return (mean, width)
  }

  /// Bytes of a saved row: title's count, time, key and rebuilds, theta, packed inverse.
  public var rowByteCount: Int { 32 + (padded + BanditKernels.packedCount(dimension)) * 4 }

  /// Appends a title's row, little endian; nothing when it has none.
  ///
  /// - Complexity: one copy of `rowByteCount` bytes.
  public func encode(_ title: UInt32, into bytes: inout [UInt8]) {
    guard let row = row(title) else { return }
    bytes.append(little: rows[row].count)
    bytes.append(little: UInt64(bitPattern: rows[row].time))
    bytes.append(little: rows[row].key)
    bytes.append(little: UInt64(rows[row].rebuilds))
    bytes.append(contentsOf: UnsafeRawBufferPointer(start: thetas + row * padded, count: padded * 4))
    bytes.append(
      contentsOf: UnsafeRawBufferPointer(
        start: inverses + row * stride, count: BanditKernels.packedCount(dimension) * 4))
  }

  /// The key in a saved row of at least 24 bytes.
  public static func key(ofRow bytes: UnsafeRawBufferPointer) -> UInt64 {
    UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self))
  }

  /// Puts a saved row back, in any order of rows; false when the bytes are not one of this dimension. Where there are
  /// more of them than places (the limit was lowered), the youngest stay.
  public mutating func decode(_ title: UInt32, _ bytes: UnsafeRawBufferPointer) -> Bool {
    guard bytes.count == rowByteCount else { return false }
    func word(_ at: Int) -> UInt64 {
      UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: at * 8, as: UInt64.self))
    }
    let time = Int64(bitPattern: word(1))
    let keySlot = Int(word(2) % UInt64(Self.keySlots))
    if !contains(title), members[keySlot].count == max / Self.keySlots {
      let oldest = rows[oldest(in: keySlot)]
      guard (oldest.time, oldest.key) < (time, word(2)) else {
        evicted.append(title)
        return true
      }
    }
    let row = Int(place(title, key: word(2), at: time))
    rows[row].count = word(0)
    rows[row].time = time
    rows[row].rebuilds = UInt32(truncatingIfNeeded: word(3))
    memcpy(thetas + row * padded, bytes.baseAddress! + 32, padded * 4)
    memcpy(inverses + row * stride, bytes.baseAddress! + 32 + padded * 4, BanditKernels.packedCount(dimension) * 4)
    return true
  }

  /// Memory of all arms.
  public var byteCount: Int { count * (stride + padded) * MemoryLayout<Float>.stride }

  /// How one arm's inverse stands: bound of its condition number, asymmetry; nil without arms.
  ///
  /// - Parameter number: Any; arms are numbered around.
  /// - Complexity: O(d³); about 0.3 ms at d = 100.
  public func health(ofArm number: Int) -> ModelHealth? {
    guard !rows.isEmpty else { return nil }
    return InverseRepair.health(dimension, inverses + number % rows.count * stride)
  }

  /// Largest asymmetry among all arms; a walk over all memory.
  public func asymmetry() -> Double {
    rows.indices.reduce(0) { Swift.max($0, InverseRepair.asymmetry(dimension, inverses + $1 * stride)) }
  }
}

/// Σ x xᵀ and Σ r x of one model, per event-time bucket; decay is applied when it is read.
///
/// In the production format the entries are integers: sums of shards, machines and replays add up to the same bits
/// in whatever order. A bucket is an eighth of the half-life wide and weighs 2^(-age/8) by its age in buckets; after
/// ``kept`` buckets (eight half-lives, weight 1/256) it is dropped. Without a half-life there is one bucket.
public struct Sums<F: NumberFormat>: Sendable {
  public static var kept: Int64 { 64 }

  struct Bucket: Sendable {
    var index: Int64
    var count: Int64 = 0
    var a: [F.Cell]
    var b: [F.Cell]
    /// Changed since it was last taken by ``drainChanged(_:)``.
    var isChanged = true
    /// Number of its stored row; 0 = none yet.
    var row: UInt32 = 0
  }

  public let scale: ContextScale
  /// Event time after which a decision weighs half, in the unit of the caller's times (the worker: ms); 0 = never.
  public let halfLife: Int64
  /// Decisions that came more than ``kept`` buckets late; a counter of this process, no part of the state.
  public private(set) var tooOld: Int64 = 0
  private(set) var buckets: [Bucket] = []
  /// Stored rows of buckets that were dropped.
  private var droppedRows: [UInt32] = []
  private var cells: [F.Cell]

  public init(scale: ContextScale, halfLife: Int64 = 0) {
    precondition(halfLife >= 0, "a half-life is positive, or 0 for none")
    self.scale = scale
    self.halfLife = halfLife
    cells = Array(repeating: 0, count: scale.dimension)
  }

  public var dimension: Int { scale.dimension }
  public var isEmpty: Bool { buckets.isEmpty }
  public var byteCount: Int { buckets.count * (Triangle.count(dimension) + dimension + 2) * 8 }
  public func bucket(of time: Int64) -> Int64 { Self.bucket(of: time, halfLife: halfLife) }

  static func bucket(of time: Int64, halfLife: Int64) -> Int64 {
    if halfLife == 0 { return 0 }
    let width = max(1, halfLife / 8)
    return time >= 0 ? time / width : -((-time + width - 1) / width)
  }

  /// 2^(-age/8): what a bucket so many buckets old weighs.
  static func weight(age: Int64) -> Double {
    eighths[Int(age % 8)] * Double(sign: .plus, exponent: -Int(age / 8), significand: 1)
  }

  /// One decision: A += x xᵀ, b += r x. Allocates only when a bucket opens.
  ///
  /// - Parameter sign: -1 takes a decision out that was added before; exact in the production format.
  public mutating func add(_ x: UnsafePointer<Double>, reward: Double, at time: Int64, sign: F.Cell = 1) {
    guard let at = open(bucket(of: time)) else { return }
    let d = dimension
    for i in 0..<d { cells[i] = F.cell(context: x[i], step: scale.steps[i]) }
    let r = F.cell(reward: reward) * sign
    buckets[at].count += sign == 1 ? 1 : -1
    buckets[at].isChanged = true
    cells.withUnsafeBufferPointer { q in
      buckets[at].a.withUnsafeMutableBufferPointer { a in
        for i in 0..<d {
          let f = q[i] * sign
          if f == 0 { continue }
          let row = a.baseAddress! + Triangle.row(i)
          for j in 0...i { row[j] += f * q[j] }
        }
      }
      buckets[at].b.withUnsafeMutableBufferPointer { b in
        for i in 0..<d { b[i] += r * q[i] }
      }
    }
  }

  /// Lends a context and a reward as this format keeps them, so that a tracked snapshot learns what the sums did.
  @inline(__always)
  func rounded(_ x: UnsafePointer<Double>, _ reward: Double, _ body: (UnsafePointer<Double>, Double) -> Void) {
    withUnsafeTemporaryAllocation(of: Double.self, capacity: dimension) { kept in
      for i in 0..<dimension { kept[i] = F.value(F.cell(context: x[i], step: scale.steps[i]), step: scale.steps[i]) }
      body(kept.baseAddress!, F.value(F.cell(reward: reward), step: F.rewardStep))
    }
  }

  /// The reward of a decision already added has changed: b only. `time` is the decision's own.
  public mutating func correct(_ x: UnsafePointer<Double>, from old: Double, to new: Double, at time: Int64) {
    guard let at = open(bucket(of: time)) else { return }
    buckets[at].isChanged = true
    let change = F.cell(reward: new) - F.cell(reward: old)
    for i in 0..<dimension { buckets[at].b[i] += change * F.cell(context: x[i], step: scale.steps[i]) }
  }

  /// Adds another's sums; exact in the production format.
  public mutating func merge(_ other: Sums) {
    precondition(other.scale == scale && other.halfLife == halfLife, "sums of one layout and half-life add up")
    tooOld += other.tooOld
    for theirs in other.buckets {
      guard let at = open(theirs.index) else { continue }
      buckets[at].isChanged = true
      buckets[at].count += theirs.count
      for i in theirs.a.indices { buckets[at].a[i] += theirs.a[i] }
      for i in theirs.b.indices { buckets[at].b[i] += theirs.b[i] }
    }
  }

  /// Decayed sums as of a time, added onto `a` and `b`; returns the decayed count.
  public func read(at time: Int64, into a: inout [Double], _ b: inout [Double]) -> Double {
    let now = bucket(of: time)
    var total = 0.0
    for bucket in buckets {
      let age = max(0, now - bucket.index)
      if age >= Self.kept { continue }
      let weight = Self.weight(age: age)
      total += weight * Double(bucket.count)
      bucket.a.withUnsafeBufferPointer { from in
        a.withUnsafeMutableBufferPointer { to in
          for i in 0..<dimension {
            let row = Triangle.row(i)
            let step = scale.steps[i]
            for j in 0...i { to[row + j] += weight * F.value(from[row + j], step: step * scale.steps[j]) }
          }
        }
      }
      for i in 0..<dimension { b[i] += weight * F.rewardStep * F.value(bucket.b[i], step: scale.steps[i]) }
    }
    return total
  }

  /// Decayed count and Σ r of sums with one slot whose context is always 1.
  func single(at time: Int64) -> (n: Double, successes: Double) {
    let now = bucket(of: time)
    var total = (n: 0.0, successes: 0.0)
    for bucket in buckets {
      let age = max(0, now - bucket.index)
      if age >= Self.kept { continue }
      let weight = Self.weight(age: age)
      total.n += weight * Double(bucket.count)
      total.successes += weight * F.rewardStep * F.value(bucket.b[0], step: scale.steps[0])
    }
    return total
  }

  /// Index of a bucket, opened if need be; nil when it lies too far back.
  private mutating func open(_ index: Int64) -> Int? {
    var at = buckets.count
    while at > 0, buckets[at - 1].index > index { at -= 1 }
    if at > 0, buckets[at - 1].index == index { return at - 1 }
    if let newest = buckets.last?.index, newest - index >= Self.kept {
      tooOld += 1
      return nil
    }
    let d = dimension
    buckets.insert(
      Bucket(index: index, a: Array(repeating: 0, count: Triangle.count(d)), b: Array(repeating: 0, count: d)), at: at)
    let oldest = buckets[buckets.count - 1].index - Self.kept
    if buckets[0].index <= oldest {
      droppedRows += buckets.lazy.filter { $0.index <= oldest && $0.row > 0 }.map(\.row)
      buckets.removeAll { $0.index <= oldest }
      return buckets.firstIndex { $0.index == index }
    }
    return at
  }
}

/// 2^(-k/8).
private let eighths: [Double] = [
  1, 0.9170040432046712, 0.8408964152537145, 0.7711054127039704, 0.7071067811865476, 0.6484197773255048,
  0.5946035575013605, 0.5452538663326288,
]

extension Sums: BanditState {
  public func encode(into bytes: inout [UInt8]) {
    bytes.append(little: UInt64(buckets.count))
    for bucket in buckets { Self.encode(bucket, into: &bytes) }
  }

  public mutating func decode(_ reader: inout StateReader) -> Bool {
    guard let n = reader.word(), n <= UInt64(Self.kept) else { return false }
    buckets.removeAll()
    for _ in 0..<n {
      guard let index = reader.word(), let count = reader.word(),
        let a = reader.words(Triangle.count(dimension)), let b = reader.words(dimension)
      else { return false }
      buckets.append(
        Bucket(
          index: Int64(bitPattern: index), count: Int64(bitPattern: count), a: a.map(F.cell(bits:)),
          b: b.map(F.cell(bits:))))
    }
    return true
  }
}

/// Sums as stored rows, a bucket each, so that a checkpoint writes what changed.
extension Sums {
  /// Hands out every bucket that changed since the last call, and forgets that.
  ///
  /// - Parameter body: Takes the number of its row (0 = it needs one) and its bytes, and returns the number.
  mutating func drainChanged(_ body: (_ row: UInt32, _ bytes: [UInt8]) -> UInt32) {
    for at in buckets.indices where buckets[at].isChanged {
      var bytes: [UInt8] = []
      Self.encode(buckets[at], into: &bytes)
      buckets[at].isChanged = false
      buckets[at].row = body(buckets[at].row, bytes)
    }
  }

  /// Rows that nothing stands in any more.
  mutating func takeDroppedRows() -> [UInt32] {
    defer { droppedRows.removeAll() }
    return droppedRows
  }

  mutating func markAllChanged() { for at in buckets.indices { buckets[at].isChanged = true } }

  static func encode(_ bucket: Bucket, into bytes: inout [UInt8]) {
    bytes.append(little: UInt64(bitPattern: bucket.index))
    bytes.append(little: UInt64(bitPattern: bucket.count))
    for cell in bucket.a { bytes.append(little: F.bits(cell)) }
    for cell in bucket.b { bytes.append(little: F.bits(cell)) }
  }

  /// Takes one stored bucket back.
  mutating func restore(_ reader: inout StateReader, row: UInt32) -> Bool {
    guard let index = reader.word(), let count = reader.word(), let a = reader.words(Triangle.count(dimension)),
      let b = reader.words(dimension)
    else { return false }
    var bucket = Bucket(
      index: Int64(bitPattern: index), count: Int64(bitPattern: count), a: a.map(F.cell(bits:)),
      b: b.map(F.cell(bits:)))
    bucket.isChanged = false
    bucket.row = row
    let at = buckets.firstIndex { $0.index > bucket.index } ?? buckets.count
    buckets.insert(bucket, at: at)
    return true
  }

  /// Index, count, Σ r x and Σ x xᵀ of every bucket, oldest first.
  var rows: [(index: Int64, count: Int64, b: [F.Cell], a: [F.Cell])] {
    buckets.map { ($0.index, $0.count, $0.b, $0.a) }
  }
}

import Testing

@testable import Bandits

/// Padded contexts in stable memory.
private final class Contexts {
  let x: UnsafeMutablePointer<Float>
  let padded: Int
  init(count: Int, dimension: Int, seed: UInt64) {
    padded = BanditKernels.padded(dimension)
    x = .allocate(capacity: count * padded)
    x.initialize(repeating: 0, count: count * padded)
    var random = SplitMix(seed: seed)
    for k in 0..<count { for i in 0..<dimension { x[k * padded + i] = Float(random.uniform() * 2 - 1) } }
  }
  deinit { x.deallocate() }
  func at(_ k: Int) -> UnsafePointer<Float> { UnsafePointer(x + k * padded) }
}

/// One arm that some kernels taught, from the prior on.
private struct TaughtArm {
  var inverse: [Float]
  var theta: [Float]
  var last: [Float]
  /// Events taken.
  var count = 0

  init(_ kernels: BanditKernels, fused: Bool, _ d: Int, lambda: Double, _ contexts: Contexts, _ rewards: [Float]) {
    var pointers: [UnsafePointer<Float>?] = rewards.indices.map { contexts.at($0) }
    inverse = [Float](repeating: 0, count: BanditKernels.packedCount(d))
    theta = [Float](repeating: 0, count: BanditKernels.padded(d))
    last = theta
    InverseRepair.reset(d, &inverse, &theta, lambda: lambda)
    count =
      fused
      ? Float.learn(kernels, d, &inverse, &theta, &pointers, rewards, rewards.count, next: nil, last: &last)
      : kernels.learnPlainly(d, &inverse, &theta, &pointers, rewards, rewards.count, last: &last)
  }
}

@Suite struct KernelTests {
  @Test(arguments: [1, 2, 7, 15, 16, 17, 31, 33, 99, 100, 101, 112, 128])
  func `every variant, fused or not, equals the plain loop bit for bit`(d: Int) {
    let contexts = Contexts(count: 24, dimension: d, seed: UInt64(d))
    let rewards = (0..<24).map { Float($0 % 5) / 4 }
    func run(_ kernels: BanditKernels, fused: Bool) -> [UInt32] {
      let arm = TaughtArm(kernels, fused: fused, d, lambda: 1, contexts, rewards)
      #expect(arm.count == 24)
      var mean: Float = 0
      var width: Float = 0
      arm.inverse.withUnsafeBufferPointer { a in
        arm.theta.withUnsafeBufferPointer { t in
          var (inverses, thetas, x) = (a.baseAddress, t.baseAddress, Optional(contexts.at(3)))
          kernels.score(d, inverse: &inverses, theta: &thetas, x: &x, count: 1, mean: &mean, width: &width)
        }
      }
      return (arm.inverse + arm.theta + arm.last + [mean, width]).map(\.bitPattern)
    }
    let plain = run(BanditKernels.all[0], fused: false)
    for kernels in BanditKernels.all {
      #expect(run(kernels, fused: true) == plain, "\(kernels.name), fused")
      #expect(run(kernels, fused: false) == plain, "\(kernels.name)")
    }
  }

  /// Sizes, counts and magnitudes drawn, some contexts no numbers: whatever comes, all variants do the same.
  @Test(arguments: 1...24) func `fuzzed, every variant equals the plain loop bit for bit`(seed: Int) {
    var random = SplitMix(seed: UInt64(seed) * 7919)
    let (d, count) = (1 + random.below(130), 1 + random.below(40))
    let contexts = Contexts(count: count, dimension: d, seed: UInt64(seed))
    for k in 0..<count {
      let size = [1e-20, 1e-3, 1, 30][random.below(4)] as Float
      for i in 0..<d { contexts.x[k * contexts.padded + i] *= random.below(9) == 0 ? 0 : size }
      if random.below(12) == 0 {
        contexts.x[k * contexts.padded + random.below(d)] = [.nan, .infinity, 3e38, -0.0][random.below(4)]
      }
    }
    let rewards = (0..<count).map { _ in Float(random.uniform() * 2 - 1) }
    func run(_ kernels: BanditKernels, fused: Bool) -> [UInt32] {
      let arm = TaughtArm(kernels, fused: fused, d, lambda: 0.5, contexts, rewards)
      return (arm.inverse + arm.theta).map(\.bitPattern) + [UInt32(arm.count)]
    }
    let plain = run(BanditKernels.all[0], fused: false)
    for kernels in BanditKernels.all {
      #expect(run(kernels, fused: true) == plain, "\(kernels.name), fused, d \(d), \(count) events")
      #expect(run(kernels, fused: false) == plain, "\(kernels.name), d \(d), \(count) events")
    }
  }

  @Test func `updates agree with a solve in Double`() {
    let d = 20
    let scale = ContextScale(dimension: d, limit: 1)
    var inverse = InverseModel<Production>(scale: scale)
    var solved = DisjointModel<Exact>(scale: scale)
    var random = SplitMix(seed: 5)
    for _ in 0..<500 {
      let x = (0..<d).map { _ in random.uniform() * 2 - 1 }
      let reward = random.uniform()
      inverse.learn(0, x, reward: reward, at: 0)
      solved.learn(0, x, reward: reward, at: 0)
    }
    solved.publish(at: 0)
    let probe = (0..<d).map { _ in random.uniform() }
    let (a, b) = (inverse.estimate(0, probe), solved.estimate(0, probe))
    #expect(abs(a.mean - b.mean) < 1e-4 && abs(a.width - b.width) < 1e-4)
  }

  @Test func `a broken inverse is noticed and repaired in Double`() {
    let d = 18
    var inverse = [Float](repeating: 0, count: BanditKernels.packedCount(d))
    var theta = [Float](repeating: 0, count: BanditKernels.padded(d))
    var last = theta
    InverseRepair.reset(d, &inverse, &theta, lambda: 1)
    inverse[BanditKernels.row(3) + 3] = -4
    let contexts = Contexts(count: 1, dimension: d, seed: 1)
    for i in 0..<d { contexts.x[i] = i == 3 ? 1 : 0 }
    var x: UnsafePointer<Float>? = contexts.at(0)
    var reward: Float = 1
    let broken = Float.learn(.best, d, &inverse, &theta, &x, &reward, 1, next: nil, last: &last)
    let isRepaired = InverseRepair.rebuild(d, &inverse, &theta, lambda: 1)
    #expect(broken == 0 && isRepaired)
    #expect(inverse[BanditKernels.row(3) + 3] > 0)
    let again = Float.learn(.best, d, &inverse, &theta, &x, &reward, 1, next: nil, last: &last)
    theta[2] = .nan
    let isSaved = InverseRepair.rebuild(d, &inverse, &theta, lambda: 2)
    #expect(again == 1 && !isSaved)
    #expect(theta[2] == 0 && inverse[BanditKernels.row(5) + 5] == 0.5)
  }
}

@Suite struct ArmTableTests {
  private func log(_ count: Int, titles: Int, seed: UInt64, _ contexts: Contexts) -> [ArmEvent] {
    var random = SplitMix(seed: seed)
    return (0..<count).map { i in
      let title = UInt32(random.below(titles))
      return ArmEvent(
        title: title, key: Draws.mix(UInt64(title)), time: Int64(i), reward: Float(random.uniform()),
        x: contexts.at(i % 64))
    }
  }
  private func bytes(_ table: borrowing ArmTable, titles: Int) -> [UInt8] {
    var all: [UInt8] = []
    for title in 0..<titles { table.encode(UInt32(title), into: &all) }
    return all
  }

  @Test(arguments: [1, 7, 64, 1000])
  func `batches of any size, and shards, leave the same bytes`(batch: Int) {
    let contexts = Contexts(count: 64, dimension: 100, seed: 2)
    let events = log(1000, titles: 150, seed: 4, contexts)
    func fold(_ size: Int, shards: Int) -> [UInt8] {
      var all: [UInt8] = []
      var parts: [Int: [UInt8]] = [:]
      for shard in 0..<shards {
        var table = ArmTable(max: 64, expecting: 10)  // one arm per key slot: titles push each other out
        let own = events.filter { Int($0.key % 64) % shards == shard }
        for start in stride(from: 0, to: own.count, by: size) {
          own[start..<min(own.count, start + size)].withUnsafeBufferPointer { table.learn($0) }
        }
        let (count, evictions) = (table.count, table.evictions)
        #expect(count <= 64 && evictions > 0)
        for title in 0..<150 {
          var row: [UInt8] = []
          table.encode(UInt32(title), into: &row)
          if !row.isEmpty { parts[title] = row }
        }
      }
      for title in 0..<150 { all += parts[title] ?? [] }
      return all
    }
    #expect(fold(batch, shards: 1) == fold(333, shards: 4))
  }

  @Test func `a row is saved, put back and goes on alike`() {
    let contexts = Contexts(count: 64, dimension: 100, seed: 2)
    let events = log(4000, titles: 3, seed: 4, contexts)
    var table = ArmTable(max: 64)
    events[..<3000].withUnsafeBufferPointer { table.learn($0) }
    var copy = ArmTable(max: 64)
    for title: UInt32 in 0..<3 {
      var row: [UInt8] = []
      table.encode(title, into: &row)
      let size = table.rowByteCount
      #expect(row.count == size)
      let isRead = row.withUnsafeBytes { copy.decode(title, $0) }
      let isShortRead = row.dropLast().withUnsafeBytes { copy.decode(title, $0) }
      #expect(isRead && !isShortRead)
    }
    events[3000...].withUnsafeBufferPointer { table.learn($0) }
    events[3000...].withUnsafeBufferPointer { copy.learn($0) }
    let (own, other) = (bytes(table, titles: 3), bytes(copy, titles: 3))
    #expect(own == other)
    let updates = table.updates(0) + table.updates(1) + table.updates(2)
    let (size, unknown, rebuilds) = (table.theta(1)?.count, table.theta(9)?.count, table.rebuilds)
    #expect(updates == 4000 && size == 100 && unknown == nil && rebuilds == 0)
  }

  @Test func `the arm with the oldest last update gives way, of equals the lower key`() {
    let contexts = Contexts(count: 1, dimension: 4, seed: 1)
    var table = ArmTable(dimension: 4, max: 128)
    func learn(_ title: UInt32, key: UInt64, at time: Int64) {
      let event = [ArmEvent(title: title, key: key, time: time, reward: 1, x: contexts.at(0))]
      event.withUnsafeBufferPointer { table.learn($0) }
    }
    learn(1, key: 64, at: 10)
    learn(2, key: 128, at: 10)
    learn(3, key: 1, at: 1)  // another key slot
    learn(4, key: 192, at: 20)
    let there = (1...4).map { table.contains($0) }
    let evicted = table.evicted
    #expect(there == [false, true, true, true] && evicted == [1])
    learn(2, key: 128, at: 30)
    learn(1, key: 64, at: 40)
    let (isFour, one, two) = (table.contains(4), table.updates(1), table.updates(2))
    #expect(!isFour && one == 1 && two == 2)
  }

  @Test func `a reward that is no number changes nothing`() {
    let contexts = Contexts(count: 1, dimension: 4, seed: 1)
    var table = ArmTable(dimension: 4, max: 64)
    let event = [ArmEvent(title: 1, key: 1, time: 1, reward: .nan, x: contexts.at(0))]
    event.withUnsafeBufferPointer { table.learn($0) }
    let count = table.count
    #expect(count == 0)
  }

  @Test func `a context that is no number, a constant one and twins do no harm`() {
    let contexts = Contexts(count: 4, dimension: 4, seed: 1)
    for i in 0..<4 { contexts.x[contexts.padded + i] = i == 2 ? .nan : 1 }
    for i in 0..<4 { contexts.x[2 * contexts.padded + i] = i == 1 ? .infinity : 1 }
    for i in 0..<4 { contexts.x[3 * contexts.padded + i] = 1 }
    var table = ArmTable(dimension: 4, max: 64 * 4)
    func event(_ title: UInt32, _ reward: Float, _ x: Int) -> ArmEvent {
      ArmEvent(title: title, key: UInt64(title), time: 1, reward: reward, x: contexts.at(x))
    }
    var batch: [ArmEvent] = []
    for _ in 0..<300 {
      batch += [event(1, 0.7, 3), event(1, 1, 1), event(2, 0.7, 3), event(1, 1, 2), event(3, 0, 3)]
    }
    batch.withUnsafeBufferPointer { table.learn($0) }
    let believed = (1...4).map { table.estimate($0, contexts.at(3)) }
    for (mean, width) in believed { #expect(mean.isFinite && width.isFinite && width > 0) }
    #expect(abs(believed[1].mean - 0.7) < 0.01 && abs(believed[0].mean - believed[1].mean) < 0.01, "\(believed)")
    #expect(abs(believed[2].mean) < 1e-6 && believed[3].mean == 0 && believed[3].width == 2)
    let updates = (1...3).map { table.updates($0) }
    #expect(updates == [300, 300, 300], "contexts that are no numbers are left out")
    let asymmetry = table.asymmetry()
    #expect(asymmetry < 1e-3)
  }
}

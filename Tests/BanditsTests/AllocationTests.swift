import CountAllocations
import Testing

@testable import Bandits

/// Updates and scores allocate nothing: counted on the calling thread.
@Suite(.enabled(if: count_allocations_works() == 1)) struct AllocationTests {
  private func allocations(_ body: () -> Void) -> UInt {
    count_allocations_begin()
    body()
    return count_allocations_end()
  }

  private func events(_ x: UnsafeMutablePointer<Float>, titles: Int) -> [ArmEvent] {
    var random = SplitMix(seed: 3)
    for i in 0..<(64 * 112) { x[i] = i % 112 < 100 ? Float(random.uniform() - 0.5) : 0 }
    return (0..<20_000).map { i in
      let title = UInt32(random.below(titles))
      return ArmEvent(
        title: title, key: Draws.mix(UInt64(title)), time: Int64(i), reward: Float(random.uniform()),
        x: UnsafePointer(x + i % 64 * 112))
    }
  }

  @Test func `no update allocates once its arm and a batch of that size were seen`() {
    let x = UnsafeMutablePointer<Float>.allocate(capacity: 64 * 112)
    defer { x.deallocate() }
    let all = events(x, titles: 60)
    var table = ArmTable(max: 6400)
    all.withUnsafeBufferPointer { table.learn($0) }
    let count = all.withUnsafeBufferPointer { batch in
      allocations { for _ in 0..<3 { table.learn(batch) } }
    }
    let checked = table.updates(1)
    #expect(count == 0)
    #expect(checked > 1000, "the residual was looked at too")
  }

  @Test func `no score allocates`() {
    let x = UnsafeMutablePointer<Float>.allocate(capacity: 64 * 112)
    defer { x.deallocate() }
    let all = events(x, titles: 60)
    var table = ArmTable(max: 6400)
    all.withUnsafeBufferPointer { table.learn($0) }
    var inverses = (0..<60).map { table.inverse($0) }
    var thetas = (0..<60).map { table.theta($0)?.baseAddress }
    var contexts: [UnsafePointer<Float>?] = (0..<60).map { UnsafePointer(x + $0 * 112) }
    var (mean, width) = ([Float](repeating: 0, count: 60), [Float](repeating: 0, count: 60))
    let kernels = BanditKernels.best
    kernels.score(100, inverse: &inverses, theta: &thetas, x: &contexts, count: 60, mean: &mean, width: &width)
    let count = allocations {
      for _ in 0..<20 {
        kernels.score(100, inverse: &inverses, theta: &thetas, x: &contexts, count: 60, mean: &mean, width: &width)
      }
    }
    #expect(count == 0)
    #expect(width.allSatisfy { $0 > 0 })
  }
}

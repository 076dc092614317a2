import Testing

@testable import Bandits

/// A published snapshot answers as the model did, and is refused where a byte of it differs.
@Suite struct SnapshotTests {
  private func context(_ n: Int, _ d: Int) -> [Double] {
    var random = SplitMix(seed: UInt64(n))
    return (0..<d).map { $0 == 0 ? 1 : random.uniform() * 2 - 1 }
  }

  @Test func `a hybrid snapshot read back says what the model says`() throws {
    let d = 20
    let scale = ContextScale(dimension: d, limit: 1)
    var model = HybridModel<Production>(scale: scale, lambda: 1, rho: 60)
    for n in 0..<300 { model.learn(n % 3, context(n, d), reward: Double(n % 5) / 5, at: 0) }
    model.publish(at: 0)
    let spec = ModelSpec(name: "titles", learner: .hybrid, layout: "test", fingerprint: 7, dimension: d)
    let snapshot = ModelSnapshot(
      spec: spec, asOf: 5, decisions: 300, shared: model.solved.prior.part,
      arms: ["a", "b", "c"].enumerated().map { .init(name: $1, part: model.solved.arms[$0].part) })
    let read = try PublishedModel(decoding: snapshot.encoded)
    #expect(read.spec == spec && read.snapshot.asOf == 5 && read.snapshot.decisions == 300)
    for n in 0..<50 {
      let x = context(1000 + n, d)
      for (name, arm) in [("a", 0), ("b", 1), ("c", 2), ("new", 9)] {
        let expected = model.estimate(arm, x)
        let found = read.estimate(name, x)
        #expect(abs(found.mean - expected.mean) < 1e-6 && abs(found.width - expected.width) < 1e-5)
      }
    }
    let list = read.rank(["a", "new", "c"], contexts: [context(5, d)], slots: 3, decision: 1)
    #expect(list.count == 3 && list.allSatisfy { abs($0.row.reduce(0, +) - 1) < 1e-9 })
  }

  @Test func `every changed byte and every cut is noticed`() throws {
    let spec = ModelSpec(name: "m", learner: .shared, layout: "l", fingerprint: 1, dimension: 2)
    let snapshot = ModelSnapshot(
      spec: spec, asOf: 1, decisions: 2, shared: .init(weight: 2, theta: [1, 2], inverse: [1, 0, 1]), arms: [])
    let bytes = snapshot.encoded
    #expect(try ModelSnapshot(decoding: bytes) == snapshot)
    for i in bytes.indices {
      var torn = bytes
      torn[i] ^= 0x10
      #expect(throws: ModelSnapshot.Fault.self) { try ModelSnapshot(decoding: torn) }
      #expect(throws: ModelSnapshot.Fault.self) { try ModelSnapshot(decoding: Array(bytes[..<i])) }
    }
  }

  @Test func `what does not fit is left out from the least known arm on`() throws {
    let spec = ModelSpec(name: "m", learner: .disjoint, layout: "l", fingerprint: 1, dimension: 2)
    let arms = (0..<10).map {
      ModelSnapshot.Arm(name: "a\($0)", part: .init(weight: Double(($0 * 7) % 10), theta: [0, 0], inverse: [1, 0, 1]))
    }
    let snapshot = ModelSnapshot(spec: spec, asOf: 1, decisions: 2, shared: nil, arms: arms)
    let limit = snapshot.encoded.count - 100
    let small = try ModelSnapshot(decoding: try #require(snapshot.encoded(atMost: limit)))
    #expect(small.arms.count == 8 && small.leftOut == 2)
    #expect(!small.arms.contains { $0.part.weight < 2 })
    #expect(snapshot.encoded(atMost: 50) == nil)
  }
}

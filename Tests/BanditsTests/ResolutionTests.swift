import Learners
import Testing

@testable import Bandits

@Suite struct ResolutionTests {
  @Test(arguments: 0..<40)
  func `shuffled and repeated feedback resolves to the same reward and the same sums`(seed: Int) {
    var random = SplitMix(seed: UInt64(seed))
    let scale = ContextScale(dimension: 3, limit: 1)
    let kinds = RewardSignal.allCases
    let contexts = (0..<5).map { _ in (0..<3).map { _ in random.uniform() * 2 - 1 } }
    let feedback = (0..<30).map { i in
      let kind = kinds[random.below(kinds.count)]
      return (
        item: random.below(5),
        signal: Signal(
          stage: Int(kind.stage), time: Int64(random.below(500_000)), event: "e\(i)",
          reward: RewardTable.mediaV1.value(kind, completion: random.uniform(), stars: 1 + random.uniform() * 4))
      )
    }
    func fold(_ order: [Int]) -> ([PendingReward], [UInt8]) {
      var pending = (0..<5).map { PendingReward(start: 0, position: $0 + 1) }
      var sums = Sums<Production>(scale: scale, halfLife: 1000)
      for i in order {
        let item = feedback[i].item
        switch pending[item].take(feedback[i].signal, RewardWindows()).0 {
        case .learn(let r): sums.add(contexts[item], reward: r, at: 7)
        case .correct(let old, let new): sums.correct(contexts[item], from: old, to: new, at: 7)
        case .nothing: break
        }
      }
      var bytes: [UInt8] = []
      sums.encode(into: &bytes)
      return (pending, bytes)
    }
    let once = fold(Array(feedback.indices))
    var twice = Array(feedback.indices) + (0..<20).map { _ in random.below(feedback.count) }
    random.shuffle(&twice[...])
    let other = fold(twice)
    #expect(other.0 == once.0)
    #expect(other.1 == once.1)
  }

  @Test func `each stage has its own window, judged by event time`() {
    let windows = RewardWindows()
    var item = PendingReward(start: 1000, position: 1)
    let step7 = item.take(Signal(stage: 2, time: 301_001, event: "a", reward: 0.4), windows)
    #expect(step7.0 == .nothing && step7.1 == .late)
    let step8 = item.take(Signal(stage: 2, time: 999, event: "b", reward: 0.4), windows)
    #expect(step8.0 == .nothing && step8.1 == .late)
    let step9 = item.take(Signal(stage: 3, time: 301_001, event: "c", reward: 0.9), windows)
    #expect(step9.0 == .learn(0.9) && step9.1 == .joined)
    let step10 = item.take(Signal(stage: 2, time: 2000, event: "d", reward: 0.4), windows)
    #expect(step10.0 == .nothing && step10.1 == .outOfOrder)
    let step11 = item.take(Signal(stage: 4, time: 90_000_000, event: "e", reward: 0.9), windows)
    #expect(step11.0 == .nothing && step11.1 == .joined)
    let step12 = item.take(Signal(stage: 4, time: 90_000_001, event: "f", reward: -1), windows)
    #expect(step12.0 == .correct(from: 0.9, to: -1) && step12.1 == .joined)
    #expect(item.due(windows) == 1000 + windows.explicit)
  }

  @Test func `silence teaches the default where the item was seen, and nothing else`() {
    var seen = PendingReward(start: 0, position: 1)
    let step13 = seen.expire(seen: true)
    #expect(step13.0 == .learn(0) && step13.1 == .defaulted)
    let step14 = seen.take(Signal(stage: 3, time: 500_000, event: "a", reward: 1), RewardWindows())
    #expect(step14.0 == .correct(from: 0, to: 1) && step14.1 == .joined)
    var unseen = PendingReward(start: 0, position: 4)
    let step15 = unseen.expire(seen: false)
    #expect(step15.0 == .nothing && step15.1 == .unobserved)
    #expect(unseen.due(RewardWindows()) == 300_000)
    #expect(Observed.cascade.holds(position: 2, lowest: 3, hasFeedback: false))
    #expect(!Observed.cascade.holds(position: 4, lowest: 3, hasFeedback: false))
    #expect(Observed.first.holds(position: 1, lowest: 0, hasFeedback: false))
    #expect(!Observed.first.holds(position: 2, lowest: 0, hasFeedback: false))
    #expect(Observed.all.holds(position: 0, lowest: 0, hasFeedback: false))
  }
}

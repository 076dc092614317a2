import Learners
import Testing

@testable import Bandits

@Suite struct GoldenTests {
  @Test(
    arguments: [
      ("G12.1", RewardSignal.click, nil, nil, nil, nil, 0, 1, 0.4),
      ("G12.2", .click, nil, nil, 4000, nil, 0, 1.2, 0.48),
      ("G12.3", .click, nil, nil, 9999, 1, 0, 1.32, 0.48),
      ("G12.4", .click, nil, nil, 10000, 1, 0, 1.1, 0.4),
      ("G12.5", .view, nil, nil, 60000, 2, 0, 0.5, 0.2),
      ("G12.6", .like, nil, nil, 2500, 1, 0.8, 2.64, 0.96),
      ("G12.7", .share, nil, nil, 8000, 3, 0, 3.6, 1),
      ("G12.8", .purchase, nil, nil, 9000, 1, 0, 13.2, 1),
      ("G12.9", .ignore, nil, nil, nil, 1, 0, 0, 0),
      ("G12.10", .skip, nil, nil, 3000, 2, -0.5, 0, -0.5),
      ("G12.11", .dislike, nil, nil, 1500, 1, -1, -1.32, -1),
      ("G12.12", .block, nil, nil, 3000, 1, 0, -6.6, -1),
      ("G12.13", .favorite, nil, nil, nil, nil, 0, 0, 1),
      ("G12.14", .watchComplete, nil, nil, nil, nil, 1, 0, 1),
      ("G12.15", .watchPartial, 0.37, nil, nil, nil, 0.37, 0, 0.37),
      ("G12.16", .rate, nil, 4, nil, nil, 0, 0, 0.5),
      ("G12.17", .rate, nil, 2, nil, nil, 0, 0, -0.5),
    ] as [(String, RewardSignal, Double?, Double?, Int64?, Int?, Double, Double, Double)])
  func `feedback is worth what the three maps say`(
    id: String, feedback: RewardSignal, completion: Double?, rating: Double?, delay: Int64?, position: Int?, s3: Double,
    s4: Double, media: Double
  ) {
    for (map, expected) in [(RewardTable.seedS3, s3), (.seedS4, s4), (.mediaV1, media)] {
      let value = map.value(
        feedback, completion: completion ?? 0, stars: rating ?? 0, feedbackMs: Int32(delay ?? -1),
        position: UInt16(position ?? 0))
      #expect(abs(value - expected) < 1e-6, "\(id)")
    }
  }

  @Test func `a decision resolves to the highest stage and corrects b only (G13)`() {
    let scale = ContextScale(dimension: 2, limit: 1)
    let events: [(RewardSignal, Double?, Int64)] = [
      (.click, nil, 4000), (.watchPartial, 0.08, 600_000), (.like, nil, 720_000),
    ]
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
      var pending = PendingReward(start: 0, position: 1)
      var sums = Sums<Exact>(scale: scale)
      var told: [Double] = []
      for i in order {
        let (feedback, completion, time) = events[i]
        let reward = RewardTable.mediaV1.value(
          feedback, completion: completion ?? 0, feedbackMs: Int32(time))
        let signal = Signal(stage: Int(feedback.stage), time: time, event: "e\(i)", reward: reward)
        switch pending.take(signal, RewardWindows()).0 {
        case .learn(let r): sums.add([1, 0], reward: r, at: 0)
        case .correct(let old, let new): sums.correct([1, 0], from: old, to: new, at: 0)
        case .nothing: break
        }
        told.append(pending.told ?? .nan)
      }
      var a = [1.0, 0, 1]
      var b = [0.0, 0]
      _ = sums.read(at: 0, into: &a, &b)
      #expect(abs(b[0] - 0.8) < 1e-12 && a[0] == 2)
      if order == [0, 1, 2] { #expect(zip(told, [0.48, 0.08, 0.8]).allSatisfy { abs($0 - $1) < 1e-12 }) }
    }
  }

  @Test func `LinUCB follows the worked example (G14.1 to G14.5)`() {
    let scale = ContextScale(dimension: 2, limit: 1)
    var model = SharedModel<Exact>(scale: scale)
    let x1 = [1.0, 0]
    let x2 = [0.6, 0.8]
    func check(_ ucb1: Double, _ ucb2: Double, _ inverse: [Double], _ theta: [Double]) {
      for solve in [false, true] {
        if solve { model.publish(at: 0) }
        let (a, b) = (model.estimate(0, x1), model.estimate(0, x2))
        #expect(abs(a.mean + 0.2 * a.width - ucb1) < 1e-6 && abs(b.mean + 0.2 * b.width - ucb2) < 1e-6)
        let p = model.solved
        #expect(zip([p.inverse(0, 0), p.inverse(0, 1), p.inverse(1, 1)], inverse).allSatisfy { abs($0 - $1) < 1e-6 })
        #expect(zip(p.theta, theta).allSatisfy { abs($0 - $1) < 1e-6 })
      }
    }
    check(0.2, 0.2, [1, 0, 1], [0, 0])
    model.learn(0, x1, reward: 1, at: 0)
    check(0.641421, 0.481108, [0.5, 0, 1], [0.5, 0])
    model.learn(0, x2, reward: -0.5, at: 0)
    check(0.502378, 0.073806, [0.450549, -0.131868, 0.648352], [0.368132, -0.351648])
    model.learn(0, x1, reward: 0.37, at: 0)
    check(0.480176, 0.071198, [0.310606, -0.090909, 0.636364], [0.368712, -0.351818])
    model.correct(0, x1, from: 0.37, to: 1, at: 0)
    #expect(zip(model.solved.theta, [0.564394, -0.409091]).allSatisfy { abs($0 - $1) < 1e-6 })
  }

  @Test func `a Thompson draw uses the factor of A (G14.6) and epsilon falls at five interactions (G14.7)`() {
    let draw = Posterior.draw(
      a: [3.36, 0.48, 1.64], theta: [0.3687121212121212, -0.3518181818181818], v: 0.2, z: [0.5, -1])
    #expect(zip(draw!, [0.446059, -0.511363]).allSatisfy { abs($0 - $1) < 1e-6 })
    #expect([0, 1, 4, 5, 6, 100].map(Exploration.epsilon(interactions:)) == [0.2, 0.2, 0.2, 0.1, 0.1, 0.1])
  }

  @Test func `the stored answers are met`() throws {
    let folder = "../shared/data/bandit-reference"
    guard DataFile.exists(folder + "/d8/sequence.csv.gz") else {
      print("skipped: \(folder) is not here")
      return
    }
    let check = try ReferenceCheck(data: folder + "/d8")
    #expect(check.isRight, "\(check.text)")
  }
}

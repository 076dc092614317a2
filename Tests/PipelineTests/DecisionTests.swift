import Bandits
import Events
import Testing

@testable import Learners
@testable import Pipeline

/// Decisions, late rewards and models, as records through the whole pipeline.
@Suite struct DecisionTests {
  private typealias Stage = DecisionStage

  private func pair(_ options: inout DecisionOptions, _ learner: LearnerKind = .shared) {
    options.layout = Stage.pair
    options.models = [Stage.model(learner)]
  }

  @Test func `a decision and its feedback teach the worked case of LinUCB, published and read back`() throws {
    let stage = try Stage { pair(&$0) }
    // spec 2.5: x1 = [1, 0] r 1 (favorite), x2 = [.6, .8] r -.5 (skip), x1 r .37 (watched to .37).
    try stage.tell([
      Stage.decision("d1", "u1", at: 0, ["a"], x: [[1, 0]]),
      Stage.decision("d2", "u1", at: 1000, ["b"], x: [[0.6, 0.8]]),
      Stage.decision("d3", "u2", at: 2000, ["a"], x: [[1, 0]]),
      Stage.action("favorite", "d1", "u1", at: 60_000, "a", event: "e1"),
      Stage.action("skip", "d2", "u1", at: 61_000, "b", event: "e2"),
      Stage.watch(0.37, "d3", "u2", at: 62_000, "a", event: "e3"),
    ])
    let model = try #require(try stage.published())
    #expect(model.snapshot.decisions == 3)
    let one = model.estimate("a", [1, 0])
    let two = model.estimate("b", [0.6, 0.8])
    #expect(abs(one.mean + 0.2 * one.width - 0.480176) < 1e-4)
    #expect(abs(two.mean + 0.2 * two.width - 0.071198) < 1e-4)
    #expect(stage.rewards("d1") == ["a": #"{"reward":1.0,"stage":4}"#])
    // The last reward becomes 1: b alone changes (G14.5).
    try stage.tell([Stage.watch(0.95, "d3", "u2", at: 3_600_000, "a", event: "e4")])
    let corrected = try #require(try stage.published()).snapshot.shared!.theta
    #expect(abs(corrected[0] - 0.564394) < 1e-4 && abs(corrected[1] + 0.409091) < 1e-4)
  }

  /// The reward of a line and the stage that decided it.
  private struct Verdicts: ResolvedEncoder {
    func encode(_ item: ResolvedItem) -> [UInt8]? { Array("\(item.eventID) \(item.reward) \(item.stage)".utf8) }
  }

  /// Everything folds before any short window ends; Kafka timestamps, order and copies are drawn.
  private func shuffled(
    seed: UInt64
  ) throws -> (models: [String], rewards: [String: [String: String]], last: [Substring: Substring]) {
    var random = SplitMix(seed: seed)
    var lines: [Stage.Line] = []
    for d in 0..<12 {
      let (id, user) = ("d\(d)", "u\(d % 5)")
      let at = Int64(d) * 5000 + 60_000
      let items = (0..<4).map { "t\((d + $0) % 7)" }
      let x = (0..<4).map { [Float(d % 3) / 3, Float($0 + 1) / 8] }
      if d % 4 != 3 { lines.append(Stage.decision(id, user, at: at, items, x: x)) }
      if d % 4 != 2 { lines.append(Stage.impression(id, user, at: at + 700, items, event: "i\(d)")) }
      if d % 3 != 0 { lines.append(Stage.click(id, user, at: at + 4000, items[2], event: "c\(d)")) }
      lines.append(Stage.watch(0.4, id, user, at: at + 90_000, items[2], event: "w\(d)"))
      lines.append(Stage.action("like", id, user, at: at + 50_000, items[0], event: "l\(d)"))
      lines.append(Stage.action("dislike", id, user, at: at + 50_000, items[0], event: "m\(d)"))
      if d % 5 == 0 { lines.append(Stage.click(id, user, at: at - 1000, items[1], event: "before\(d)")) }
    }
    var all = lines.map { line in
      var line = line
      line.recordTime = Stage.start + Int64(random.below(50_000))
      return line
    }
    if seed > 0 {
      for line in lines where random.below(3) == 0 {
        var copy = line
        copy.recordTime = Stage.start + Int64(random.below(50_000))
        all.append(copy)
      }
      var order = Array(all.indices)[...]
      random.shuffle(&order)
      all = order.map { all[$0] }
    }
    // Impressions alone have a context put together from a profile that the order moves: those teach nothing here.
    let stage = try Stage {
      pair(&$0)
      $0.layout = ContextLayout.pairs(groups: [1])
      $0.models = [
        Stage.model(.shared, layout: .pairs(groups: [1])),
        Stage.model(.hybrid, layout: .pairs(groups: [1]), name: "hybrid"),
      ]
      $0.resolvedTopic = "resolved"
      $0.resolvedEncoder = Verdicts()
    }
    try stage.tell(all)
    try stage.tell([Stage.tick(at: 500_000)])
    let rewards = Dictionary(uniqueKeysWithValues: (0..<12).map { ("d\($0)", stage.rewards("d\($0)") ?? [:]) })
    #expect(stage.outlet.flush(timeoutMs: 0))
    var last: [Substring: Substring] = [:]
    for record in stage.outlet.delivered where record.topic == "resolved" {
      let parts = String(decoding: record.value ?? [], as: UTF8.self).split(separator: " ", maxSplits: 1)
      last[parts[0]] = parts[1]
    }
    return (stage.rows("model"), rewards, last)
  }

  @Test func `any order of arrival and any number of copies leaves the same rewards, sums and last lines`() throws {
    let expected = try shuffled(seed: 0)
    #expect(expected.last["d1:t3"] == "0.4 3", "a click of the same reward came first")
    #expect(expected.models.count == 2)
    #expect(expected.rewards["d0"]?["t2"] == #"{"reward":0.4,"stage":3}"#)
    #expect(expected.rewards["d0"]?["t0"] == #"{"reward":-1.0,"stage":4}"#, "m0 comes after l0 by id")
    #expect(expected.rewards["d0"]?["t1"] == #"{"reward":0.0,"stage":0}"#)
    #expect(expected.rewards["d0"]?["t3"] == "null")
    for seed in 1...12 {
      let found = try shuffled(seed: UInt64(seed))
      #expect(found.rewards == expected.rewards, "seed \(seed)")
      #expect(found.models == expected.models, "seed \(seed)")
      #expect(found.last == expected.last, "seed \(seed)")
    }
  }

  @Test func `one decision named by every list of a viewer keeps as many items as all may`() throws {
    let stage = try Stage { pair(&$0) }
    let most = stage.options.learn.decisionItemsKept
    for list in 0..<(most / 100 + 3) {
      let titles = (0..<100).map { "t\(list * 100 + $0)" }
      try stage.tell([Stage.impression("default", "u", at: Int64(list) * 1000, titles, event: "i\(list)")])
    }
    let road = try #require(stage.worker).road
    let found = road.ids.viewers.find("u")
    let slot = try #require(found)
    #expect(road.viewers.row(slot).shown.count == most)
  }

  @Test(arguments: [
    (Observed.cascade, ["a": "0.0", "b": "0.4", "c": "null"]), (.first, ["a": "0.0", "b": "0.4", "c": "null"]),
    (.all, ["a": "0.0", "b": "0.4", "c": "0.0"]),
  ])
  func `what was seen learns the default when the short window ends`(
    observed: Observed, expected: [String: String]
  ) throws {
    let stage = try Stage {
      pair(&$0)
      $0.observed = observed
    }
    try stage.tell([
      Stage.impression("d", "u", at: 0, ["a", "b", "c"], event: "i"),
      Stage.click("d", "u", at: 20_000, "b", event: "c"),
      Stage.tick(at: 295_000),
    ])
    #expect(stage.rewards("d")?["a"] == "null", "the window has not ended")
    try stage.tell([Stage.tick(at: 300_001)])
    for (item, reward) in expected {
      #expect(
        stage.rewards("d")?[item].map { $0 == "null" ? $0 : String($0.dropFirst(10).prefix { $0 != "," }) } == reward)
    }
    #expect(stage.count(.rewardDefault) == (observed == .all ? 2 : 1))
    #expect(stage.count(.rewardUnobserved) == (observed == .all ? 0 : 1))
  }

  @Test func `nobody clicked: first still learns position 1, cascade nothing`() throws {
    for (observed, defaults) in [(Observed.first, 1), (.cascade, 0), (.all, 2)] {
      let stage = try Stage {
        pair(&$0)
        $0.observed = observed
      }
      try stage.tell([Stage.decision("d", "u", at: 0, ["a", "b"], x: [[1, 0], [1, 1]]), Stage.tick(at: 400_000)])
      #expect(stage.count(.rewardDefault) == UInt64(defaults))
      #expect(stage.worker.road.learningModels[0].learned == UInt64(defaults))
    }
  }

  @Test func `late feedback counts for what waits and for nothing else`() throws {
    let stage = try Stage { pair(&$0) }
    try stage.tell([
      Stage.decision("d", "u", at: 0, ["a", "b"], x: [[1, 0], [1, 1]]),
      Stage.click("d", "u", at: 9000, "a", event: "1"),
      Stage.tick(at: 600_000), Stage.action("like", "d", "u", at: 700_000, "a", event: "2"),
      Stage.action("like", "d", "u", at: 710_000, "b", event: "3"), Stage.click("d", "u", at: 720_000, "a", event: "4"),
      Stage.action("like", "d", "u", at: 86_400_000 * 8, "a", event: "5"),
    ])
    #expect(stage.rewards("d") == nil, "readable for seven days")
    #expect(stage.count(.rewardJoined) == 2)
    #expect(stage.count(.rewardLate) == 2, "3: its item was dropped; 4: outside its stage's window")
    #expect(stage.count(.rewardEarly) == 1, "5: the decision is not known any more")
    #expect(stage.worker.road.pendingDecisions.waiting == 0)
  }

  @Test func `each outcome of a reward is counted once`() throws {
    let stage = try Stage { pair(&$0) }
    try stage.tell([Stage.click("d", "u", at: 1000, "a", event: "1")])
    #expect(stage.count(.rewardEarly) == 1 && stage.count(.rewardJoinedEarly) == 0)
    try stage.tell([
      Stage.decision("d", "u", at: 0, ["b", "a", "c"], x: [[1, 0], [1, 1], [1, 0]]),
      Stage.action("like", "d", "u", at: 2000, "a", event: "2"), Stage.click("d", "u", at: 3000, "a", event: "3"),
      Stage.click("d", "u", at: 400_000, "a", event: "4"), Stage.click("d", "u", at: 400_000, "a", event: "4"),
    ])
    let found = [
      Counter.rewardEarly, .rewardJoinedEarly, .rewardJoined, .rewardOutOfOrder, .rewardLate, .rewardDefault,
      .rewardUnobserved, .rewardEvicted,
    ].map { stage.count($0) }
    #expect(found == [1, 1, 1, 1, 1, 1, 1, 0], "a: early click, like, lower click, late click; b was seen, c was not")
    #expect(stage.rewards("d")?["a"] == #"{"reward":0.8,"stage":4}"#)
  }

  @Test func `items wait for a week where every item is awaited`() throws {
    let stage = try Stage {
      pair(&$0)
      $0.waitsForAll = true
      $0.observed = .all
    }
    try stage.tell([
      Stage.decision("d", "u", at: 0, ["a"], x: [[1, 0]]), Stage.tick(at: 600_000),
      Stage.action("like", "d", "u", at: 86_400_000, "a", event: "1"),
    ])
    #expect(stage.rewards("d")?["a"] == #"{"reward":0.8,"stage":4}"#)
    #expect(stage.worker.road.learningModels[0].learned == 1)
  }

  @Test func `a deferred decision waits for its activation, a cancelled one teaches nothing`() throws {
    let stage = try Stage { pair(&$0) }
    try stage.tell([
      Stage.decision("d1", "u", at: 0, ["a"], x: [[1, 0]], rest: #","deferred":true"#),
      Stage.decision("d2", "u", at: 0, ["a"], x: [[1, 0]], rest: #","deferred":true"#),
      Stage.decision("d3", "u", at: 0, ["a"], x: [[1, 0]]), Stage.click("d1", "u", at: 1000, "a", event: "1"),
      Stage.tick(at: 1_000_000),
    ])
    #expect(stage.rewards("d1") == nil && stage.rewards("d3") != nil)
    try stage.tell([
      Stage.operation("activate", "d1", "u", at: 1_100_000),
      Stage.impression("d2", "u", at: 1_100_000, ["a"], event: "i"),
      Stage.operation("cancel", "d3", "u", at: 1_100_000), Stage.operation("cancel", "d9", "u", at: 1_100_000),
      Stage.click("d1", "u", at: 1_120_000, "a", event: "2"), Stage.click("d2", "u", at: 1_120_000, "a", event: "3"),
      Stage.click("d3", "u", at: 1_120_000, "a", event: "4"),
    ])
    #expect(stage.rewards("d1")?["a"] == #"{"reward":0.4,"stage":2}"#)
    #expect(stage.rewards("d2")?["a"] == #"{"reward":0.4,"stage":2}"#)
    #expect(stage.rewards("d3") == nil)
    #expect(stage.count(.decisionCancelled) == 1 && stage.count(.decisionUnknown) == 1)
    #expect(stage.worker.road.learningModels[0].learned == 2)
  }

  @Test(arguments: [1, 2, 3, 4]) func `the ceiling lets the oldest go, the same on any number of shards`(shards: Int)
    throws
  {
    let stage = try Stage(shards: shards) {
      pair(&$0)
      $0.maxBytes = 64 * 1200
      $0.waitsForAll = true
    }
    var lines: [Stage.Line] = []
    for d in 0..<300 {
      lines.append(Stage.decision("d\(d)", "u\(d % 40)", at: Int64(d) * 100, ["a", "b"], x: [[1, 0], [1, 1]]))
    }
    for d in 0..<300 { lines.append(Stage.click("d\(d)", "u\(d % 40)", at: 100_000, "a", event: "c\(d)")) }
    try stage.tell(lines)
    #expect(stage.worker.road.pendingDecisions.bytes <= 64 * 1200)
    #expect(stage.count(.rewardEvicted) > 100)
    #expect(stage.rewards("d0") == nil && stage.rewards("d299")?["a"] == #"{"reward":0.4,"stage":2}"#)
    let dump = stage.rows("decision") + stage.rows("model")
    if shards > 1 {
      let one = try Stage {
        pair(&$0)
        $0.maxBytes = 64 * 1200
        $0.waitsForAll = true
      }
      try one.tell(lines)
      #expect(one.rows("decision") + one.rows("model") == dump)
    }
  }

  @Test func `a restart in between changes nothing`() throws {
    func run(restarting: Bool) throws -> [String] {
      let stage = try Stage {
        $0.models = [Stage.model(.hybrid, layout: .media100), Stage.model(.beta, name: "genre", arm: .genre)]
      }
      try stage.tell([
        Stage.click("d2", "u2", at: 0, "b", event: "0"), Stage.impression("d1", "u1", at: 0, ["a", "b"], event: "i"),
        Stage.click("d1", "u1", at: 5000, "a", event: "1"),
      ])
      if restarting { try stage.restart() }
      try stage.tell([Stage.decision("d2", "u2", at: 10_000, ["b", "c"]), Stage.tick(at: 200_000)])
      if restarting { try stage.restart() }
      try stage.tell([Stage.tick(at: 310_001), Stage.action("like", "d1", "u1", at: 320_000, "a", event: "2")])
      if restarting { try stage.restart() }
      try stage.tell([Stage.tick(at: 86_400_000 * 3)])
      #expect(stage.worker.road.learningModels[0].learned == 1)
      return stage.rows("decision") + stage.rows("model") + [stage.rewards("d1")!.description.count.description]
    }
    #expect(try run(restarting: true) == run(restarting: false))
  }

  @Test func `every learner learns and is published`() throws {
    for learner in LearnerKind.allCases {
      let stage = try Stage { pair(&$0, learner) }
      var lines: [Stage.Line] = []
      for n in 0..<60 {
        let good = n % 2 == 0
        lines.append(
          Stage.decision("d\(n)", "u", at: Int64(n) * 1000, [good ? "good" : "bad"], x: [[1, good ? 0.8 : -0.8]]))
        lines.append(
          Stage.action(
            good ? "like" : "dislike", "d\(n)", "u", at: Int64(n) * 1000 + 500, good ? "good" : "bad", event: "e\(n)"))
      }
      try stage.tell(lines)
      let model = try #require(try stage.published())
      #expect(model.snapshot.decisions == 60)
      let (good, bad) = (model.estimate("good", [1, 0.8]), model.estimate("bad", [1, -0.8]))
      #expect(good.mean > bad.mean + 0.02, "\(learner): \(good.mean) \(bad.mean)")
      let list = model.rank(["bad", "good"], contexts: [[1, -0.8], [1, 0.8]], slots: 2, decision: 3)
      #expect(list.allSatisfy { abs($0.row.reduce(0, +) - 1) < 1e-6 }, "\(learner)")
      #expect(list[0].row[1] > 0.5, "\(learner)")
    }
  }

  @Test func `named arms: genres of the title and the policy`() throws {
    let stage = try Stage {
      pair(&$0)
      $0.models = [
        Stage.model(.beta, name: "genre", arm: .genre), Stage.model(.beta, name: "policy", arm: .policy),
      ]
    }
    let catalog =
      #"{"schema":"catalog/1","event_id":"k","timestamp":\#(Stage.start),"content_id":"a","title":"A","content_type":"movie","genres":["drama","war"]}"#
    try stage.tell([Stage.Line(topic: "content.catalog", value: catalog, time: Stage.start, recordTime: Stage.start)])
    try stage.tell([
      Stage.decision("d", "u", at: 0, ["a"], x: [[1, 0]]), Stage.action("like", "d", "u", at: 1000, "a", event: "1"),
    ])
    #expect(try stage.published("genre")?.snapshot.arms.map(\.name) == ["drama", "war"])
    let policy = try #require(try stage.published("policy")).snapshot.arms
    #expect(policy.map(\.name) == ["p"])
    #expect(zip(policy[0].part.theta, [1.8, 1.2]).allSatisfy { abs($0 - $1) < 1e-4 })
  }

  @Test func `an erased viewer leaves no decision behind`() throws {
    let stage = try Stage { pair(&$0) }
    try stage.tell([Stage.decision("d", "u", at: 0, ["a"], x: [[1, 0]])])
    #expect(stage.rewards("d") != nil)
    try stage.tell([
      Stage.Line(
        topic: "control", value: Stage.envelope("control/1", Stage.start + 1000, "u", #""op":"erase""#, id: "x"),
        time: Stage.start + 1000, recordTime: Stage.start + 1000)
    ])
    #expect(stage.rewards("d") == nil)
    #expect(stage.rows("decision").isEmpty)
  }

  @Test func `where nobody learns from decisions there is no stage for it`() throws {
    let options = World.options()
    #expect(Road(options: options, ids: Identities(), onOneThread: true).pendingFolds != nil)
    var w1 = options
    w1.learn.folds = .w1
    #expect(Road(options: w1, ids: Identities(), onOneThread: true).pendingFolds == nil)
  }
}

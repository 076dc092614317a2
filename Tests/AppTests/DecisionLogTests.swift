import Foundation
import JSON
import KafkaPort
import Options
import Ports
import Testing

@testable import App
@testable import Bandits
@testable import Pipeline

/// `decisions.resolved` read by those it is meant for: VW from PyPI, numpy, and our own verbs.
@Suite(.serialized) struct DecisionLogTests {
  /// A day of slates under a uniform policy: rewards follow planted weights, a click or two come late.
  private static let planted = [0.9, -0.7, 0.5, -0.4, 0.3, -0.25]

  private static func item(_ decision: String, at time: Int64, policy: JSONValue) -> ResolvedItem {
    ResolvedItem(
      decisionID: decision, userID: "u-42", time: time, at: time, policy: Array(policy.text().utf8), items: [],
      index: 0, reward: 0, stage: 0, previous: nil, isAssembled: false)
  }

  private static func day(_ count: Int, each: (ResolvedItem) -> Void) {
    var random = SplitMix(seed: 77)
    for t in 0..<count {
      let context = JSONValue.object([
        .init("device_type", .string(t % 2 == 0 ? "tv" : "mo\"bile\u{7}\n")), .init("mood", .null),
        .init("hour", .integer(Int64(t % 24))), .init("time_available_minutes", .number(12.5)),
        .init("platforms_available", .array([.string("netflix"), .string("_tag"), .string("netflix")])),
        .init(
          "session", .object([.init("position", .integer(3)), .init("_multi", .array([])), .init("", .bool(true))])),
        .init("weekend", .bool(t % 7 > 4)), .init("_label", .string("x")), .init("scores", .array([.integer(1)])),
      ])
      var item = item(
        "d-\(t)", at: 1_795_219_200_000 + Int64(t) * 86_400_000 / Int64(count),
        policy: .object([
          .init("policy", .string("uniform")), .init("model_version", .integer(Int64(t / 500))),
          .init("context", context),
        ]))
      item.userID = "u-\(t % 50)"
      let n = 2 + random.below(4)
      item.items = (0..<n).map { i in
        ResolvedItem.Item(
          content: "c\(random.below(1000))-\(i)", position: i < n - 1 ? i + 1 : 0, propensity: 1 / Double(n - i),
          score: .nan, explored: false, x: planted.map { _ in Double(Float(random.uniform() * 2 - 1)) })
      }
      for i in 0..<n - 1 {
        item.index = i
        let mean = zip(planted, item.items[i].x).reduce(0) { $0 + $1.0 * $1.1 }
        item.reward = min(1, max(-1, mean + 0.2 * (random.uniform() - 0.5)))
        item.stage = item.reward > 0 ? 2 : 0
        item.at = item.time + (item.reward > 0 ? 4000 : 300_000)
        each(item)
      }
    }
  }

  private static func bytes(_ item: ResolvedItem) -> [UInt8] { DSJSONEncoder().encode(item)! }

  @Test func `a line names the item first, then what was still available, with probabilities that sum to 1`() throws {
    func policy(_ more: String) throws -> JSONValue {
      try JSONValue(parsing: #"{"policy":"linucb","model_version":17\#(more)}"#)
    }
    var item = Self.item("d-7", at: 1_795_219_185_000, policy: try policy(""))
    item.items = [("z", 1), ("m", 2), ("b", 3), ("a", 0)].map {
      ResolvedItem.Item(content: $0, position: $1, propensity: 0.7, score: .nan, explored: false, x: [0.5, 0])
    }
    item.index = 1
    item.reward = 0.8
    item.previous = 0.4
    item.stage = 4
    item.at = item.time + 720_000
    let json = try JSONValue(parsing: Self.bytes(item))
    // Available in slot 2 and sorted: a, b, m. The item is the third.
    #expect(json["c"]?["_multi"]?.array?.compactMap { $0["_tag"]?.string } == ["a", "b", "m"])
    #expect(json["a"]?.array?.compactMap(\.int) == [3, 2, 1])
    #expect(json["_label_Action"]?.int == 3 && json["_labelIndex"]?.int == 2)
    #expect(json["p"]?.array?.compactMap(\.double).map { ($0 * 1e6).rounded() } == [700_000, 150_000, 150_000])
    #expect(json["_label_probability"]?.double == 0.7 && json["_label_cost"]?.double == -0.8)
    #expect(json["_original_label_cost"]?.double == -0.4 && json["EventId"]?.string == "d-7:m")
    #expect(json["Timestamp"]?.string == "2026-11-20T23:59:45.000Z" && json["VWState"]?["m"]?.string == "linucb/17")
    #expect(json["latency_ms"]?.int == 720_000 && json["decision_id"]?.string == "d-7")
    item.policy = Array(try policy(#","p_slots":[[0.7,0.1,0.1,0.1],[0,0.6,0.3,0.1]]"#).text().utf8)
    var line = ResolvedLine(item)
    #expect(line.probabilities(of: line.available) == [0.6, 0.3, 0.1])
    item.index = 0
    item.items[0].propensity = .nan
    item.policy = []
    line = ResolvedLine(item)
    #expect(line.available == [0, 1, 2, 3] && line.probabilities(of: line.available) == [1, 0, 0, 0])
    #expect(try JSONValue(parsing: Self.bytes(item))["propensity"] == .null)
  }

  @Test func `VW reads a day of it with no skipped line and learns the same sign of every weight`() throws {
    guard let python = PythonPackage.environment("vowpalwabbit") else {
      return print("skipped: vowpalwabbit could not be had from PyPI")
    }
    let scratch = Places.Scratch()
    var text: [UInt8] = []
    var count = 0
    var model = SharedModel<Production>(scale: ContextScale(dimension: Self.planted.count, limit: 1))
    Self.day(1500) { item in
      text += Self.bytes(item) + [0x0a]
      count += 1
      model.learn(0, item.items[item.index].x, reward: item.reward, at: item.time)
    }
    model.publish(at: 0)
    try Data(text).write(to: URL(fileURLWithPath: scratch.path + "/day.dsjson"))
    try scratch.write(
      "read.py",
      """
      import sys, vowpalwabbit
      folder = sys.argv[1]
      vw = vowpalwabbit.Workspace(f"--dsjson --strict_parse -d {folder}/day.dsjson --cb_explore_adf --cb_type mtr "
                                  f"--invert_hash {folder}/weights.txt")
      vw.finish()
      """)
    let run = Spawned.run(python, [scratch.path + "/read.py", scratch.path])
    #expect(run.code == 0, "\(run.text)")
    #expect(run.text.contains("number of examples = \(count)\n"), "\(run.text)")
    #expect(!run.text.lowercased().contains("[warning]") && !run.text.lowercased().contains("[error]"), "\(run.text)")
    // VW learns costs, we learn rewards.
    let weights = try scratch.read("weights.txt")
    for (i, theta) in model.solved.theta.prefix(Self.planted.count).enumerated() {
      let name = "x^[\(i)]:"
      let row = try #require(weights.split(separator: "\n").first { $0.hasPrefix(name) }, "\(weights)")
      let cost = try #require(Double(row.dropFirst(name.count).split(separator: " ")[0].split(separator: ":")[1]))
      #expect(theta * Self.planted[i] > 0 && cost * Self.planted[i] < 0, "weight \(i): ours \(theta), cost \(cost)")
    }
  }

  private func cluster(_ count: Int) throws -> MockCluster {
    let cluster = try MockCluster(topics: [("decisions.resolved", 2)])
    let outlet = try KafkaOutlet(KafkaConfig(brokers: cluster.bootstrap), topics: ["decisions.resolved"])
    var failure: (any Error)?
    Self.day(count) { item in
      do {
        try outlet.send(
          OutRecord(
            topic: "decisions.resolved", key: Array(item.userID.utf8), value: Self.bytes(item), timestamp: item.at))
      } catch { failure = error }
    }
    if let failure { throw failure }
    #expect(outlet.flush(timeoutMs: 10_000))
    outlet.close()
    return cluster
  }

  @Test func `decisions tail prints the record as it stands, or a row`() throws {
    let cluster = try cluster(1)
    let broker = ["kafka.brokers=\(cluster.bootstrap)"]
    let json = try runVerb(["decisions", "tail", "-c", "1"], .json, assignments: broker)
    #expect(json.error == nil)
    let value = try JSONValue(parsing: json.text)
    #expect(value["decision_id"]?.string == "d-0" && value["_label_probability"]?.double ?? 0 > 0)
    let table = try runVerb(["decisions", "tail", "-c", "1"], assignments: broker)
    let lines = table.text.split(separator: "\n")
    #expect(table.error == nil && lines.count == 2 && lines[0].contains("PROPENSITY"))
    #expect(lines[1].contains("d-0") && lines[1].contains("u-0") && lines[1].hasSuffix("uniform/0"))
  }

  @Test func `decisions export leaves arrays that numpy reads, and a policy's value can be estimated from them`() throws
  {
    let cluster = try cluster(400)
    let scratch = Places.Scratch()
    let run = try runVerb(
      ["decisions", "export", "--format", "obp", "--to", scratch.path + "/obp"], .json,
      assignments: ["kafka.brokers=\(cluster.bootstrap)"])
    #expect(run.error == nil, "\(run.text)")
    let answer = try JSONValue(parsing: run.text)
    #expect(answer["skipped"]?.int == 0 && answer["rounds"]?.int == answer["records"]?.int)
    let none = try runVerb(["decisions", "export"], assignments: ["kafka.brokers=\(cluster.bootstrap)"])
    #expect(none.error.exitCode == ExitCode.misuse)
    guard let python = PythonPackage.environment("numpy") else {
      return print("skipped: numpy could not be had from PyPI")
    }
    try scratch.write(
      "read.py",
      """
      import json, sys, numpy as np
      f = {n: np.load(f"{sys.argv[1]}/{n}.npy") for n in
           ["context", "action", "reward", "pscore", "position", "action_context", "x"]}
      about = json.load(open(f"{sys.argv[1]}/about.json"))
      n, d, k = about["n_rounds"], about["dim_context"], about["n_actions"]
      assert f["context"].shape == (n, d) and f["x"].shape == (n, d) and f["action_context"].shape == (k, d)
      assert all(f[m].shape == (n,) for m in ["action", "reward", "pscore", "position"])
      assert f["action"].dtype.kind == "i" and f["position"].dtype.kind == "i"
      assert f["action"].min() >= 0 and f["action"].max() < k == len(about["actions"])
      assert 0 < f["pscore"].min() <= f["pscore"].max() <= 1 and f["position"].max() + 1 == about["len_list"]
      theta = np.linalg.lstsq(f["x"], f["reward"], rcond=None)[0]
      # Self-normalised inverse propensity of the log itself is its mean; of the log weighted by sign, higher.
      print(json.dumps({"theta": theta.tolist(), "mean": float(f["reward"].mean())}))
      """)
    let read = Spawned.run(python, [scratch.path + "/read.py", scratch.path + "/obp"])
    #expect(read.code == 0, "\(read.text)")
    let theta = try JSONValue(parsing: read.text)["theta"]?.array?.compactMap(\.double) ?? []
    #expect(theta.count == Self.planted.count)
    for (own, planted) in zip(theta, Self.planted) { #expect(abs(own - planted) < 0.15) }
  }
}

/// A package from PyPI in an environment of its own beside the temporary files, made once.
enum PythonPackage {
  /// A python that has it; nil = it cannot be had here.
  static func environment(_ package: String) -> String? {
    let folder = NSTemporaryDirectory() + "thalweg-python-" + package
    let python = folder + "/bin/python3"
    if Spawned.run(python, ["-c", "import " + package]).code == 0 { return python }
    guard Spawned.run("python3", ["-m", "venv", folder]).code == 0 else { return nil }
    let pip = ["180", folder + "/bin/pip", "install", "-q", "--timeout", "15", "--retries", "1", package]
    return Spawned.run("timeout", pip).code == 0 ? python : nil
  }
}

import Bandits
import Foundation
import JSON
import Options
import Ports
import SQLitePort
import Testing

@testable import App

/// The verbs that print published models, over a store written here.
@Suite struct BanditVerbTests {
  private let scratch = Places.Scratch()

  private func store(
    _ models: [ModelSnapshot], arms: [(title: String, theta: [Float], count: Int)] = [], torn: Bool = false
  )
    throws -> [String]
  {
    let path = scratch.path + "/features.db"
    let store = SQLiteStore(path: path)
    _ = try store.open(group: "test")
    var batch = FeatureBatch(version: Version(lineage: 1, epoch: 2, turn: 3))
    for model in models {
      var bytes = model.encoded
      if torn { bytes[bytes.count / 2] ^= 1 }
      batch.begin(.put, key: "model:\(model.spec.name)")
      bytes.withUnsafeBytes { batch.field("snapshot", $0) }
      batch.field("updated_at", "\(model.asOf)")
    }
    for arm in arms {
      batch.begin(.put, key: "arm:\(arm.title)")
      arm.theta.withUnsafeBytes { batch.field("theta", $0) }
      batch.field("count", "\(arm.count)")
    }
    while !store.submit(batch) { usleep(1000) }
    while store.pump().confirmed == 0 { usleep(1000) }
    store.close()
    return ["store.kind=sqlite", "store.path=\(path)"]
  }

  private func shared() -> ModelSnapshot {
    let layout = ContextLayout.media100
    var model = SharedModel<Production>(scale: layout.scale)
    var x = [Double](repeating: 0, count: 100)
    for t in 0..<50 {
      x[0] = 1
      x[31] = t % 2 == 0 ? 0.8 : 0
      model.learn(0, x, reward: t % 2 == 0 ? 0.9 : 0.1, at: Int64(t))
    }
    model.publish(at: 50)
    let spec = ModelSpec(
      name: "titles", learner: .shared, layout: layout.name, fingerprint: layout.fingerprint, dimension: 100)
    return ModelSnapshot(spec: spec, asOf: 1_795_219_200_000, decisions: 50, shared: model.solved.part, arms: [])
  }

  private func beta() -> ModelSnapshot {
    ModelSnapshot(
      spec: ModelSpec(name: "shelves", learner: .beta, layout: "", fingerprint: 0, dimension: 0), asOf: 1,
      decisions: 12, shared: nil,
      arms: [
        .init(name: "new", part: .init(weight: 4, theta: [4, 2])),
        .init(name: "top", part: .init(weight: 8, theta: [2, 8])),
      ])
  }

  @Test func `bandit show lists the models, and tells one by its strongest slots`() throws {
    let settings = try store([shared(), beta()])
    let all = try runVerb(["bandit", "show"], assignments: settings)
    let lines = all.text.split(separator: "\n")
    #expect(all.error == nil && lines.count == 3 && lines[1].hasPrefix("shelves  beta"))
    #expect(lines[2].contains("media-100") && lines[2].hasSuffix("000001000002000000000003"))
    let one = try runVerb(["bandit", "show", "titles", "-c", "2"], assignments: settings)
    #expect(one.text.contains("50 decisions, as of 2026-11-21T00:00:00.000Z"))
    #expect(!one.text.contains("rho") && !one.text.contains("gamma"), "what moves other learners")
    // Least squares by hand: reward .1 without the cosine, .9 with .8 of it.
    #expect(one.text.split(separator: "\n").contains { $0.hasPrefix("cosine") }, "\(one.text)")
    let json = try runVerb(["bandit", "show", "titles"], .json, assignments: settings)
    let value = try JSONValue(parsing: json.text)
    #expect(value["model"]?.string == "titles" && value["learner"]?.string == "shared" && value["arms"]?.int == 0)
    let coefficients = value["coefficients"]?.array ?? []
    #expect(coefficients.count == 100 && coefficients[31]["slot"]?.string == "cosine")
    #expect(coefficients[1]["slot"]?.string == "affinity:sci-fi" && coefficients[0]["slot"]?.string == "bias")
    #expect(abs((coefficients[31]["theta"]?.double ?? 0) - 0.9) < 0.1)
    #expect(coefficients[31]["deviation"]?.double ?? 1 < 0.5 && coefficients[1]["deviation"]?.double == 1)
  }

  @Test func `bandit arms sorts by weight, mean or name`() throws {
    let settings = try store([shared(), beta()], arms: [("t1", [3, 4], 7), ("t2", [1], 9)])
    func names(_ words: String...) throws -> [String] {
      try runVerb(["bandit", "arms"] + words, .json, assignments: settings).text.split(separator: "\n").map {
        try JSONValue(parsing: String($0))["arm"]?.string ?? ""
      }
    }
    #expect(try names("shelves") == ["top", "new"])
    #expect(try names("shelves", "--by", "mean") == ["new", "top"])
    #expect(try names("shelves", "--by", "name", "-c", "1") == ["new"])
    #expect(try names("--titles") == ["t2", "t1"])
    #expect(try names("--titles", "--by", "mean") == ["t1", "t2"])
    let json = try JSONValue(
      parsing: try runVerb(["bandit", "arms", "shelves", "-c", "1"], .json, assignments: settings).text)
    #expect(json["weight"]?.double == 8 && json["mean"]?.double == 0.2)
    #expect(try runVerb(["bandit", "arms", "titles"], assignments: settings).error.exitCode == ExitCode.failed)
  }

  @Test func `what is not there, or damaged, is said in a line`() throws {
    let none = try store([])
    #expect("\(try runVerb(["bandit", "show"], assignments: none).error!)" == "no model is published yet")
    let torn = try store([shared()], torn: true)
    let error = try runVerb(["bandit", "show", "titles"], assignments: torn).error
    #expect(error.exitCode == ExitCode.data && "\(error!)".contains("checksum"))
    let other = try runVerb(["bandit", "arms", "nosuch"], assignments: torn).error
    #expect("\(other!)" == "model nosuch is not in the feature store; there are titles")
  }
}

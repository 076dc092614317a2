import Foundation
import Options
import Testing

@testable import App

/// The root of the repository.
let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
  .deletingLastPathComponent()

private func load(_ yaml: String, set: [String] = [], env: [String: String] = [:]) throws -> LoadedSettings {
  Settings.load(tree: try YAML.parse(yaml, name: "x.yaml"), environment: env, assignments: set)
}

@Suite struct SettingsTests {
  static let rows = Settings.declared.rows.map(\.row)

  @Test(arguments: rows)
  func `every default reads back to itself and lies in its range`(row: Row) throws {
    let value = try YAML.parse("x: \(row.standardText)", name: "x")["x"]!
    var seen: Loaded<Settings>?
    if !value.isEmpty {
      seen = Loaded({ Settings() }) { $0.path == row.path ? value : nil }
      #expect(seen?.problems == [])
      #expect(seen?.rows.first { $0.row.path == row.path }?.text == row.standardText)
    }
  }

  @Test func `names are snake_case and stand once, in the environment too`() {
    for row in Self.rows {
      #expect(row.path.utf8.allSatisfy { ($0 >= 97 && $0 <= 122) || $0 == 95 || $0 == 46 || ($0 >= 48 && $0 <= 57) })
    }
    #expect(Set(Self.rows.map(\.path)).count == Self.rows.count)
    #expect(Set(Self.rows.map { $0.environmentName(prefix: "THALWEG_") }).count == Self.rows.count)
  }

  @Test(arguments: rows)
  func `every option has a sentence`(row: Row) {
    #expect(row.help.count > 10 && row.help.hasSuffix("."))
  }

  @Test func `the defaults are those of the decisions`() {
    let settings = Settings()
    #expect(settings.kafka.sessionTimeout == .seconds(10))
    #expect(settings.align.maxWait == .seconds(1))
    #expect(settings.plan.keep == .days(7))
    #expect(settings.checkpoint.interval == .seconds(1))
    #expect(settings.viewer.idle == .days(90))
    #expect(settings.dedup.window == .hours(24))
    #expect(settings.limits.clampAhead == .minutes(5))
    #expect(settings.tooOld == nil)
    #expect(settings.reward.pendingMaxBytes == .gibibytes(1))
    #expect(settings.drift.current == 12 && settings.drift.baseline == 167 && settings.drift.minCount == 200)
    #expect(settings.drift.threshold == 0.1 && settings.drift.sigmas == 3 && settings.drift.unjudged == .hours(24))
    #expect(settings.drift.maxBytes == .mebibytes(256))
    #expect(settings.history.titles == 256)
    #expect(settings.kafka.deadLetterTopic == "dlq.events" && settings.kafka.alertsTopic == "alerts.drift")
    #expect(settings.mappingNames == ["envelope"])
    #expect(settings.trust.sweepAt.wholeMilliseconds == 14_400_000)
  }

  @Test func `settings of the example folders are read as they stand`() throws {
    let yaml = """
      {"trust.preset": "seed-clamped",
       "engagement.weights": {"completion": 1, "liked": 0, "favorited": 0, "shared": 0, "skipped_early": 0,
         "paused_frequently": 0}, "affinity.signal": "watch", "affinity.decay": 0.95, "affinity.half_life": "7d",
       "too_old": "90d", "embedding": {"dim": 4}}
      """
    let loaded = try load(yaml)
    #expect(loaded.problems == [])
    #expect(loaded.settings.engagement.weights.completion == 1 && loaded.settings.engagement.weights.skippedEarly == 0)
    #expect(loaded.settings.trust.preset == .seedClamped && loaded.settings.embedding.dim == 4)
    #expect(loaded.settings.tooOld == .days(90))
  }

  @Test func `workload W1 can be written down`() throws {
    let yaml = """
      folds: [vector, trust, arms]
      trust: {preset: w1}
      rewards: {map: table, values: {click: 0.3}, rate: share, completion: all}
      vector: {form: plain}
      viewer: {idle: 0}
      bandit:
        learn_from: events
        layout: ["profile[0..<64]", "content[0..<26]", screen, daypart, bias, previous_reward]
      publish:
        views:
          - {row: viewer.vector, key: "w1:u:{id}", field: p}
          - {row: title.trust, key: "w1:c:{id}", field: t}
          - {row: title.arm, key: "w1:c:{id}", field: th}
      """
    let loaded = try load(yaml)
    #expect(loaded.problems == [])
    #expect(loaded.settings.publish.views.map(\.field) == ["p", "t", "th"])
    #expect(
      loaded.settings.publish.views[0].row == .viewerVector && loaded.settings.publish.views[0].key == "w1:u:{id}")
    #expect(loaded.settings.bandit.layout.count == 6)
    #expect(loaded.settings.viewer.idle == .zero)
  }

  @Test(arguments: [
    ("consumer_group: a", "x.yaml:1:1: consumer_group: unknown option; did you mean kafka.group?"),
    ("kafka: {auto_offset_reset: a}", "x.yaml:1:9: kafka.auto_offset_reset: unknown option; did you mean from?"),
    ("rewards: {values: {clik: 1}}", "x.yaml:1:19: rewards.values: clik is no feedback; did you mean click?"),
    ("folds: [vectors]", "x.yaml:1:8: folds: \"[vectors]\" has vectors, which must be one of vector, trust, affinity"),
    ("kafka: {brokers: []}", "x.yaml:1:18: kafka.brokers: needs at least one broker"),
    ("drift: {baseline_bucket: 7m}", "x.yaml:1:26: drift.baseline_bucket: must be a multiple of drift.bucket, 5m"),
    ("bandit: {learn_from: events}", "x.yaml:1:22: bandit.learn_from: events needs the fold arms; add it to folds"),
    ("publish: {views: [{row: x, key: a, field: b}]}", "x.yaml:1:18: publish.views: "),
    ("from: yesterday", "x.yaml:1:7: from: \"yesterday\" must be earliest, latest, ts="),
    ("inputs: {topic: a}", "x.yaml:1:9: inputs: \"{topic: a}\" must be a list, not a map"),
  ])
  func `mistakes are named with place and mend`(yaml: String, message: String) throws {
    let problems = try load(yaml).problems
    #expect(problems.count == 1)
    #expect(problems.first?.description.hasPrefix(message) == true, "\(problems)")
  }

  @Test(arguments: [
    ("earliest", StartFrom.earliest), ("latest", .latest), ("last=1h", .last(.hours(1))),
    ("ts=1795230000000", .timestamp(1_795_230_000_000)), ("ts=2026-11-21T03:00:00Z", .timestamp(1_795_230_000_000)),
    ("ts=2026-11-21T04:00:00.250+01:00", .timestamp(1_795_230_000_250)),
    ("ts=2026-11-21", .timestamp(1_795_219_200_000)),
  ])
  func `from takes places and times`(text: String, expected: StartFrom) throws {
    let value = try StartFrom(Node(text))
    #expect(value == expected)
    #expect(try StartFrom(value.node) == value)
  }

  @Test func `mappings may stand in the file itself`() throws {
    let loaded = try load("inputs:\n- topic: segment\n  rules: []\n")
    #expect(loaded.problems == [])
    #expect(loaded.settings.mappingNames == [])
    let input = loaded.settings.inputs.node.list?.first
    #expect(input?["topic"]?.text == "segment")
    #expect(input?["topic"]?.origin == .file(name: "x.yaml", line: 2, column: 10))
  }

  @Test(arguments: [
    ("redis: {url: \"redis://u:geheim@h:1/0\"}", "redis://u:********@h:1/0"),
    ("redis: {url: \"h:1,db=0,password=geheim,ssl=true\"}", "h:1,db=0,password=********,ssl=true"),
    ("redis: {url: \"redis://h:1\"}", "redis://h:1"),
  ])
  func `passwords inside addresses are stars`(yaml: String, shown: String) throws {
    let rows = try load(yaml).rows
    #expect(rows.first { $0.row.path == "redis.url" }?.text.trimmingCharacters(in: ["\""]) == shown)
    #expect(!rows.contains { $0.text.contains("geheim") })
  }
}

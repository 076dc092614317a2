import Events
import JSON
import Learners
import MemoryPort
import Pipeline
import Ports
import SQLitePort

/// Runs stories as records through the whole pipeline (log, decoder, plan, folds, store) and reads features back
/// from the store as of each step's moment.
struct StoryRunner {
  struct Difference {
    var story: String
    var step: Int
    var key: String
    var feature: String
    var text: String
  }
  private(set) var differences: [Difference] = []
  private(set) var compared = 0

  init() {}

  /// Runs one story; returns it with every expected value replaced by what was read.
  mutating func run(_ json: JSONValue) throws -> JSONValue {
    let story = try Story(json)
    let stage = try StoryStage(story)
    defer { stage.close() }
    var written: [JSONValue] = []
    for (number, step) in story.steps.enumerated() {
      try stage.play(step)
      var read: [JSONValue.Member] = []
      for member in step.expect.object ?? [] {
        let found = try stage.read(member.key, listed: member.value, step: step)
        compare(story.id, number, member, found)
        read.append(.init(member.key, found.value))
      }
      written.append(.object(read))
    }
    return Self.replacing(json, written)
  }

  private mutating func compare(
    _ story: String, _ step: Int, _ member: JSONValue.Member, _ found: (value: JSONValue, isFlat: Bool)
  ) {
    if member.value.string == "?" { return }
    if found.isFlat {
      compared += 1
      if let text = StoryStage.listDifference(member.value, found.value) {
        differences.append(.init(story: story, step: step, key: member.key, feature: "", text: text))
      }
      return
    }
    for feature in member.value.object ?? [] {
      compared += 1
      let value = found.value[feature.key]
      if let text = Comparison.difference(feature.key, expected: feature.value, found: value) {
        differences.append(.init(story: story, step: step, key: member.key, feature: feature.key, text: text))
      }
    }
  }

  private static func replacing(_ json: JSONValue, _ read: [JSONValue]) -> JSONValue {
    func with(_ step: JSONValue, _ expect: JSONValue) -> [JSONValue.Member] {
      (step.object ?? []).map { $0.key == "expect" ? .init("expect", expect) : $0 }
    }
    var members = with(json, read[0])
    if let then = json["then"]?.array {
      let steps = zip(then, read.dropFirst()).map { JSONValue.object(with($0, $1)) }
      members = members.map { $0.key == "then" ? .init("then", .array(steps)) : $0 }
    }
    return .object(members)
  }
}

/// One story on its stage: an empty worker over an in-memory log and a store file of its own.
private final class StoryStage {
  private let log = MemorySource()
  private let outlet = MemoryOutlet()
  private let clock = ManualClock()
  private let parts: WorkerParts
  private let folder = FileSystem.temporaryDirectory()
  private var worker: Worker
  private let reader: any FeatureReader
  private var offsets: [String: Int64] = [:]
  private var lettersSeen = 0
  private var time: Int64 = 0
  private var isStarted = false

  init(_ story: Story) throws {
    var overrides = SettingsOverlay.flat(story.settings)
    if let sweep = story.steps.compactMap(\.sweepAt).first {
      let minute = (sweep / 60_000) % 1440
      overrides.append(("trust.sweep_at", .string(StoryStage.clockText(minute))))
    }
    parts = try WorkerParts(loaded: SettingsOverlay.apply(overrides))
    for topic in parts.options.inputs { log.create(topic.name, partitions: 1) }
    let store = SQLiteStore(path: folder + "/features.db")
    reader = store
    worker = parts.worker(
      source: log, store: store, outlet: outlet, state: MemoryState(), plans: MemoryPlans(), clock: clock,
      onOneThread: true)
  }

  func play(_ step: StoryStep) throws {
    lettersSeen = outlet.delivered.count
    let end = step.readAt ?? step.sweepAt ?? time
    // Records arrive at their own time; then the clock goes on to the moment at which the step is read.
    let newest = (step.catalog + step.events).map(\.timestamp).max() ?? end
    time = max(time, min(newest, end))
    clock.setWall(ms: time)
    for record in step.catalog { produce(record) }
    if !isStarted {
      try worker.start()
      isStarted = true
      try settle()
    }
    for record in step.events { produce(record) }
    try settle()
    time = end
    clock.setWall(ms: time)
    try settle()
  }

  private func produce(_ record: StoryRecord) {
    log.append(record.topic, 0, key: record.key, value: record.value, timestamp: record.timestamp)
  }

  /// Steps until nothing is left to read, fold or publish.
  private func settle() throws {
    var quiet = 0
    while quiet < 3 {
      let before = worker.status.turn
      _ = try worker.step(waitMs: 0)
      clock.advance(ms: 2000)
      clock.setWall(ms: time)
      let isBusy = worker.status.turn != before || worker.road.hasUnpublished || !worker.publisherIsIdle
      quiet = isBusy ? 0 : quiet + 1
    }
  }

  func close() {
    worker.close()
    FileSystem.removeTree(folder)
  }

  /// What the step's key shows now; `isFlat` = a list compared as a whole.
  func read(_ key: String, listed: JSONValue, step: StoryStep) throws -> (value: JSONValue, isFlat: Bool) {
    switch key {
    case "counters":
      let totals = worker.road.totals
      let all = Dictionary(uniqueKeysWithValues: Counter.allCases.map { ($0.name, totals[$0]) })
      let names = (listed.object ?? []).map(\.key)
      return (
        .object((names.isEmpty ? all.keys.sorted() : names).map { .init($0, .integer(Int64(all[$0] ?? 0))) }), false
      )
    case "dead_letters": return (.array(deadLetters()), true)
    case "republished":
      let keys = worker.road.latestSweep.map { JSONValue.string("content:" + worker.road.ids.titles.text($0)) }
      return (.array(keys), true)
    default:
      let features = try StoredFeatures.read(key, reader: reader, at: time, options: parts.options.learn) ?? .object([])
      guard listed.string != "?" else { return (features, false) }
      let names = (listed.object ?? []).map(\.key)
      return (.object(names.map { .init($0, features[$0] ?? .null) }), false)
    }
  }

  private func deadLetters() -> [JSONValue] {
    outlet.delivered[lettersSeen...].filter { $0.topic == parts.options.deadLetterTopic }.map { record in
      func header(_ name: String) -> String? {
        record.headers.first { $0.name == name }.map { String(decoding: $0.value, as: UTF8.self) }
      }
      let reason = header("thalweg.reason") ?? ""
      var members: [JSONValue.Member] = [
        .init("topic", .string(header("__connect.errors.topic") ?? "")),
        .init("offset", .integer(Int64(header("__connect.errors.offset") ?? "") ?? -1)),
        .init("reason", .string(reason)),
      ]
      if reason == "missing_field" || reason == "bad_field", let field = header("thalweg.field") {
        members.append(.init("field", .string(field)))
      }
      return .object(members)
    }
  }

  /// Lists of things in any order.
  static func listDifference(_ expected: JSONValue, _ found: JSONValue) -> String? {
    let a = (expected.array ?? []).map { $0.text(sorted: true) }.sorted()
    let b = (found.array ?? []).map { $0.text(sorted: true) }.sorted()
    if a == b { return nil }
    let missing = a.filter { !b.contains($0) }
    let surplus = b.filter { !a.contains($0) }
    return "missing \(missing.joined(separator: " ")), surplus \(surplus.joined(separator: " "))"
  }

  private static func clockText(_ minute: Int64) -> String {
    let hour = String(minute / 60)
    let rest = String(minute % 60)
    return (hour.count < 2 ? "0" : "") + hour + ":" + (rest.count < 2 ? "0" : "") + rest
  }
}

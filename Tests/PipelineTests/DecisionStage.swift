import Bandits
import Events
import Learners
import Ports

@testable import MemoryPort
@testable import Pipeline

/// A worker over an empty log, told decisions and feedback record by record.
final class DecisionStage {
  static let start: Int64 = 1_794_340_800_000
  /// Two slots: a constant and a number, as the worked case of LinUCB has them.
  static let pair = ContextLayout(name: "pair", [ContextBlock("bias", .bias), ContextBlock("cosine", .cosine)])

  struct Line {
    var topic: String
    var value: String
    /// Event time and Kafka timestamp.
    var time: Int64
    var recordTime: Int64
  }

  let log = MemorySource()
  let outlet = MemoryOutlet()
  let state = MemoryState()
  let plans = MemoryPlans()
  let shelf = MemoryStore.Shelf()
  let clock = ManualClock(wallMs: DecisionStage.start)
  var options: WorkerOptions
  private(set) var worker: Worker!

  init(shards: Int = 1, _ change: (inout DecisionOptions) -> Void = { _ in }) throws {
    options = World.options(shards: shards)
    options.learn.viewerIdleMs = 0
    var decisions = DecisionOptions()
    change(&decisions)
    options.decisions = decisions
    for topic in Timeline.topics { log.create(topic, partitions: 1) }
    try begin()
  }

  func begin() throws {
    let ids = Identities(viewers: 64, titles: 64)
    worker = Worker(
      options: options, decoder: Decoder(mapping: Envelope.mapping, options: DecodeOptions(), ids: ids), ids: ids,
      source: log, store: MemoryStore(shelf: shelf), outlet: outlet, state: state, plans: plans, clock: clock,
      onOneThread: true)
    try worker.start()
    try settle()
  }

  /// A clean end and a new start.
  func restart() throws {
    _ = try worker.stop(deadlineMs: 5000)
    try begin()
  }

  static func model(
    _ learner: LearnerKind, layout: ContextLayout = pair, name: String = "titles", arm: ArmKey = .content
  ) -> LiveModel {
    var spec = ModelSpec(
      name: name, learner: learner, layout: layout.name, fingerprint: layout.fingerprint,
      dimension: learner == .beta ? 0 : layout.dimension)
    spec.alpha = 0.2
    return LiveModel(LearningOptions(spec: spec, scale: layout.scale), arm: arm)
  }

  // MARK: Records

  static func envelope(_ schema: String, _ time: Int64, _ user: String, _ rest: String, id: String? = nil) -> String {
    let event = id.map { #""event_id":"\#($0)","# } ?? ""
    return #"{"schema":"\#(schema)",\#(event)"timestamp":\#(time),"user_id":"\#(user)",\#(rest)}"#
  }

  /// - Parameter x: Per item, as float32.
  static func decision(
    _ id: String, _ user: String, at offset: Int64, _ items: [String], x: [[Float]]? = nil, rest: String = "",
    positions: Bool = true
  ) -> Line {
    let list = items.enumerated().map {
      #"{"content_id":"\#($1)","position":\#(positions ? "\($0 + 1)" : "null"),"propensity":0.5}"#
    }
    var extra = rest
    if let x { extra += #","x":"\#(base64(x.flatMap { $0 }))""# }
    let time = start + offset
    return Line(
      topic: "decisions",
      value: envelope(
        "decision/1", time, user,
        #""decision_id":"\#(id)","policy":"p","items":[\#(list.joined(separator: ","))]\#(extra)"#),
      time: time, recordTime: time)
  }

  static func operation(_ op: String, _ id: String, _ user: String, at offset: Int64) -> Line {
    let time = start + offset
    return Line(
      topic: "decisions", value: envelope("decision/1", time, user, #""decision_id":"\#(id)","op":"\#(op)""#),
      time: time, recordTime: time)
  }

  static func impression(_ id: String, _ user: String, at offset: Int64, _ items: [String], event: String) -> Line {
    let list = items.enumerated().map { #"{"content_id":"\#($1)","position":\#($0 + 1)}"# }
    let time = start + offset
    return Line(
      topic: "events.impression",
      value: envelope(
        "impression/1", time, user, #""decision_id":"\#(id)","items":[\#(list.joined(separator: ","))]"#, id: event),
      time: time, recordTime: time)
  }

  static func click(_ id: String, _ user: String, at offset: Int64, _ content: String, event: String) -> Line {
    feedback("events.click", "click/1", id, user, at: offset, content, "", event: event)
  }

  static func action(
    _ action: String, _ id: String, _ user: String, at offset: Int64, _ content: String, event: String
  ) -> Line {
    feedback(
      "events.interaction", "interaction/1", id, user, at: offset, content, #","action":"\#(action)""#, event: event)
  }

  static func watch(
    _ rate: Double, _ id: String, _ user: String, at offset: Int64, _ content: String, event: String
  ) -> Line {
    feedback(
      "events.watch", "watch/1", id, user, at: offset, content, #","completion_rate":\#(rate)"#, event: event)
  }

  private static func feedback(
    _ topic: String, _ schema: String, _ id: String, _ user: String, at offset: Int64, _ content: String,
    _ rest: String, event: String
  ) -> Line {
    let time = start + offset
    return Line(
      topic: topic,
      value: envelope(schema, time, user, #""content_id":"\#(content)","decision_id":"\#(id)"\#(rest)"#, id: event),
      time: time, recordTime: time)
  }

  /// Moves the frontier: a search of somebody else.
  static func tick(at offset: Int64) -> Line {
    let time = start + offset
    return Line(
      topic: "events.search", value: envelope("search/1", time, "nobody", #""query":"q""#, id: "tick\(offset)"),
      time: time, recordTime: time)
  }

  static func base64(_ values: [Float]) -> String {
    let bytes = values.flatMap { value in withUnsafeBytes(of: value.bitPattern.littleEndian) { Array($0) } }
    let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    var text: [UInt8] = []
    for i in stride(from: 0, to: bytes.count, by: 3) {
      let rest = bytes.count - i
      let word =
        UInt32(bytes[i]) << 16 | (rest > 1 ? UInt32(bytes[i + 1]) << 8 : 0) | (rest > 2 ? UInt32(bytes[i + 2]) : 0)
      for k in 0..<4 { text.append(k <= rest ? digits[Int(word >> UInt32(18 - 6 * k)) & 63] : 61) }
    }
    return String(decoding: text, as: UTF8.self)
  }

  // MARK: Running

  func tell(_ lines: [Line]) throws {
    for line in lines {
      log.append(line.topic, 0, key: Array("k".utf8), value: Array(line.value.utf8), timestamp: line.recordTime)
    }
    try settle()
  }

  func settle() throws {
    var quiet = 0
    for _ in 0..<2000 where quiet < 3 {
      let before = worker.status.turn
      _ = try worker.step(waitMs: 0)
      clock.advance(ms: 10)
      let isBusy =
        worker.status.turn != before || worker.road.hasUnpublished || !worker.publisherIsIdle
        || worker.lag().contains { $0.records > 0 } || !worker.referenceIsComplete || worker.mustCheckpointFirst
      quiet = isBusy ? 0 : quiet + 1
    }
  }

  /// The fields of a key as text, without the version.
  func fields(_ key: String) -> [String: String]? {
    shelf.contents.hashes[Array(key.utf8)].map { fields in
      Dictionary(
        uniqueKeysWithValues: fields.filter { $0.name != [118] }.map {
          (String(decoding: $0.name, as: UTF8.self), String(decoding: $0.value, as: UTF8.self))
        })
    }
  }

  /// What is published of a decision's items.
  func rewards(_ id: String) -> [String: String]? {
    fields("decision:\(id)")?.filter { $0.key != "updated_at" }
  }

  func published(_ name: String = "titles") throws -> PublishedModel? {
    try worker.publishEverything()
    guard let fields = shelf.contents.hashes[Array("model:\(name)".utf8)],
      let bytes = fields.first(where: { $0.name == Array("snapshot".utf8) })?.value
    else { return nil }
    return try PublishedModel(decoding: bytes)
  }

  /// Rows of one kind in the dump.
  func rows(_ kind: String) -> [String] {
    String(decoding: worker.road.dumpBytes, as: UTF8.self).split(separator: "\n").map(String.init)
      .filter { $0.hasPrefix(kind + "\t") }
  }

  func count(_ counter: Counter) -> UInt64 { worker.road.totals[counter] }
}

import Bandits
import Foundation
import JSON
import KafkaPort
import Pipeline
import Ports
import Testing

@testable import App

/// The whole loop outside the process: real Kafka brings decisions and feedback, Redis gets the models.
@Suite(.serialized, .timeLimit(.minutes(3))) struct LearnLiveTests {
  private static let decisions = 24
  private static let topics = [
    "decisions", "events.impression", "events.click", "events.watch", "events.interaction", "content.catalog",
    "decisions.resolved",
  ]

  /// Decisions with contexts, what was shown, and feedback of several stages, all within ninety seconds.
  private static func records(from start: Int64) -> [OutRecord] {
    (0..<decisions).flatMap { d -> [OutRecord] in
      let (user, time) = ("u\(d % 6)", start + Int64(d) * 1000)
      let titles = (0..<4).map { "t\((d + $0 * 2) % 7)" }
      let items = titles.enumerated().map { #"{"content_id":"\#($1)","position":\#($0 + 1),"propensity":0.25}"# }
      var x = Data()
      for i in 0..<400 {
        withUnsafeBytes(of: Float((i * 13 + d * 7) % 64) / 64 - 0.5) { x.append(contentsOf: $0) }
      }
      func feedback(_ topic: String, _ schema: String, _ item: Int, after: Int64, _ rest: String = "") -> OutRecord {
        OutRecord(
          topic, user,
          #"{"schema":"\#(schema)/1","event_id":"\#(schema)-\#(d)-\#(item)","timestamp":\#(time + after),"user_id":"\#(user)","#
            + #""content_id":"\#(titles[item])","decision_id":"d\#(d)","position":\#(item + 1)\#(rest)}"#,
          at: time + after)
      }
      var all = [
        OutRecord(
          "decisions", user,
          #"{"schema":"decision/1","decision_id":"d\#(d)","user_id":"\#(user)","timestamp":\#(time),"policy":"even","#
            + #""items":[\#(items.joined(separator: ","))],"x":"\#(x.base64EncodedString())"}"#, at: time),
        OutRecord(
          "events.impression", user,
          #"{"schema":"impression/1","event_id":"i\#(d)","timestamp":\#(time + 5),"user_id":"\#(user)","#
            + #""decision_id":"d\#(d)","items":[\#(items.joined(separator: ","))]}"#, at: time + 5),
        feedback("events.click", "click", d % 4, after: 4000),
      ]
      if d % 2 == 0 {
        all.append(feedback("events.watch", "watch", d % 4, after: 60_000, #","completion_rate":0.\#(1 + d % 9)"#))
      }
      if d % 3 == 0 {
        all.append(feedback("events.interaction", "interaction", 2, after: 9000, #","action":"dislike""#))
      }
      return all
    }
  }

  /// Moves the merge time behind every short window.
  private static func tick(_ start: Int64) -> OutRecord {
    Sample.watch(0, user: "nobody", title: "t0", at: start + 500_000)
  }

  private static func models(_ assignments: [String]) throws -> [String] {
    let dump = try runVerb(["state", "dump"], .table, assignments: assignments)
    return dump.text.split(separator: "\n").map(String.init).filter { $0.hasPrefix("model\t") }
  }

  /// Last line of each learned item: its reward and probability.
  private static func learned(_ tail: String) throws -> [String: String] {
    var last: [String: String] = [:]
    for text in tail.split(separator: "\n") {
      let line = try JSONValue(parsing: String(text))
      last[line["EventId"]?.string ?? ""] =
        "\(line["reward"]?.double ?? .nan) \(line["stage"]?.int ?? -1) \(line["_label_probability"]?.double ?? .nan)"
    }
    return last
  }

  @Test(.enabled(if: RealKafka.script != nil, "no Kafka here"))
  func `shuffled and sent twice over real Kafka, decisions teach what they teach once and in order`() throws {
    guard let redis = LocalRedis() else { return print("skipped: no redis-server") }
    let start = Int64(Date().timeIntervalSince1970 * 1000) / 60_000 * 60_000 - 3_600_000
    let ordered = Self.records(from: start)

    let plain = try SmallRun(topics: Self.topics)
    try plain.fold(ordered.sorted { $0.timestamp < $1.timestamp } + [Self.tick(start)])
    let expected = try Self.models(plain.assignments)
    let expectedLines = try Self.learned(try plain.ask("decisions", "tail", "-o", "beginning").text)
    #expect(expected.count == 1 && expectedLines.count > 40, "\(expectedLines.count)")

    let kafka = try RealKafka()
    for topic in Self.topics { try kafka.create(topic, partitions: 2) }
    var random = SplitMix(seed: 3)
    var order = Array((ordered + ordered).indices)[...]
    random.shuffle(&order)
    let shuffled = order.map { i in
      var record = (ordered + ordered)[i]
      record.timestamp = start + Int64(random.below(50_000))
      return record
    }
    let worker = try LiveWorker([
      "kafka.brokers=\(kafka.bootstrap)", "redis.url=\(redis.url)", "kafka.group=learn", "model.interval=300ms",
      "viewer.idle=0",
    ])
    #expect(worker.waitReady() == "ready", "\(worker.log)")
    let outlet = try KafkaOutlet(KafkaConfig(brokers: kafka.bootstrap, group: "t", joinsGroup: false))
    for record in shuffled { try outlet.send(record) }
    #expect(outlet.flush(timeoutMs: 20_000))
    func consumed() -> Int {
      let summary = (try? JSONValue(parsing: (try? worker.get("/summary").text) ?? "")) ?? .null
      return (summary["topics"]?.array ?? []).reduce(0) { $0 + ($1["events"]?.int ?? 0) }
    }
    #expect(worker.wait(20) { consumed() >= shuffled.count ? true : nil } == true, "\(consumed()) \(worker.log)")
    try outlet.send(Self.tick(start))
    #expect(outlet.flush(timeoutMs: 20_000))
    outlet.close()
    let updates = #"thalweg_model_updates_total{policy="titles"}"#
    let count = Double(expectedLines.count)
    #expect(worker.wait(20) { worker.metric(updates) ?? 0 >= count ? true : nil } == true, "\(worker.log)")

    // What serving reads.
    let assignments = worker.settings + ["log.level=error"]
    let settings = Settings.load(file: nil, environment: [:], assignments: assignments).settings
    var published = PublishedModels(try WorkerHost.reader(settings))
    let model = worker.wait(10) { () -> PublishedModel? in
      guard let model = try? published.model("titles"), Double(model.snapshot.decisions) == count else { return nil }
      return model
    }
    #expect(model?.dimension == 100 && published.refused == 0)
    #expect(worker.metric(updates) == count && worker.metric(#"thalweg_model_condition{policy="titles"}"#) ?? 0 > 1)
    #expect(worker.metric(#"thalweg_join_total{outcome="default_reward"}"#) ?? 0 > 0)
    #expect(worker.stop() == 0)
    #expect(try Self.models(assignments) == expected, "sums, bit for bit")
    let tail = try runVerb(["decisions", "tail", "-o", "beginning"], .json, assignments: assignments)
    #expect(try Self.learned(tail.text) == expectedLines)
  }
}

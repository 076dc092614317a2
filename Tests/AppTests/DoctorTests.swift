import Events
import Foundation
import KafkaPort
import Options
import Ports
import RedisPort
import Testing

@testable import App

@Suite struct DoctorTests {
  static func topic(
    _ settings: [(name: String, value: String)]?, leaderless: [Int32] = []
  ) -> TopicDescription {
    TopicDescription(
      name: "t", partitionCount: 6, replicas: 3, leaderless: leaderless,
      settings: settings.map { $0.map { ($0.name, $0.value, true) } })
  }

  static let day: Int64 = 86_400_000
  static let cases: [(TopicDescription, isReference: Bool, Finding.Verdict, says: String)] = [
    (topic(nil), false, .ok, "6 partitions, 3 replicas"),
    (topic([("cleanup.policy", "delete"), ("retention.ms", "-1")]), false, .ok, "kept for ever"),
    (topic([("cleanup.policy", "delete"), ("retention.ms", "\(7 * day)")]), false, .ok, "kept 7.0 d"),
    (
      topic([("cleanup.policy", "delete"), ("retention.ms", "\(day)")]), false, .failed,
      "raise the topic's retention.ms"
    ),
    (topic([("cleanup.policy", "compact")]), false, .failed, "cleanup.policy=delete"),
    (topic([("cleanup.policy", "compact"), ("retention.ms", "\(day)")]), true, .ok, "compact"),
    (topic([("cleanup.policy", "delete"), ("retention.ms", "\(day)")]), true, .failed, "cleanup.policy=compact"),
    (topic([("cleanup.policy", "delete"), ("retention.ms", "-1")]), true, .ok, "kept for ever"),
    (topic([], leaderless: [2]), false, .failed, "no leader for [2]"),
  ]

  @Test(arguments: cases.indices)
  func `a topic is judged by what we need of it`(index: Int) {
    let (topic, isReference, verdict, says) = Self.cases[index]
    let finding = DoctorKafka.judge(topic, isReference: isReference, keepMs: 7 * Self.day)
    #expect(finding.verdict == verdict)
    #expect(finding.line.contains(says), "\(finding.line)")
    #expect((finding.mend.isEmpty) == (verdict != .failed))
  }

  @Test func `a Redis is judged by what it must be to hold features`() {
    var good = RedisFacts()
    good.evictionPolicy = "noeviction"
    good.usedBytes = 10
    good.maxBytes = 1000
    #expect(Doctor.judge(good).allSatisfy { $0.verdict == .ok })
    func ill(_ change: (inout RedisFacts) -> Void) -> [String] {
      var facts = good
      change(&facts)
      return Doctor.judge(facts).filter { $0.verdict == .failed }.map(\.name)
    }
    #expect(ill { $0.evictionPolicy = "allkeys-lru" } == ["redis eviction"])
    #expect(
      ill {
        $0.evictionPolicy = "allkeys-lru"
        $0.maxBytes = 0
      } == [])
    #expect(ill { $0.usedBytes = 950 } == ["redis memory"])
    #expect(ill { $0.isReplica = true } == ["redis role"])
    #expect(ill { $0.skewMs = -7000 } == ["clock"])
  }

  @Test func `a finding is one line, whatever it quotes, and one object`() {
    let finding = Finding.failed("broker", "said\n\u{1b}[31mred", mend: "do this")
    #expect(finding.line == "FAILED  broker                        said··[31mred; mend: do this")
    #expect(finding.json.contains(#""verdict":"failed""#) && !finding.json.contains("\n"))
  }

  private func examine(_ assignments: [String]) -> [String: Finding] {
    let loaded = Settings.load(file: nil, environment: [:], assignments: assignments)
    #expect(loaded.problems.isEmpty, "\(loaded.problems)")
    var findings: [String: Finding] = [:]
    Doctor(context: Context(loaded: loaded, output: Output(capturing: .table))) { findings[$0.name] = $0 }.examine()
    return findings
  }

  @Test func `nothing outside answers: each failing line names its mend, the others are said all the same`() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "doctor-\(UUID().uuidString)").path
    let findings = examine([
      "state_dir=\(folder)/deep/er", "kafka.brokers=127.0.0.1:1", "redis.url=redis://127.0.0.1:1", "admin.port=0",
      "kafka.options={sasl.mechanism: SCRAM-SHA-256, security.protocol: sasl_plaintext, sasl.username: u, sasl.password: p}",
      "store.kind=redis",
    ])
    #expect(findings["broker"]?.verdict == .failed && findings["redis"]?.verdict == .failed)
    #expect(findings["disk"]?.verdict == .ok && findings["sqlite"]?.verdict == .ok)
    #expect(findings.values.allSatisfy { ($0.verdict == .failed) == !$0.mend.isEmpty })
    if KafkaLibrary.version < "2.6.1" { #expect(findings["librdkafka"]?.mend.contains("PLAIN over TLS") == true) }
  }

  @Test func `records that would become dead letters are found in a sample`() throws {
    let broker = try MockCluster(topics: [("watch", 2), ("dlq.events", 1), ("alerts.drift", 1)])
    let outlet = try KafkaOutlet(KafkaConfig(brokers: broker.bootstrap, group: "g"), topics: ["watch"])
    for number in 0..<10 {
      let value = number % 2 == 0 ? "not json" : "{}"
      try outlet.send(OutRecord(topic: "watch", key: Array("u".utf8), value: Array(value.utf8), timestamp: 1))
    }
    #expect(outlet.flush(timeoutMs: 10_000))
    outlet.close()
    let mapping = "[{topic: watch, emit: watch}]"
    let findings = examine([
      "state_dir=\(NSTemporaryDirectory())", "kafka.brokers=\(broker.bootstrap)", "store.kind=memory", "admin.port=0",
      "inputs=\(mapping)",
    ])
    #expect(findings["broker"]?.verdict == .ok, "\(findings)")
    #expect(findings["topic watch"]?.text.hasPrefix("2 partitions") == true)
    #expect(findings["topic dlq.events"]?.verdict == .ok)
    let sample = try #require(findings["sample of watch"], "\(findings)")
    #expect(sample.verdict == .failed && sample.text.contains("10 records, 10 would be dead letters"), "\(sample.line)")
  }

  /// Ranges as the brokers of these releases tell them (`kafka-broker-api-versions.sh`).
  @Test(arguments: [
    (4...18, "4.1 or later"), (4...17, "4.0 or later"), (0...17, "3.9 or later"), (0...16, "3.7 or later"),
    (0...13, "3.1 or later"), (0...12, "2.7 or later"), (0...11, "2.3 or later"), (0...4, "0.11 or later"),
    (0...2, nil),
  ])
  func `a version follows from the Fetch requests a broker takes`(range: ClosedRange<Int>, release: String?) {
    #expect(BrokerVersion.release(fetch: range) == release)
    #expect(
      BrokerVersion.fetchRange(
        in: "librdkafka APIVERSION: [thrd:x]: x:   ApiKey Fetch (1) Versions \(range.lowerBound)..\(range.upperBound)")
        == range)
  }
}

import KafkaPort
import Options
import Ports
import Testing

@testable import App

@Suite struct KafkaVerbTests {
  /// A context of the defaults with some settings, answering into memory.
  private func context(_ form: OutputForm, _ assignments: [String]) -> Context {
    let loaded = Settings.load(file: nil, environment: [:], assignments: assignments)
    #expect(loaded.problems == [])
    return Context(loaded: loaded, output: Output(capturing: form))
  }

  private let event = """
    {"specversion":"1.0","id":"a-firing","type":"dev.thalweg.drift.firing.v1","time":"2026-11-21T03:00:00Z",\
    "data":{"state":"firing","metric":"ctr","scope":"genre:drama","current":0.1,"baseline":0.25,"message":"down"}}
    """

  private func cluster() throws -> MockCluster {
    let cluster = try MockCluster(topics: [("alerts.drift", 1), ("dlq.events", 1), ("watch", 2)])
    let outlet = try KafkaOutlet(KafkaConfig(brokers: cluster.bootstrap), topics: ["alerts.drift", "dlq.events"])
    for _ in 0..<3 { try outlet.send(OutRecord(topic: "alerts.drift", key: Array("a".utf8), value: Array(event.utf8))) }
    try outlet.send(
      OutRecord(
        topic: "dlq.events", key: [], value: Array("{\"a\u{1b}".utf8),
        headers: [
          ("thalweg.reason", Array("bad_json".utf8)), ("__connect.errors.topic", Array("watch".utf8)),
          ("__connect.errors.partition", Array("1".utf8)), ("__connect.errors.offset", Array("7".utf8)),
        ], timestamp: 1_795_230_000_000))
    #expect(outlet.flush(timeoutMs: 10_000))
    outlet.close()
    return cluster
  }

  @Test func `alerts tail prints the event as it stands, or a row`() throws {
    let cluster = try cluster()
    let json = context(.json, ["kafka.brokers=\(cluster.bootstrap)"])
    var verb = AlertsTail()
    verb.count = 2
    try verb.run(json)
    #expect(json.output.text == event + "\n" + event + "\n")
    let table = context(.table, ["kafka.brokers=\(cluster.bootstrap)"])
    verb.offset = "-1"
    try verb.run(table)
    let lines = table.output.text.split(separator: "\n")
    #expect(lines.count == 2)
    #expect(
      lines[1].split(separator: " ").map(String.init)
        == ["2026-11-21T03:00:00Z", "firing", "ctr", "genre:drama", "0.1000", "0.2500", "down"])
  }

  @Test func `dead letters show reason, place and value without control characters`() throws {
    let cluster = try cluster()
    let table = context(.table, ["kafka.brokers=\(cluster.bootstrap)"])
    try DeadLettersTail().run(table)
    #expect(table.output.text == "2026-11-21T03:00:00.000Z  bad_json  watch/1/7  {\"a \n")
  }

  @Test func `lag names every partition, also one that was never committed`() throws {
    let cluster = try cluster()
    let json = context(.json, ["kafka.brokers=\(cluster.bootstrap)"])
    var verb = LagVerb()
    verb.topics = ["dlq.events"]
    try verb.run(json)
    #expect(
      json.output.text
        == #"{"group":"thalweg","lag":1,"partitions":[{"topic":"dlq.events","partition":0,"start":0,"end":1,"committed":null,"lag":1}]}"#
        + "\n")
  }

  @Test func `a topic that does not exist is named`() throws {
    let cluster = try cluster()
    var verb = TopicsTail()
    verb.topic = "nosuch"
    let error = #expect(throws: PortError.self) {
      try verb.run(context(.table, ["kafka.brokers=\(cluster.bootstrap)"]))
    }
    #expect(error?.message.contains("topic nosuch") == true)
  }

  @Test(
    arguments: [
      ("topic: a", 1, [:]),
      ("{topic: a, partitions: 6, config: {cleanup.policy: compact}}", 6, ["cleanup.policy": "compact"]),
      ("{topic: a, config: {retention.ms: 604800000}}", 1, ["retention.ms": "604800000"]),
      (
        "{topic: a, config: {retention.ms: -1, max.message.bytes: 2097152}}", 1,
        ["retention.ms": "-1", "max.message.bytes": "2097152"]
      ),
    ] as [(String, Int, [String: String])])
  func `a declaration becomes the broker's settings`(yaml: String, partitions: Int, settings: [String: String]) throws {
    let made = try TopicDeclaration(YAML.parse(yaml, name: "a.yaml"), file: "a.yaml")
    #expect(made.topic == "a" && made.partitions == partitions)
    #expect(Dictionary(uniqueKeysWithValues: made.settings.map { ($0.name, $0.value) }) == settings)
    var found = TopicDescription(name: "a", partitionCount: 1, replicas: 1, leaderless: [], settings: nil)
    found.settings = made.settings.map { ($0.name, $0.value, true) }
    #expect(made.differences(from: found) == [])
    found.settings = made.settings.map { ($0.name, "x", true) }
    #expect(made.differences(from: found).count == settings.count)
  }

  @Test func `a declaration without a topic is refused with its file`() throws {
    #expect(throws: Failure.self) { try TopicDeclaration(YAML.parse("partitions: 3", name: "b.yaml"), file: "b.yaml") }
  }
}

import Foundation
import Testing

@testable import App

/// A worker on a real Kafka, as Kafka's own tools and `kcat` see it.
@Suite(
  .serialized, .timeLimit(.minutes(3)),
  .enabled(if: RealKafka.script != nil, "no real Kafka here: no java, or no kafka.sh (THALWEG_TEST_KAFKA)"))
struct GroupToolTests {
  /// TOPIC, PARTITION, CURRENT-OFFSET, LOG-END-OFFSET, LAG, CONSUMER-ID of one group's rows.
  private func rows(_ kafka: RealKafka, _ group: String) throws -> [[String]] {
    try kafka.tool("groups", "--describe", "--group", group).split(separator: "\n")
      .map { $0.split(separator: " ").map(String.init) }.filter { $0.first == group }.map { Array($0.dropFirst()) }
  }

  @Test func `kafka-consumer-groups shows the worker's place and its lag, alive and stopped`() throws {
    let kafka = try RealKafka()
    for topic in ["events.watch", "dlq.events", "alerts.drift"] { try kafka.create(topic, "retention.ms=-1") }
    func produce(_ numbers: Range<Int>) throws {
      let scratch = Places.Scratch()
      let lines = numbers.map { String(decoding: Sample.watch($0, at: 1_795_230_000_000).value!, as: UTF8.self) }
      try scratch.write("in", lines.joined(separator: "\n") + "\n")
      let said = Spawned.run(
        "kcat", ["-b", kafka.bootstrap, "-t", "events.watch", "-P", "-k", "ann", "-l", scratch.path + "/in"])
      #expect(said.code == 0, "\(said.text)")
    }
    guard ClientTests.has("kcat") else { return print("skipped: no kcat (Debian package kcat)") }
    try produce(0..<250)
    let scratch = Places.Scratch()
    let settings = ["kafka.brokers=\(kafka.bootstrap)", "kafka.group=tools", "store.kind=sqlite"]
    let worker = try LiveWorker(settings, scratch: scratch)
    #expect(worker.waitReady() == "ready", "\(worker.log)")
    let first = worker.wait(30) { () -> [String]? in
      guard let row = try? rows(kafka, "tools").first(where: { $0.first == "events.watch" }), row.count > 5,
        row[2] == "250", row[5].contains("thalweg") || row[5] != "-"
      else { return nil }
      return row
    }
    let all = try rows(kafka, "tools")
    #expect(first?[1] == "0" && first?[3] == "250" && first?[4] == "0", "\(all)")
    let members = try kafka.tool("groups", "--describe", "--group", "tools", "--members")
    #expect(members.contains("thalweg"), "\(members)")
    #expect(worker.metric("thalweg_rebalances_total") ?? 0 >= 1)
    #expect(worker.stop() == 0, "\(worker.log)")
    try produce(250..<290)
    let second = try rows(kafka, "tools").first { $0.first == "events.watch" }
    #expect(second?[2] == "250" && second?[3] == "290" && second?[4] == "40", "\(second ?? [])")
    let lag = try runVerb(["lag", "--topic", "events.watch"], .json, assignments: settings).text
    #expect(lag.contains(#""lag":40"#), "\(lag)")
  }
}

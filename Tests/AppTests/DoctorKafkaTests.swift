import Foundation
import KafkaPort
import Options
import Testing

@testable import App

/// The doctor against a real Kafka with TLS, passwords and access rules.
@Suite(
  .serialized, .timeLimit(.minutes(3)),
  .enabled(if: RealKafka.script != nil, "no real Kafka here: no java, or no kafka.sh (THALWEG_TEST_KAFKA)"))
struct DoctorKafkaTests {
  @Test func `a good user, a wrong password, a user without rights, SCRAM and no TLS: each is told apart`() throws {
    let kafka = try RealKafka(secure: true)
    let secure = kafka.secureBootstrap
    try kafka.create("watch", partitions: 3, "retention.ms=-1")
    try kafka.create("short", partitions: 1, "retention.ms=3600000")
    try kafka.create("table", partitions: 1, "cleanup.policy=compact")
    try kafka.create("dlq.events")
    try kafka.create("alerts.drift")
    let state = Places.Scratch()
    func examine(_ mechanism: String, _ user: String, _ password: String, topics: [String], tls: Bool = true)
      -> [String: Finding]
    {
      let inputs = topics.map { "{topic: \($0), emit: watch}" }.joined(separator: ", ")
      let loaded = Settings.load(
        file: nil, environment: [:],
        assignments: [
          "state_dir=\(state.path)", "store.kind=memory", "admin.port=0", "kafka.brokers=\(secure)",
          "inputs=[\(inputs)]",
          tls
            ? "kafka.options={security.protocol: sasl_ssl, sasl.mechanism: \(mechanism), sasl.username: \(user), "
              + "sasl.password: \(password), ssl.ca.location: \(kafka.folder)/tls/ca.pem}"
            : "kafka.options={socket.connection.setup.timeout.ms: 2000}",
        ])
      #expect(loaded.problems.isEmpty, "\(loaded.problems)")
      var findings: [String: Finding] = [:]
      let began = Date()
      Doctor(context: Context(loaded: loaded, output: Output(capturing: .table))) { findings[$0.name] = $0 }.examine()
      #expect(Date().timeIntervalSince(began) < 25, "seconds, not minutes")
      #expect(findings.values.allSatisfy { ($0.verdict == .failed) == !$0.mend.isEmpty })
      return findings
    }
    let good = examine("PLAIN", "alice", "alice-secret", topics: ["watch"])
    #expect(good.values.allSatisfy { $0.verdict != .failed }, "\(good.values.map(\.line))")
    #expect(good["topic watch"]?.text == "3 partitions, 1 replica, delete, kept for ever")
    #expect(good["group thalweg"]?.text == "free")
    #expect(good["broker"]?.text.hasSuffix("1 broker, Kafka 4.1 or later") == true, "\(good["broker"]?.line ?? "")")
    #expect(good["sample of watch"]?.verdict == .skipped)

    let ill = examine("PLAIN", "alice", "alice-secret", topics: ["short", "table", "nosuch"])
    #expect(ill["topic short"]?.mend.contains("retention.ms") == true)
    #expect(ill["topic table"]?.mend.contains("cleanup.policy=delete") == true)
    #expect(ill["topics"]?.text.contains("nosuch") == true)

    let wrong = examine("PLAIN", "alice", "wrong", topics: ["watch"])
    #expect(
      wrong["broker"]?.verdict == .failed && wrong["broker"]?.text.contains("Invalid username or password") == true,
      "\(wrong["broker"]?.line ?? "")")
    #expect(wrong["librdkafka"]?.verdict == .ok)

    let stranger = examine("PLAIN", "mallory", "mallory-secret", topics: ["watch"])
    #expect(stranger["broker"]?.verdict == .ok)
    #expect(stranger["topic watch"]?.verdict == .failed && stranger["topic watch"]?.text == "this user may not see it")
    #expect(stranger["topic watch"]?.mend.contains("Read, Describe") == true)
    #expect(stranger["topic dlq.events"]?.mend.contains("Write") == true)
    #expect(stranger["group thalweg"]?.text.contains("Group authorization failed") == true)

    // May look, and do nothing: what `Describe` alone shows must not pass for the right to read and write.
    func allow(_ operation: String, _ resources: String...) throws {
      _ = try kafka.acl(["--add", "--allow-principal", "User:mallory", "--operation", operation] + resources)
    }
    try allow(
      "Describe", "--topic", "watch", "--topic", "dlq.events", "--topic", "alerts.drift", "--group", "thalweg")
    let onlooker = examine("PLAIN", "mallory", "mallory-secret", topics: ["watch"])
    #expect(onlooker["topic watch"]?.text == "3 partitions, 1 replica; retention is not told (DescribeConfigs)")
    #expect(onlooker["sample of watch"]?.verdict == .failed, "\(onlooker["sample of watch"]?.line ?? "")")
    #expect(onlooker["topic dlq.events"]?.text == "1 partition, this user may not write it")
    #expect(onlooker["topic alerts.drift"]?.mend == "give this user the right Write on the topic")
    #expect(onlooker["group thalweg"]?.text == "this user may see it, not join it")
    try allow("Read", "--topic", "watch", "--group", "thalweg")
    try allow("Write", "--topic", "dlq.events", "--topic", "alerts.drift")
    let worker = examine("PLAIN", "mallory", "mallory-secret", topics: ["watch"])
    #expect(worker.values.allSatisfy { $0.verdict != .failed }, "\(worker.values.map(\.line))")
    #expect(worker["topic dlq.events"]?.text == "1 partition, this user may write it")
    #expect(worker["group thalweg"]?.text == "free")
    let admin = try KafkaAdmin(KafkaConfig(brokers: kafka.bootstrap, group: "thalweg"))
    let left = try admin.lag(of: ["watch", "dlq.events", "alerts.drift"])
    admin.close()
    #expect(left.count == 5 && left.allSatisfy { $0.log.high == 0 && $0.committed == nil }, "the doctor wrote: \(left)")

    let scram = examine("SCRAM-SHA-256", "alice", "alice-secret", topics: ["watch"])
    #expect((scram["librdkafka"]?.verdict == .failed) == (KafkaLibrary.version < "2.6.1"))
    #expect((scram["librdkafka"]?.verdict == .failed) == (scram["broker"]?.verdict == .failed))

    let plain = examine("", "", "", topics: ["watch"], tls: false)
    #expect(plain["broker"]?.verdict == .failed, "\(plain["broker"]?.line ?? "")")
  }
}

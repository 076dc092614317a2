import Foundation
import KafkaPort
import Ports
import Testing

/// A real broker for one suite, by the script that THALWEG_TEST_KAFKA names (default ../shared/kafka/kafka.sh).
enum RealKafka {
  static let script: String? = {
    let named = ProcessInfo.processInfo.environment["THALWEG_TEST_KAFKA"]
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let path = named ?? root.deletingLastPathComponent().appendingPathComponent("shared/kafka/kafka.sh").path
    let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
    let hasJava = folders.contains { FileManager.default.isExecutableFile(atPath: "\($0)/java") }
    return hasJava && FileManager.default.isExecutableFile(atPath: path) ? path : nil
  }()

  @discardableResult
  static func run(_ arguments: [String]) throws -> String {
    // Spawned by hand and answered into a file: the broker inherits what Foundation's Process waits on, and keeps it.
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("thalweg-\(UUID().uuidString).out").path
    defer { try? FileManager.default.removeItem(atPath: file) }
    let words = ["/bin/bash", "-c", "exec bash \"$@\" > '\(file)' 2>/dev/null", "kafka", script!] + arguments
    var argv = words.map { strdup($0) } + [nil]
    defer { for word in argv { free(word) } }
    var child = pid_t()
    guard posix_spawn(&child, "/bin/bash", nil, nil, &argv, environ) == 0 else { throw CocoaError(.fileNoSuchFile) }
    var status: Int32 = 0
    waitpid(child, &status, 0)
    let data = try Data(contentsOf: URL(fileURLWithPath: file))
    return String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
  }
}

/// What only a real broker shows: groups, static members, topic settings, retention.
@Suite(
  .serialized, .timeLimit(.minutes(3)),
  .enabled(if: RealKafka.script != nil, "no real Kafka here: no java, or no kafka.sh (THALWEG_TEST_KAFKA)"))
struct KafkaRealTests {
  @Test func `L8 and groups, static members, commits, settings and retained heads on a real broker`() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("thalweg-kafka-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    let bootstrap = try RealKafka.run(["start", folder.path])
    defer { _ = try? RealKafka.run(["stop", folder.path]) }
    #expect(bootstrap.contains(":"))
    let lines = Lines()
    func config(_ instance: String?, group: String = "g", joins: Bool = true) -> KafkaConfig {
      KafkaConfig(
        brokers: bootstrap, group: group, instanceID: instance, joinsGroup: joins, sessionTimeoutMs: 6_000,
        log: { lines.add($1) })
    }

    // Topics with settings.
    let admin = try KafkaAdmin(config(nil))
    defer { admin.close() }
    #expect(try admin.create(topic: "watch", partitions: 3, settings: [("retention.ms", "-1")]) == .created)
    #expect(try admin.create(topic: "watch", partitions: 3) == .existed)
    #expect(
      try admin.create(topic: "alerts.drift", partitions: 1, settings: [("cleanup.policy", "compact")]) == .created)
    let bad = #expect(throws: PortError.self) {
      try admin.create(topic: "bad", partitions: 1, settings: [("cleanup.policy", "sometimes")])
    }
    #expect(bad?.message.contains("topic bad") == true)
    var described = try admin.describe(topic: "watch")
    for _ in 0..<200 where described?.partitionCount != 3 || described?.leaderless != [] {
      usleep(50_000)  // a broker learns of a new topic after it has said that it made it
      described = try admin.describe(topic: "watch")
    }
    #expect(described?.partitionCount == 3 && described?.leaderless == [])
    let retention = described?.settings?.first { $0.name == "retention.ms" }
    #expect(retention?.value == "-1" && retention?.isOwn == true)
    #expect(try admin.describe(topic: "nosuch") == nil)
    #expect(try admin.describe(topic: "nosuch") == nil, "asking does not make a topic")

    // Records in order with headers, times found.
    let outlet = try KafkaOutlet(config(nil), topics: ["watch"])
    for i in 0..<300 {
      try outlet.send(OutRecord("watch", "k\(i % 11)", "\(i)", trace: "t\(i)", timestamp: 1_000_000 + Int64(i)))
    }
    #expect(outlet.flush(timeoutMs: 10_000))
    outlet.close()

    let first = try KafkaSource(config("w1"))
    let found = try first.partitions(of: ["watch", "nosuch"])
    #expect(found.map(\.partition) == [0, 1, 2])
    let marks = try first.watermarks(found, timeoutMs: 5_000)
    #expect(marks.map(\.high).reduce(0, +) == 300)
    #expect(try first.offset(found[0], at: 2_000_000) == nil)
    #expect(try first.offset(found[0], at: 0) == 0)
    let entries = found.enumerated().map { (partition: $1, source: UInt16($0), input: 0, offset: Int64(0)) }
    try first.start(entries)
    let sink = Collector()
    try first.collect(300, into: sink)
    #expect(sink.items.count == 300)
    for source in 0..<UInt16(3) {
      let own = sink.items.filter { $0.source == source }
      #expect(own.map(\.offset) == Array(0..<Int64(own.count)))
      #expect(own.map { Int($0.value!)! } == own.map { Int($0.value!)! }.sorted())
      #expect(own.allSatisfy { $0.trace == "t" + $0.value! && $0.timestamp == 1_000_000 + Int64($0.value!)! })
    }
    var until = Date().addingTimeInterval(15)
    while !first.isJoined, Date() < until { _ = try first.poll(timeoutMs: 20, limit: 10, into: sink) }
    #expect(first.isJoined)
    first.commit(marks.enumerated().map { (source: UInt16($0), next: $1.high) })
    until = Date().addingTimeInterval(5)
    while try admin.lag(of: ["watch"]).contains(where: { $0.committed != $0.log.high }), Date() < until {
      _ = try first.poll(timeoutMs: 20, limit: 10, into: sink)
    }
    #expect(try admin.lag(of: ["watch"]).map(\.committed) == marks.map(\.high))
    let members = try #require(try admin.members())
    #expect(members.map(\.instanceID) == ["w1"] && members[0].partitionCount == 3)

    // L8: a second worker is refused, and the first never notices.
    nonisolated(unsafe) let second = try KafkaSource(config("w2"))  // used by that thread only
    let refused = LockedBox()
    let asking = Thread {
      do { try second.start(entries) } catch { refused.set("\(error)") }
      second.close()
      refused.finish()
    }
    asking.start()
    while !refused.isFinished { _ = try first.poll(timeoutMs: 20, limit: 10, into: sink) }
    #expect(refused.text.contains("already has a member that is alive: w1"))
    #expect(refused.text.contains("stop that one first, or choose another kafka.group"))
    #expect(lines.all.filter { $0.contains("lists w1") }.count == 1)
    #expect(first.isJoined && first.commitFailures == 0)
    #expect(try admin.members()?.map(\.instanceID) == ["w1"])

    // Kafka's own tool sees the member and where it stands.
    while !first.isJoined { _ = try first.poll(timeoutMs: 20, limit: 10, into: sink) }
    let tool = try RealKafka.run(["tool", "groups", "--bootstrap-server", bootstrap, "--describe", "--group", "g"])
    let rows = tool.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
    let row = rows.first { $0.count > 6 && $0[1] == "watch" && $0[2] == "0" } ?? []
    #expect(row.count > 6 && row[3] == "\(marks[0].high)" && row[5] == "0", "\(tool)")
    #expect(row.count > 6 && row[6].hasPrefix("w1"), "\(tool)")

    // The same worker comes back at once: its seat is its own.
    first.close()
    let began = Date()
    let again = try KafkaSource(config("w1"))
    try again.start(entries)
    try again.collect(300, into: Collector())
    #expect(Date().timeIntervalSince(began) < 3)
    again.close()

    // Retention has taken the head: the worker is told, nothing is skipped.
    #expect(try admin.create(topic: "old", partitions: 1, settings: [("retention.ms", "1000")]) == .created)
    let past = try KafkaOutlet(config(nil), topics: ["old"])
    try past.send(OutRecord("old", "k", "gone", timestamp: 1_000_000))
    #expect(past.flush(timeoutMs: 5_000))
    let old = try KafkaSource(config(nil, group: "h", joins: false))
    defer { old.close() }
    until = Date().addingTimeInterval(20)
    while try old.watermarks(TopicPartition("old", 0), timeoutMs: 2_000).low == 0, Date() < until {
      Thread.sleep(forTimeInterval: 0.3)
    }
    try past.send(OutRecord("old", "k", "new"))
    #expect(past.flush(timeoutMs: 5_000))
    past.close()
    try old.start([(partition: TopicPartition("old", 0), source: 0, input: 0, offset: 0)])
    let none = Collector()
    let error = #expect(throws: PortError.self) { try old.collect(1, into: none, seconds: 10) }
    #expect(error?.code == "offset_out_of_range")
    #expect(error?.message.contains("topic old, partition 0, offset 0") == true, "\(error?.message ?? "")")
    #expect(none.items.isEmpty)
  }

  @Test func `refused credentials name their cause`() throws {
    let error = #expect(throws: PortError.self) {
      let source = try KafkaSource(
        KafkaConfig(brokers: "127.0.0.1:1", options: ["socket.connection.setup.timeout.ms": "1000"]))
      defer { source.close() }
      _ = try source.partitions(of: ["watch"])
    }
    #expect(error?.isRetriable == true)
    #expect(error?.message.contains("kafka.brokers") == true)
  }
}

/// A text handed from one thread to another.
final class LockedBox: @unchecked Sendable {
  private let lock = NSLock()
  private var value = ""
  private var done = false
  var text: String { lock.withLock { value } }
  var isFinished: Bool { lock.withLock { done } }
  func set(_ text: String) { lock.withLock { value = text } }
  func finish() { lock.withLock { done = true } }
}

import Foundation
import KafkaPort
import Ports

/// A broker in a process of its own, so that its log outlives the workers that are killed.
final class TestBroker {
  let address: String
  private let embedded: Child?
  private let real: RealKafka?

  /// The program's own embedded broker.
  init(topics: [String], partitions: Int) throws {
    let child = try Child(["__mock-broker", "--topics", topics.map { "\($0):\(partitions)" }.joined(separator: ",")])
    guard let line = child.firstLine() else { throw CocoaError(.fileReadUnknown) }
    embedded = child
    real = nil
    address = line
  }

  /// Apache Kafka.
  init(realWith topics: [String], partitions: Int) throws {
    let real = try RealKafka(isSmall: false)
    embedded = nil
    self.real = real
    address = real.bootstrap
    let admin = try KafkaAdmin(KafkaConfig(brokers: address, group: "none", joinsGroup: false))
    defer { admin.close() }
    for topic in topics {
      _ = try admin.create(
        topic: topic, partitions: partitions,
        settings: [("retention.ms", "-1"), ("message.timestamp.after.max.ms", "9223372036854775807")])
    }
    for topic in topics {
      for _ in 0..<400 where try admin.describe(topic: topic)?.leaderless != [] { usleep(50_000) }
    }
  }

  deinit { embedded?.kill() }

  /// The embedded one neither answers nor ends while this is true.
  var isPaused = false {
    didSet { embedded?.send(isPaused ? SIGSTOP : SIGCONT) }
  }

  /// Where every partition of the topics begins and ends.
  func watermarks(of topics: [String]) throws -> [Watermarks] {
    let source = try KafkaSource(KafkaConfig(brokers: address, group: "none", joinsGroup: false))
    defer { source.close() }
    return try source.watermarks(try source.partitions(of: topics), timeoutMs: 20_000)
  }
}

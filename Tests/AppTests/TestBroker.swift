import Foundation
import KafkaPort
import Ports

/// A broker in a process of its own, so that its log outlives the workers that are killed.
final class TestBroker {
  let address: String
  private let embedded: Child?
  private let folder: String?

  /// The program's own embedded broker.
  init(topics: [String], partitions: Int) throws {
    let child = try Child(["__mock-broker", "--topics", topics.map { "\($0):\(partitions)" }.joined(separator: ",")])
    guard let line = child.firstLine() else { throw CocoaError(.fileReadUnknown) }
    embedded = child
    folder = nil
    address = line
  }

  /// Apache Kafka, by the script that THALWEG_TEST_KAFKA names (default ../shared/kafka/kafka.sh).
  init(realWith topics: [String], partitions: Int) throws {
    let folder = NSTemporaryDirectory() + "thalweg-broker-\(UUID().uuidString)"
    embedded = nil
    self.folder = folder
    address = try Self.script(["start", folder])
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

  deinit {
    embedded?.kill()
    guard let folder else { return }
    _ = try? Self.script(["stop", folder])
    try? FileManager.default.removeItem(atPath: folder)
  }

  /// The embedded one neither answers nor ends while this is true.
  var isPaused = false {
    didSet { embedded?.send(isPaused ? SIGSTOP : SIGCONT) }
  }

  static let realScript: String? = {
    let path =
      ProcessInfo.processInfo.environment["THALWEG_TEST_KAFKA"] ?? Places.shared + "/kafka/kafka.sh"
    return FileManager.default.isExecutableFile(atPath: path) ? path : nil
  }()

  /// Spawned by hand and answered into a file: the broker inherits what Foundation's Process waits on, and keeps it.
  private static func script(_ arguments: [String]) throws -> String {
    let file = NSTemporaryDirectory() + "thalweg-\(UUID().uuidString).out"
    defer { try? FileManager.default.removeItem(atPath: file) }
    let words = ["/bin/bash", "-c", "exec bash \"$@\" > '\(file)' 2>/dev/null", "kafka", realScript!] + arguments
    var argv = words.map { strdup($0) } + [nil]
    defer { for word in argv { free(word) } }
    var child = pid_t()
    guard posix_spawn(&child, "/bin/bash", nil, nil, &argv, environ) == 0 else { throw CocoaError(.fileNoSuchFile) }
    var status: Int32 = 0
    waitpid(child, &status, 0)
    return String(decoding: try Data(contentsOf: URL(fileURLWithPath: file)), as: UTF8.self)
      .trimmingCharacters(in: .whitespacesAndNewlines)
  }

  /// Where every partition of the topics begins and ends.
  func watermarks(of topics: [String]) throws -> [Watermarks] {
    let source = try KafkaSource(KafkaConfig(brokers: address, group: "none", joinsGroup: false))
    defer { source.close() }
    return try source.watermarks(try source.partitions(of: topics), timeoutMs: 20_000)
  }
}

import Foundation

/// A real broker for one test, by the script that THALWEG_TEST_KAFKA names (default ../shared/kafka/kafka.sh).
final class RealKafka {
  static let script: String? = {
    let path = ProcessInfo.processInfo.environment["THALWEG_TEST_KAFKA"] ?? Places.shared + "/kafka/kafka.sh"
    return FileManager.default.isExecutableFile(atPath: path) && ClientTests.has("java") ? path : nil
  }()

  let scratch = Places.Scratch()
  let bootstrap: String

  /// - Parameters:
  ///   - secure: Also a listener with TLS, passwords and access rules.
  ///   - isSmall: Starts fast and holds little; else with the script's own memory.
  init(secure: Bool = false, isSmall: Bool = true) throws {
    var settings = isSmall ? ["KAFKA_OPTS='-Xms300m -Xmx300m -XX:TieredStopAtLevel=1'"] : []
    if secure { settings.append("SECURE=1") }
    bootstrap = try Self.run(settings.joined(separator: " "), ["start", scratch.path + "/k"])
  }

  deinit { stop() }

  var folder: String { scratch.path + "/k" }

  func stop() { _ = try? Self.run("", ["stop", folder]) }
  /// After ``stop()``: the same cluster on the same ports.
  func start() throws { _ = try Self.run("KAFKA_OPTS='-Xms300m -Xmx300m -XX:TieredStopAtLevel=1'", ["start", folder]) }
  var secureBootstrap: String { (try? Self.run("", ["bootstrap", folder, "secure"])) ?? "" }

  /// One of Kafka's own tools.
  func tool(_ name: String, _ words: String...) throws -> String {
    try Self.run("", ["tool", name, "--bootstrap-server", bootstrap] + words)
  }

  /// `kafka-acls` with these words.
  func acl(_ words: [String]) throws -> String {
    try Self.run("", ["tool", "acls", "--bootstrap-server", bootstrap] + words)
  }

  func create(_ topic: String, partitions: Int = 1, _ settings: String...) throws {
    _ = try Self.run(
      "",
      [
        "tool", "topics", "--bootstrap-server", bootstrap, "--create", "--topic", topic, "--partitions",
        "\(partitions)",
      ]
        + settings.flatMap { ["--config", $0] })
  }

  /// Spawned by hand and answered into a file: the broker inherits what Foundation's Process waits on, and keeps it.
  private static func run(_ settings: String, _ arguments: [String]) throws -> String {
    let file = NSTemporaryDirectory() + "thalweg-\(UUID().uuidString).out"
    defer { try? FileManager.default.removeItem(atPath: file) }
    let words =
      [
        "/bin/bash", "-c", "export \(settings.isEmpty ? "THALWEG=1" : settings); exec bash \"$@\" > '\(file)' 2>&1",
        "kafka", script!,
      ] + arguments
    var argv = words.map { strdup($0) } + [nil]
    defer { for word in argv { free(word) } }
    var child = pid_t()
    guard posix_spawn(&child, "/bin/bash", nil, nil, &argv, environ) == 0 else { throw CocoaError(.fileNoSuchFile) }
    var status: Int32 = 0
    waitpid(child, &status, 0)
    let text = try String(contentsOfFile: file, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)
    guard status == 0 else { throw LiveWorker.Gone(log: "kafka.sh \(arguments): \(text)") }
    return text
  }
}

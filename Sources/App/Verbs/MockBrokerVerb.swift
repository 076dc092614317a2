import Glibc
import KafkaPort
import Options

/// Hosts the in-process broker in a process of its own, so that its log outlives a worker that is killed.
struct MockBrokerVerb: Verb {
  static let about = "Hosts a small in-process broker, for tests and the demo; ends when its input closes."
  static let readsSettings = false
  @Option("topics", "Topics to make, as name:partitions, with commas.") var topics: [String] = []

  func run(_ context: Context) throws {
    var list: [(name: String, partitions: Int)] = []
    for text in topics {
      let parts = text.split(separator: ":")
      guard let name = parts.first, parts.count <= 2, let count = parts.count == 2 ? Int(parts[1]) : 1, count > 0 else {
        throw Failure(ExitCode.misuse, "--topics takes name:partitions, not \(text)")
      }
      list.append((String(name), count))
    }
    let cluster = try MockCluster(topics: list)
    context.output.line(cluster.bootstrap)
    context.output.flush()
    var byte: UInt8 = 0
    while true {
      let count = read(0, &byte, 1)
      if count == 0 || (count < 0 && errno != EINTR) { break }
    }
    withExtendedLifetime(cluster) {}
  }
}

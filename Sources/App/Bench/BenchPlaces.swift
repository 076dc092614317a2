import Glibc
import KafkaPort
import Options
import Ports

/// What a bench stands on: brokers, a Redis server and a folder, its own where none is given.
///
/// Topics are its own in any case, so that it reads nothing of anybody else's and a second run finds nothing of the
/// first: our own envelope under names that carry this process's number.
final class BenchPlaces {
  let brokers: String
  let redis: String
  let folder: String
  /// In front of every key.
  let prefix: String
  /// Names by kind of event, in the order watch, click, rate.
  let topics: [String]
  let partitions: Int
  private let isOwnFolder: Bool
  private var broker: ChildProcess?
  private var server: ChildProcess?
  private static let kinds = ["watch", "click", "rate"]

  init(brokers: String = "", redis: String = "", folder own: String = "", partitions: Int = 16) throws {
    self.partitions = partitions
    folder = own.isEmpty ? FileSystem.temporaryDirectory() : own
    isOwnFolder = own.isEmpty
    FileSystem.makeDirectory(folder)
    let mark = "bench-\(getpid())-\(SystemClock().wallMs)"
    prefix = mark + ":"
    topics = Self.kinds.map { mark + "." + $0 }
    if brokers.isEmpty {
      let list = topics.map { "\($0):\(partitions)" }.joined(separator: ",")
      let child = try ChildProcess([ChildProcess.ownPath, "__mock-broker", "--topics", list])
      broker = child
      guard let line = child.line(), !line.isEmpty else {
        throw Failure(ExitCode.unavailable, "the broker of this bench did not start")
      }
      self.brokers = line
    } else {
      self.brokers = brokers
      try Self.create(topics, partitions, brokers)
    }
    if redis.isEmpty {
      let port = Self.freePort()
      server = try ChildProcess([
        "redis-server", "--port", "\(port)", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", folder,
        "--logfile", folder + "/redis.log",
      ])
      self.redis = "127.0.0.1:\(port)"
      try Self.await(port)
    } else {
      self.redis = redis
    }
  }

  func close() {
    broker?.end()
    server?.end()
    if isOwnFolder { FileSystem.removeTree(folder) }
  }

  /// Writes a configuration over these places: every default as it ships, our own envelope on our own topics.
  ///
  /// - Parameter more: Further lines of it.
  func write(_ more: String = "") -> String {
    var text = more + "inputs:\n"
    for (topic, kind) in zip(topics, Self.kinds) {
      text += "  - {topic: \(topic), envelope: true, schema: \(kind)/1, emit: \(kind)}\n"
    }
    text += "state_dir: \(folder)/state\nkafka:\n  brokers: [\"\(brokers)\"]\n  group: bench\n"
    // The in-process broker lets a request for records wait its whole time when nothing is there; real ones wake it.
    if broker != nil { text += "  options:\n    fetch.wait.max.ms: 1\n" }
    text += "redis:\n  url: redis://\(redis)\n  prefix: \"\(prefix)\"\nlog:\n  level: warning\nadmin:\n  port: 0\n"
    FileSystem.write(folder + "/bench.yaml", Array(text.utf8))
    return folder + "/bench.yaml"
  }

  /// The same, loaded, with some options set.
  func settings(_ options: [(String, String)] = [], more: String = "") throws -> LoadedSettings {
    let loaded = Settings.load(
      file: write(more), environment: [:], assignments: options.map { "\($0.0)=\($0.1)" })
    guard loaded.problems.isEmpty else {
      throw Failure(ExitCode.settings, loaded.problems.map { "\($0)" }.joined(separator: "\n"))
    }
    return loaded
  }

  private static func create(_ topics: [String], _ partitions: Int, _ brokers: String) throws {
    let admin = try KafkaAdmin(KafkaConfig(brokers: brokers, group: "bench", joinsGroup: false))
    defer { admin.close() }
    // The events' day may be past or to come.
    let settings = [
      (name: "retention.ms", value: "-1"), (name: "message.timestamp.after.max.ms", value: "\(Int64.max)"),
    ]
    for topic in topics { _ = try admin.create(topic: topic, partitions: partitions, replicas: 1, settings: settings) }
  }

  static func freePort() -> Int {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { Glibc.close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        _ = bind(descriptor, $0, size)
        _ = getsockname(descriptor, $0, &size)
      }
    }
    return Int(UInt16(bigEndian: address.sin_port))
  }

  private static func await(_ port: Int) throws {
    for _ in 0..<500 {
      if (try? RawRedis("127.0.0.1:\(port)")) != nil { return }
      usleep(20_000)
    }
    throw Failure(ExitCode.unavailable, "redis-server did not start")
  }
}

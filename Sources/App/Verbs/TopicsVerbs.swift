import Glibc
import JSON
import KafkaPort
import Options
import Ports

/// A topic as a file of `topics/` declares it, in JSON or YAML.
struct TopicDeclaration {
  var topic: String
  var partitions: Int
  /// Broker settings by Kafka's names.
  var settings: [(name: String, value: String)]

  /// Reads `topic`, `partitions` and `config`; schema and examples are for people and tests.
  init(_ node: Node, file: String) throws {
    guard let topic = node["topic"]?.text else { throw Failure(ExitCode.settings, "\(file): topic is missing") }
    guard let count = Int(node["partitions"]?.text ?? "1"), count > 0 else {
      throw Failure(ExitCode.settings, "\(file): partitions is no number above 0")
    }
    self.topic = topic
    partitions = count
    settings = (node["config"]?.map ?? []).map { ($0.key, $0.value.text ?? "") }
  }

  /// Where the package keeps the declarations of our own topics.
  static let installed = "/usr/share/thalweg/topics"

  /// The folder asked for; where none was and there is no `topics` here, what the package brought.
  private static func place(_ folder: String) -> String {
    folder == "topics" && access(folder, R_OK) != 0 && access(installed, R_OK) == 0 ? installed : folder
  }

  /// All declarations of a folder, by file name.
  static func all(in folder: String) throws -> [TopicDeclaration] {
    let folder = place(folder)
    guard let stream = opendir(folder) else {
      throw Failure(ExitCode.unavailable, "no topics are declared in \(folder); --dir names the folder")
    }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name.hasSuffix(".yaml") || name.hasSuffix(".json") { names.append(name) }
    }
    return try names.sorted().map { name in
      let path = folder + "/" + name
      return try TopicDeclaration(try YAML.parse(try bytes(path), name: path), file: path)
    }
  }

  private static func bytes(_ path: String) throws -> [UInt8] {
    guard let file = fopen(path, "rb") else { throw Failure(ExitCode.unavailable, "\(path) cannot be read") }
    defer { fclose(file) }
    var all: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while case let count = fread(&chunk, 1, chunk.count, file), count > 0 { all += chunk[..<count] }
    return all
  }

  /// Names given, or all when none is.
  static func chosen(_ names: [String], in folder: String) throws -> [TopicDeclaration] {
    let all = try all(in: folder)
    for name in names where !all.contains(where: { $0.topic == name }) {
      throw Failure(ExitCode.misuse, "\(folder) declares no topic \(name)")
    }
    return names.isEmpty ? all : all.filter { names.contains($0.topic) }
  }
}

struct TopicsApply: Verb {
  static let about = "Creates the declared topics that do not exist, and names what differs in those that do."
  static let settings = ["kafka.brokers"]
  @Argument("names", "Only these topics.", isRequired: false) var names: [String] = []
  @Option("dir", "Folder of the declarations; where there is no such one here, that of the package.")
  var folder = "topics"
  @Option("partitions", "Partitions of new topics, instead of what is declared.", in: 1...10_000) var partitions: Int? =
    nil
  @Option("replicas", "Replicas of new topics; without it the cluster's default.", in: 1...100) var replicas: Int? = nil

  func run(_ context: Context) throws {
    let admin = try KafkaAdmin(context.settings.kafkaConfig(joinsGroup: false))
    defer { admin.close() }
    for wish in try TopicDeclaration.chosen(names, in: folder) {
      if let found = try admin.describe(topic: wish.topic) {
        let differing = wish.differences(from: found)
        context.output.line(
          "\(wish.topic): exists" + (differing.isEmpty ? "" : "; " + differing.joined(separator: "; ")))
      } else {
        let made = try admin.create(
          topic: wish.topic, partitions: partitions ?? wish.partitions, replicas: replicas ?? -1,
          settings: wish.settings)
        context.output.line("\(wish.topic): \(made == .created ? "created" : "exists")")
      }
    }
  }
}

extension TopicDeclaration {
  /// Settings that the topic has otherwise, each as a phrase. Its number of partitions is its owner's choice.
  func differences(from found: TopicDescription) -> [String] {
    guard let actual = found.settings else { return [] }
    return settings.compactMap { wish in
      guard let value = actual.first(where: { $0.name == wish.name })?.value, value != wish.value else { return nil }
      return "\(wish.name) is \(value), declared is \(wish.value)"
    }
  }
}

struct TopicsDescribe: Verb {
  static let about = "Prints declared or named topics as the cluster has them."
  static let settings = ["kafka.brokers"]
  @Argument("names", "Topics; without any, those declared.", isRequired: false) var names: [String] = []
  @Option("dir", "Folder of the declarations; where there is no such one here, that of the package.")
  var folder = "topics"

  func run(_ context: Context) throws {
    let admin = try KafkaAdmin(context.settings.kafkaConfig(joinsGroup: false))
    defer { admin.close() }
    let topics = names.isEmpty ? try TopicDeclaration.all(in: folder).map(\.topic) : names
    let found = try topics.map { ($0, try admin.describe(topic: $0)) }
    func setting(_ topic: TopicDescription, _ name: String) -> String {
      topic.settings?.first { $0.name == name }?.value ?? "-"
    }
    guard context.output.isJSON else {
      context.output.table(
        ["TOPIC", "PARTITIONS", "REPLICAS", "CLEANUP", "RETENTION_MS"],
        found.map { name, topic in
          guard let topic else { return [name, "missing", "-", "-", "-"] }
          return [
            name, "\(topic.partitionCount)", "\(topic.replicas)", setting(topic, "cleanup.policy"),
            setting(topic, "retention.ms"),
          ]
        })
      return
    }
    for (name, topic) in found {
      var json = JSONWriter()
      json.beginObject()
      json.field("topic", name)
      json.field("exists", topic != nil)
      if let topic {
        json.field("partitions", topic.partitionCount)
        json.field("replicas", topic.replicas)
        json.beginObject("settings")
        for setting in topic.settings ?? [] { json.field(setting.name, setting.value) }
        json.endObject()
      }
      json.endObject()
      context.output.line(String(decoding: json.bytes, as: UTF8.self))
    }
  }
}

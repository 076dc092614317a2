import Events
import Glibc
import KafkaPort
import Ports
import SQLitePort

/// The doctor's look at Kafka: broker, topics, group, and a sample of records through the mapping.
struct DoctorKafka {
  let settings: Settings
  let say: (Finding) -> Void
  /// Newest records per topic that are decoded.
  static let sampleCount = 50

  func examine() {
    let mapping: CompiledMapping
    do { mapping = try settings.mappings().compiled } catch {
      return say(.failed("mapping", "\(error)", mend: "mend the mapping at the line named"))
    }
    say(.ok("mapping", "\(mapping.inputs.count) topics"))
    let config = settings.kafkaConfig(joinsGroup: false)
    let admin: KafkaAdmin
    var found: [Int: TopicDescription] = [:]
    do {
      if let problem = config.problem() { throw problem }
      admin = try KafkaAdmin(config)
      for (index, input) in mapping.inputs.enumerated() { found[index] = try admin.describe(topic: input.topic) }
    } catch {
      say(
        .failed(
          "broker", "\(settings.kafka.brokers.joined(separator: ",")): \(error)",
          mend: "check kafka.brokers, the network, and TLS and SASL in kafka.options"))
      return say(.skipped("topics, group, sample", "no broker"))
    }
    defer { admin.close() }
    broker(config)
    topics(mapping, found, admin)
    outlets(written(found.keys.map { mapping.inputs[$0] }), admin, config)
    group(admin)
    for (index, input) in mapping.inputs.enumerated() where found[index] != nil && !input.isReference {
      sample(mapping, index, config)
    }
  }

  /// That it answered is known; what it is, as far as it tells.
  private func broker(_ config: KafkaConfig) {
    let brokers = settings.kafka.brokers.joined(separator: ",")
    guard let version = try? BrokerVersion.ask(config) else {
      return say(.ok("broker", "\(brokers), version not told"))
    }
    let count = "\(version.brokerCount) broker\(version.brokerCount == 1 ? "" : "s")"
    say(.ok("broker", "\(brokers), \(count), " + (version.kafka.map { "Kafka \($0)" } ?? "version not told")))
  }

  private func topics(_ mapping: CompiledMapping, _ found: [Int: TopicDescription], _ admin: KafkaAdmin) {
    var missing: [String] = []
    var hasForbidden = false
    for (index, input) in mapping.inputs.enumerated() {
      guard let topic = found[index] else {
        if (try? admin.isForbidden(topic: input.topic)) == true {
          hasForbidden = true
          say(
            .failed(
              "topic \(input.topic)", "this user may not see it",
              mend:
                "give this user the rights Read, Describe and DescribeConfigs on the topic, or leave it out of the mapping"
            ))
        } else {
          missing.append(input.topic)
        }
        continue
      }
      say(Self.judge(topic, isReference: input.isReference, keepMs: settings.plan.keep.wholeMilliseconds))
    }
    if found.isEmpty && !hasForbidden {
      say(
        .failed(
          "topics", "none of \(missing.joined(separator: ", ")) exists",
          mend: "create them (`thalweg topics apply`), or map the topics you have"))
    } else if !missing.isEmpty {
      say(.ok("topics", "left out until they exist: \(missing.joined(separator: ", "))"))
    }
  }

  /// What a topic must be to be read.
  static func judge(_ topic: TopicDescription, isReference: Bool, keepMs: Int64) -> Finding {
    let name = "topic \(topic.name)"
    let settings = Dictionary((topic.settings ?? []).map { ($0.name, $0.value) }) { first, _ in first }
    let policy = settings["cleanup.policy"] ?? ""
    let retention = settings["retention.ms"].flatMap { Int64($0) }
    let text =
      Self.count(topic.partitionCount, "partition") + ", " + Self.count(topic.replicas, "replica")
      + (policy.isEmpty ? "" : ", \(policy)")
      + (retention.map { $0 < 0 ? ", kept for ever" : ", kept \(Figures.seconds(Double($0) / 1000))" } ?? "")
    if !topic.leaderless.isEmpty {
      return .failed(
        name, "\(text); no leader for \(topic.leaderless)", mend: "start the brokers that hold these partitions")
    }
    if isReference && !policy.isEmpty && !policy.contains("compact") && (retention ?? 0) >= 0 {
      return .failed(
        name, "\(text); rows of a table are deleted by age",
        mend:
          "kafka-configs --alter --entity-type topics --entity-name \(topic.name) --add-config cleanup.policy=compact")
    }
    if !isReference && policy == "compact" {
      return .failed(
        name, "\(text); events with one key replace each other",
        mend:
          "kafka-configs --alter --entity-type topics --entity-name \(topic.name) --add-config cleanup.policy=delete")
    }
    if !isReference, let retention, retention >= 0, retention < keepMs {
      return .failed(
        name, "\(text); plans are kept longer than the records they name",
        mend: "raise the topic's retention.ms to \(keepMs) or more, or lower plan.keep")
    }
    return .ok(name, topic.settings == nil ? text + "; retention is not told (DescribeConfigs)" : text)
  }

  /// The topics we write: each must exist and take our records, which is asked without writing one.
  private func outlets(_ topics: [String], _ admin: KafkaAdmin, _ config: KafkaConfig) {
    var found: [TopicDescription] = []
    for topic in topics {
      do {
        if let known = try admin.describe(topic: topic) {
          found.append(known)
        } else {
          say(
            .failed(
              "topic \(topic)",
              (try admin.isForbidden(topic: topic)) ? "this user may not see it" : "does not exist",
              mend: "create it (`thalweg topics apply`), or give this user the rights Describe and Write on it"))
        }
      } catch { say(.failed("topic \(topic)", "\(error)", mend: "give this user the right to describe and write it")) }
    }
    let rights: [String: KafkaRight]
    do { rights = try KafkaRights.write(found.map(\.name), config) } catch {
      rights = Dictionary(found.map { ($0.name, .unknown("\(error)")) }) { first, _ in first }
    }
    for topic in found { say(Self.judge(topic, write: rights[topic.name])) }
  }

  private static func count(_ number: Int, _ what: String) -> String { "\(number) \(what)\(number == 1 ? "" : "s")" }

  /// What a topic must be to be written; nil = the broker has no access rules to ask.
  static func judge(_ topic: TopicDescription, write: KafkaRight?) -> Finding {
    let name = "topic \(topic.name)"
    let text = Self.count(topic.partitionCount, "partition") + ", "
    switch write {
    case .granted: return .ok(name, text + "this user may write it")
    case .denied:
      return .failed(name, text + "this user may not write it", mend: "give this user the right Write on the topic")
    case .unknown(let why): return .skipped(name, text + "whether this user may write it is not known: \(why)")
    case nil: return .ok(name, text + "written by us")
    }
  }

  /// Topics that the settings and this mapping make us write.
  private func written(_ inputs: [CompiledMapping.Input]) -> [String] {
    let hasDecisions = settings.decisionOptions() != nil && inputs.contains { $0.emits.contains("decision") }
    let all =
      [settings.kafka.deadLetterTopic, settings.kafka.alertsTopic]
      + (hasDecisions ? [settings.kafka.resolvedTopic] : [])
    return Set(all).filter { !$0.isEmpty }.sorted()
  }

  private func group(_ admin: KafkaAdmin) {
    let name = "group \(settings.kafka.group)"
    do throws(PortError) {
      guard let members = try members(admin) else { return say(.skipped(name, "the broker cannot tell")) }
      switch admin.mayReadGroup() {
      case .granted: break
      case .denied:
        return say(
          .failed(name, "this user may see it, not join it", mend: "give this user the right Read on the group"))
      case .unknown(let why): say(.skipped("right to \(name)", why))
      }
      if members.isEmpty { return say(.ok(name, "free")) }
      let text = "held by \(members.map(\.description).joined(separator: ", "))"
      if let holder = StateDirectory.holder(of: settings.stateDir) {
        say(.ok(name, "\(text); our own worker runs as process \(holder)"))
      } else {
        say(.failed(name, text, mend: "stop that member, wait until its session ends, or set another kafka.group"))
      }
    } catch {
      say(
        error.isRetriable
          ? .skipped(name, "\(error); ask again in a moment")
          : .failed(name, "\(error)", mend: "give this user the right to read and describe the group"))
    }
  }

  /// Asks again while the broker's coordinator is still loading, for at most three seconds.
  private func members(_ admin: KafkaAdmin) throws(PortError) -> [GroupMemberInfo]? {
    for _ in 0..<10 {
      do throws(PortError) { return try admin.members() } catch {
        if !error.isRetriable { throw error }
        usleep(300_000)
      }
    }
    return try admin.members()
  }

  private func sample(_ mapping: CompiledMapping, _ input: Int, _ config: KafkaConfig) {
    let topic = mapping.inputs[input].topic
    do {
      let tail = try KafkaTail(config, topic: topic)
      defer { tail.close() }
      var sample = DoctorSample(mapping: mapping, settings: settings)
      let clock = SystemClock()
      let end = clock.monotonicNs + 5_000_000_000
      try tail.read(
        from: .last(Self.sampleCount), follow: false, limit: Self.sampleCount,
        isStopped: { clock.monotonicNs > end }
      ) { record in
        sample.take(record, input)
        return true
      }
      say(sample.finding(topic))
    } catch {
      say(.failed("sample of \(topic)", "\(error)", mend: "give this user the right to read the topic"))
    }
  }
}

/// Records through the mapping, counted.
struct DoctorSample: ~Copyable {
  private var decoder: Decoder
  private var batch = DecodedBatch()
  private var seen = 0
  private var skipped = 0
  private var rejected: [String: Int] = [:]
  private var example = ""

  private struct Headers: RecordHeaders {
    var all: [(name: String, value: [UInt8])]
    func header(_ name: String) -> [UInt8]? { all.last { $0.name == name }?.value }
  }

  init(mapping: CompiledMapping, settings: Settings) {
    var options = DecodeOptions()
    options.tooOldMs = settings.tooOld.map(\.wholeMilliseconds)
    decoder = Decoder(mapping: mapping, options: options, ids: Identities())
  }

  mutating func take(_ record: TailRecord, _ input: Int) {
    seen += 1
    batch.removeAll()
    let headers = Headers(all: record.headers)
    let outcome = (record.key ?? []).withUnsafeBytes { key in
      (record.value ?? []).withUnsafeBytes { value in
        decoder.decode(
          Record(
            source: 0, input: input, partition: record.partition, offset: record.offset, timestamp: record.timestamp,
            key: record.key == nil ? nil : key, value: record.value == nil ? nil : value, headers: headers),
          into: &batch)
      }
    }
    switch outcome {
    case .events, .reference: return
    case .skipped: skipped += 1
    case .rejected(let reason, let field):
      rejected[reason.rawValue, default: 0] += 1
      example = "\(reason.rawValue)\(field.map { " (\($0))" } ?? "") at \(record.partition):\(record.offset)"
    }
  }

  func finding(_ topic: String) -> Finding {
    let name = "sample of \(topic)"
    if seen == 0 { return .skipped(name, "the topic is empty") }
    let bad = rejected.values.reduce(0, +)
    let share = "\(seen) records, \(bad) would be dead letters, \(skipped) match no rule"
    if bad * 20 > seen {
      return .failed(
        name, "\(share); latest: \(example)", mend: "mend the producer or the mapping of \(topic)")
    }
    if skipped == seen { return .failed(name, share, mend: "no rule of the mapping takes them: look at its `when`") }
    return .ok(name, share)
  }
}

import CRdKafka
import Glibc
public import Ports

/// A member that a consumer group lists.
public struct GroupMemberInfo: Sendable, CustomStringConvertible {
  public var memberID: String
  public var instanceID: String?
  public var clientID: String
  public var host: String
  public var partitionCount: Int

  public var description: String {
    (instanceID.map { "\($0) (client \(clientID)" } ?? "\(memberID) (client \(clientID)") + ", host \(host))"
  }

  /// This worker's own seat, from before its restart.
  func isSame(as config: KafkaConfig) -> Bool { instanceID != nil && instanceID == config.instanceID }
}

/// A topic as the cluster has it.
public struct TopicDescription: Sendable {
  public var name: String
  public var partitionCount: Int
  public var replicas: Int
  /// Partitions that have no leader now.
  public var leaderless: [Int32]
  /// All settings, with whether each was set for this topic; nil = the broker does not tell (the mock).
  public var settings: [(name: String, value: String, isOwn: Bool)]?

  public init(
    name: String, partitionCount: Int, replicas: Int, leaderless: [Int32],
    settings: [(name: String, value: String, isOwn: Bool)]?
  ) {
    self.name = name
    self.partitionCount = partitionCount
    self.replicas = replicas
    self.leaderless = leaderless
    self.settings = settings
  }
}

/// What became of one topic to be made.
public enum TopicOutcome: Sendable, Equatable {
  case created, existed
}

/// Questions and orders for the cluster itself.
public final class KafkaAdmin {
  private let config: KafkaConfig
  let client: KafkaClient

  public init(_ config: KafkaConfig) throws(PortError) {
    self.config = config
    client = try KafkaClient(.consumer, config, fixed: [("group.id", config.group), ("enable.auto.commit", "false")])
  }

  public func close() { client.close() }

  /// Makes a topic; one that exists already is left as it is.
  ///
  /// - Parameter replicas: -1 takes the cluster's default.
  public func create(
    topic: String, partitions: Int, replicas: Int = -1, settings: [(name: String, value: String)] = []
  ) throws(PortError) -> TopicOutcome {
    if client.isMock {
      throw PortError(
        code: "mock", message: "topic \(topic): the in-process broker makes topics only when it starts, name it there")
    }
    var text = [CChar](repeating: 0, count: 512)
    guard
      let wish = rd_kafka_NewTopic_new(topic, Int32(clamping: partitions), Int32(clamping: replicas), &text, text.count)
    else { throw PortError(code: "config", message: "topic \(topic): \(String(terminated: text))") }
    defer { rd_kafka_NewTopic_destroy(wish) }
    for setting in settings {
      let code = rd_kafka_NewTopic_set_config(wish, setting.name, setting.value)
      guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw PortError(code, doing: "topic \(topic), \(setting.name)") }
    }
    let doing = "making topic \(topic)"
    var wishes: [OpaquePointer?] = [wish]
    let answer = try AdminAnswer(client, RD_KAFKA_ADMIN_OP_CREATETOPICS, doing: doing) { handle, options, queue in
      rd_kafka_CreateTopics(handle, &wishes, 1, options, queue)
    }
    var count = 0
    guard let results = rd_kafka_CreateTopics_result_topics(answer.event, &count), count == 1, let result = results[0]
    else {
      throw PortError(code: "protocol", message: "Kafka: \(doing): an answer without a result")
    }
    let code = rd_kafka_topic_result_error(result)
    if code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS { return .existed }
    if code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED || code == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED {
      throw PortError(
        code: String(cString: rd_kafka_err2name(code)), number: Int(code.rawValue),
        message: "Kafka: \(doing): this user lacks the right Create on it; make it as a user that has it")
    }
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
      throw client.explain(
        code, doing: doing, detail: rd_kafka_topic_result_error_string(result).map { String(cString: $0) })
    }
    return .created
  }

  /// A topic and its settings; nil = there is no such topic that this user may see.
  ///
  /// A user that may not see the settings gets none of them.
  public func describe(topic: String) throws(PortError) -> TopicDescription? {
    guard var found = try TopicQuery.describe([topic], client).first else { return nil }
    if client.isMock { return found }
    let (code, settings) = try settings(of: topic)
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED else {
      throw client.explain(code, doing: "reading the settings of topic \(topic)")
    }
    found.settings = settings
    return found
  }

  /// Whether a topic that ``describe(topic:)`` does not find is kept from this user rather than missing.
  public func isForbidden(topic: String) throws(PortError) -> Bool {
    if client.isMock { return false }
    return try settings(of: topic).code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED
  }

  private func settings(
    of topic: String
  ) throws(PortError) -> (code: KafkaCode, settings: [(name: String, value: String, isOwn: Bool)]?) {
    let resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic)!
    defer { rd_kafka_ConfigResource_destroy(resource) }
    var resources: [OpaquePointer?] = [resource]
    let doing = "reading the settings of topic \(topic)"
    let answer = try AdminAnswer(client, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, doing: doing) { handle, options, queue in
      rd_kafka_DescribeConfigs(handle, &resources, 1, options, queue)
    }
    var count = 0
    guard let all = rd_kafka_DescribeConfigs_result_resources(answer.event, &count), count == 1 else {
      return (RD_KAFKA_RESP_ERR_NO_ERROR, nil)
    }
    let code = rd_kafka_ConfigResource_error(all[0])
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR, let entries = rd_kafka_ConfigResource_configs(all[0], &count) else {
      return (code, nil)
    }
    let settings = (0..<count).compactMap { index -> (name: String, value: String, isOwn: Bool)? in
      guard let entry = entries[index], let name = rd_kafka_ConfigEntry_name(entry) else { return nil }
      return (
        String(cString: name), rd_kafka_ConfigEntry_value(entry).map { String(cString: $0) } ?? "",
        rd_kafka_ConfigEntry_source(entry) == RD_KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG
      )
    }
    return (code, settings)
  }

  /// Members the group lists; nil = the broker cannot tell (the mock).
  public func members() throws(PortError) -> [GroupMemberInfo]? { try Self.members(of: config.group, client) }

  /// First and next offsets, and what the group has committed (nil = nothing), of all partitions of these topics.
  public func lag(of topics: [String]) throws(PortError) -> [(
    partition: TopicPartition, log: Watermarks, committed: Int64?
  )] {
    let partitions = try TopicQuery.partitions(of: topics, client)
    guard !partitions.isEmpty else { return [] }
    let logs = try TopicQuery.watermarks(partitions, client, timeoutMs: 10_000)
    let list = PartitionList(partitions)
    let code = rd_kafka_committed(client.handle, list.raw, 10_000)
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
      throw client.explain(code, doing: "asking for the offsets of group \(config.group)")
    }
    return partitions.indices.map { (partitions[$0], logs[$0], list.offset($0) >= 0 ? list.offset($0) : nil) }
  }

  static func members(of group: String, _ client: KafkaClient) throws(PortError) -> [GroupMemberInfo]? {
    if client.isMock { return nil }
    let name = strdup(group)
    defer { free(name) }
    var names: [UnsafePointer<CChar>?] = [UnsafePointer(name)]
    let doing = "describing group \(group)"
    let answer = try AdminAnswer(client, RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS, doing: doing) {
      handle, options, queue in
      rd_kafka_DescribeConsumerGroups(handle, &names, 1, options, queue)
    }
    var count = 0
    guard let groups = rd_kafka_DescribeConsumerGroups_result_groups(answer.event, &count), count == 1,
      let found = groups[0]
    else { return [] }
    if let error = rd_kafka_ConsumerGroupDescription_error(found) {
      let code = rd_kafka_error_code(error)
      if code == RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND { return [] }
      if code != RD_KAFKA_RESP_ERR_NO_ERROR { throw client.explain(code, doing: doing) }
    }
    return (0..<rd_kafka_ConsumerGroupDescription_member_count(found)).compactMap { index in
      guard let member = rd_kafka_ConsumerGroupDescription_member(found, index) else { return nil }
      func text(_ c: UnsafePointer<CChar>?) -> String { c.map { String(cString: $0) } ?? "" }
      let assigned =
        rd_kafka_MemberDescription_assignment(member)
        .flatMap { rd_kafka_MemberAssignment_partitions($0) }.map { Int($0.pointee.cnt) } ?? 0
      return GroupMemberInfo(
        memberID: text(rd_kafka_MemberDescription_consumer_id(member)),
        instanceID: rd_kafka_MemberDescription_group_instance_id(member).map { String(cString: $0) },
        clientID: text(rd_kafka_MemberDescription_client_id(member)),
        host: text(rd_kafka_MemberDescription_host(member)), partitionCount: assigned)
    }
  }
}

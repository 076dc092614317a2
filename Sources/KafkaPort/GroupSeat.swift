import CRdKafka
import CSys
import Glibc
import Ports

/// The worker's seat in its consumer group: it holds the membership and commits, and reads nothing.
///
/// Where no group is joined it only commits. It is a client apart from the reader also because the callback
/// interface of librdkafka 2.0.2 aborts on a group's own messages (rebalances, answers to commits).
final class GroupSeat {
  private let config: KafkaConfig
  private let client: KafkaClient
  private let partitionCount: Int
  private var servedAt = Int64.min
  private var waiting: [TopicPartition: Int64] = [:]
  private var inFlight = 0
  private var checksOthers = false
  private(set) var isJoined = false
  private(set) var commitFailures = 0
  /// Times the group was divided anew, the joining at the start included.
  private(set) var rebalances = 0

  init(_ config: KafkaConfig, joins: Bool, topics: [String], partitionCount: Int) throws(PortError) {
    self.config = config
    self.partitionCount = partitionCount
    var fixed = [
      ("group.id", config.group), ("enable.auto.commit", "false"), ("enable.auto.offset.store", "false"),
      ("auto.offset.reset", "error"), ("partition.assignment.strategy", "range"),
    ]
    if let instance = config.instanceID, joins { fixed.append(("group.instance.id", instance)) }
    client = try KafkaClient(
      .consumer, config,
      defaults: [("session.timeout.ms", "\(config.sessionTimeoutMs)"), ("heartbeat.interval.ms", "2000")], fixed: fixed,
      rebalances: true)
    client.onRebalance = { [unowned self] isAssign, partitions in self.rebalanced(isAssign, partitions) }
    client.onCommit = { [unowned self] code, partitions in self.committed(code, partitions) }
    client.readMessages()
    guard joins else {
      isJoined = true
      return
    }
    let list = PartitionList(topics.map { TopicPartition($0, RD_KAFKA_PARTITION_UA) })
    let code = rd_kafka_subscribe(client.handle, list.raw)
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw client.explain(code, doing: "joining group \(config.group)") }
  }

  /// Runs inside ``serve(now:)``. Whatever the group gives, nothing is read here.
  private func rebalanced(_ isAssign: Bool, _ partitions: borrowing PartitionList) {
    guard isAssign else {
      isJoined = false
      rd_kafka_assign(client.handle, nil)
      return
    }
    let none = PartitionList(capacity: 1)
    rd_kafka_assign(client.handle, none.raw)
    isJoined = true
    rebalances += 1
    checksOthers = partitions.count != partitionCount
    config.log(6, "Kafka: member of group \(config.group)" + (config.instanceID.map { " as \($0)" } ?? ""))
  }

  /// Answers the group's questions, at most every 20 ms; throws when this member has been fenced, or shares the
  /// group with another that slipped in while both were starting.
  func serve(now: Int64) throws(PortError) {
    guard servedAt == .min || now - servedAt >= 20_000_000 else { return }
    servedAt = now
    while let message = rd_kafka_consumer_poll(client.handle, 0) {
      let code = message.pointee.err
      if code == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED || code == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID {
        rd_kafka_message_destroy(message)
        throw PortError(code, doing: "group \(config.group)")
      }
      if code != RD_KAFKA_RESP_ERR__PARTITION_EOF && code != RD_KAFKA_RESP_ERR_NO_ERROR {
        config.log(4, PortError(code, doing: "group \(config.group)").message)
      }
      rd_kafka_message_destroy(message)
    }
    if let fatal = client.fatal { throw fatal }
    if checksOthers {
      checksOthers = false
      if let other = try KafkaAdmin.members(of: config.group, client)?.first(where: { !$0.isSame(as: config) }) {
        throw Self.refused(config, other)
      }
    }
    if isJoined, inFlight == 0, !waiting.isEmpty { send() }
  }

  func commit(_ offsets: [TopicPartition: Int64]) {
    waiting.merge(offsets) { _, new in new }
    if isJoined, inFlight == 0 { send() }
  }

  private func send() {
    let list = PartitionList(capacity: waiting.count)
    for (partition, next) in waiting { list.add(partition, next) }
    let code = rd_kafka_commit(client.handle, list.raw, 1)
    if code == RD_KAFKA_RESP_ERR_NO_ERROR {
      waiting.removeAll()
      inFlight += 1
    } else {
      failed(code)
    }
  }

  private func committed(_ code: KafkaCode, _ partitions: borrowing PartitionList) {
    inFlight = max(0, inFlight - 1)
    guard code != RD_KAFKA_RESP_ERR_NO_ERROR, code != RD_KAFKA_RESP_ERR__NO_OFFSET else { return }
    failed(code)
    for index in 0..<partitions.count where waiting[partitions.partition(index)] == nil {
      waiting[partitions.partition(index)] = partitions.offset(index)
    }
  }

  private func failed(_ code: KafkaCode) {
    commitFailures += 1
    config.log(4, PortError(code, doing: "telling group \(config.group) how far the state has come").message)
  }

  /// Tells the group what it was not told yet, also where a short run ends before it was let in (a new group lets
  /// nobody in for 3 s). A static member sends no leave: after a restart within the session time-out it has its seat
  /// still.
  func close() {
    let until = csys_monotonic_ns() + (isJoined ? 2_000_000_000 : 3_500_000_000)
    while inFlight > 0 || !waiting.isEmpty, csys_monotonic_ns() < until {
      guard (try? serve(now: .max)) != nil else { break }
      servedAt = .min
      usleep(2_000)
    }
    if !client.close(first: { rd_kafka_consumer_close($0) }) {
      config.log(4, "Kafka: the group member did not close in 10 s and is left behind")
    }
  }

  // MARK: Before joining

  /// Waits for members that may be dead already, refuses when one is not.
  static func claim(_ config: KafkaConfig, _ client: KafkaClient) throws(PortError) {
    let until = csys_monotonic_ns() + Int64(config.sessionTimeoutMs + 1_000) * 1_000_000
    var isAnnounced = false
    while let other = try members(config, client).first(where: { !$0.isSame(as: config) }) {
      guard csys_monotonic_ns() < until else { throw refused(config, other) }
      if !isAnnounced {
        isAnnounced = true
        config.log(
          4,
          "Kafka: group \(config.group) lists \(other.description); waiting \(config.sessionTimeoutMs / 1000) s, in case "
            + "it is a worker that has ended")
      }
      usleep(500_000)
    }
  }

  /// Members of the group. A broker that has just started may still be loading who belongs to it: asked again for 30 s.
  private static func members(
    _ config: KafkaConfig, _ client: KafkaClient
  ) throws(PortError) -> [GroupMemberInfo] {
    let loading: Set<Int> = [
      Int(RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS.rawValue), Int(RD_KAFKA_RESP_ERR_NOT_COORDINATOR.rawValue),
      Int(RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE.rawValue),
    ]
    let until = csys_monotonic_ns() + 30_000_000_000
    while true {
      do throws(PortError) { return try KafkaAdmin.members(of: config.group, client) ?? [] } catch {
        guard loading.contains(error.number), csys_monotonic_ns() < until else { throw error }
        usleep(250_000)
      }
    }
  }

  private static func refused(_ config: KafkaConfig, _ other: GroupMemberInfo) -> PortError {
    PortError(
      code: "group_in_use",
      message:
        "group \(config.group) already has a member that is alive: \(other.description). exchange: local owns all "
        + "partitions, so two workers cannot share a group: stop that one first, or choose another kafka.group")
  }
}

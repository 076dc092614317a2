import CRdKafka
import Ports

/// Questions about topics that any client can ask.
enum TopicQuery {
  /// Partitions of those of the topics that exist and that this user may see.
  ///
  /// Asks for all topics: asking for one by name makes it on brokers that make topics by themselves.
  static func describe(
    _ topics: [String], _ client: KafkaClient, timeoutMs: Int = 10_000
  ) throws(PortError) -> [TopicDescription] {
    var found: UnsafePointer<rd_kafka_metadata>?
    var code = RD_KAFKA_RESP_ERR__TIMED_OUT
    // In short waits: refused credentials are known long before the time is up.
    for left in stride(from: timeoutMs, to: 0, by: -500)
    where code == RD_KAFKA_RESP_ERR__TIMED_OUT || code == RD_KAFKA_RESP_ERR__TRANSPORT {
      code = rd_kafka_metadata(client.handle, 1, nil, &found, Int32(clamping: min(left, 500)))
      client.serve()
      if client.refusal != nil { break }
    }
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR, let found else {
      throw client.explain(code, doing: "asking \(client.config.brokers) for topics \(topics.joined(separator: ", "))")
    }
    defer { rd_kafka_metadata_destroy(found) }
    var described: [TopicDescription] = []
    for index in 0..<Int(found.pointee.topic_cnt) {
      let entry = found.pointee.topics[index]
      let name = String(cString: entry.topic)
      guard topics.contains(name) else { continue }
      if entry.err != RD_KAFKA_RESP_ERR_NO_ERROR && entry.err != RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE {
        throw client.explain(entry.err, doing: "topic \(name)")
      }
      let partitions = (0..<Int(entry.partition_cnt)).map { entry.partitions[$0] }
      described.append(
        TopicDescription(
          name: name, partitionCount: partitions.count, replicas: Int(partitions.first?.replica_cnt ?? 0),
          leaderless: partitions.filter { $0.leader < 0 }.map(\.id).sorted(), settings: nil))
    }
    return described
  }

  /// All partitions of those of the topics that exist, sorted; one without a leader is listed too.
  static func partitions(
    of topics: [String], _ client: KafkaClient, timeoutMs: Int = 10_000
  ) throws(PortError) -> [TopicPartition] {
    try describe(topics, client, timeoutMs: timeoutMs)
      .flatMap { topic in (0..<Int32(topic.partitionCount)).map { TopicPartition(topic.name, $0) } }.sorted()
  }

  /// First and next offset of each partition: two requests a broker, however many partitions.
  static func watermarks(
    _ partitions: [TopicPartition], _ client: KafkaClient, timeoutMs: Int
  ) throws(PortError) -> [Watermarks] {
    let ends = try list(partitions, at: Int64(RD_KAFKA_OFFSET_END), client, timeoutMs)
    let starts = try list(partitions, at: Int64(RD_KAFKA_OFFSET_BEGINNING), client, timeoutMs)
    return zip(starts, ends).map { Watermarks(low: $0, high: $1) }
  }

  /// Offset of the first record at or after a time; nil = none, or the broker cannot tell.
  static func offsets(
    _ partitions: [TopicPartition], at time: Int64, _ client: KafkaClient, timeoutMs: Int
  ) throws(PortError) -> [Int64?] {
    try list(partitions, at: max(0, time), client, timeoutMs).map { $0 >= 0 ? $0 : nil }
  }

  /// `ListOffsets`: a time, -1 (the end) or -2 (the beginning).
  private static func list(
    _ partitions: [TopicPartition], at time: Int64, _ client: KafkaClient, _ timeoutMs: Int
  ) throws(PortError) -> [Int64] {
    guard !partitions.isEmpty else { return [] }
    let list = PartitionList(partitions, offset: time)
    let code = rd_kafka_offsets_for_times(client.handle, list.raw, Int32(clamping: timeoutMs))
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
      throw client.explain(code, doing: "asking for offsets of \(partitions[0].topic)")
    }
    for index in 0..<list.count where list.code(index) != RD_KAFKA_RESP_ERR_NO_ERROR {
      let at = list.partition(index)
      throw client.explain(
        list.code(index), doing: "asking for offsets of topic \(at.topic), partition \(at.partition)")
    }
    return (0..<list.count).map { list.offset($0) }
  }
}

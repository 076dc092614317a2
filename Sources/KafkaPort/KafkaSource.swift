import CRdKafka
import CSys
import Events
public import Ports

/// Topics of a Kafka cluster as the worker's log.
///
/// Two clients stand behind it. The reader is assigned every partition at the offset the state gives and joins no
/// group, so that no rebalance, session time-out or fencing ever moves its position. The seat joins the group,
/// takes no partition to read, and carries the commits: lag tools see it, and a second worker finds it.
/// All partitions share one queue, read by callback: one lock for a run of messages, and no wait once it is empty.
public final class KafkaSource: EventSource {
  private let config: KafkaConfig
  let reader: KafkaClient
  private let pacer = FetchPacer()
  private var seat: GroupSeat?
  private var queue: OpaquePointer?
  private var lane: UnsafeMutablePointer<Lane>?
  private var sources: [UInt16: TopicPartition] = [:]
  private var bySource: [TopicPartition: UInt16] = [:]
  private var highs: [(value: Int64, asked: Int64)] = []
  private var ends: [Int64] = []
  private var now: Int64 = 0
  private var pending: PortError?
  private var lastCommit: [TopicPartition: Int64] = [:]
  private var isClosed = false
  /// A record of late, with what librdkafka keeps beside it.
  private var recordBytes = KafkaSource.recordOverhead
  private static let recordOverhead = 128

  /// Commits the broker refused or did not answer; the state does not depend on them.
  public var commitFailures: Int { seat?.commitFailures ?? 0 }
  public var groupTroubles: (rebalances: Int, commitFailures: Int) {
    (seat?.rebalances ?? 0, seat?.commitFailures ?? 0)
  }
  /// The last trouble with the connection, for health pages.
  public var lastProblem: PortError? { reader.lastProblem }
  public var trouble: PortError? { reader.cutOff }
  /// Whether the group has taken this worker in (always, when it does not join one).
  public var isJoined: Bool { seat?.isJoined ?? !config.joinsGroup }

  public init(_ config: KafkaConfig) throws(PortError) {
    self.config = config
    reader = try KafkaClient(
      .consumer, config,
      defaults: [
        // Over these a partition sleeps for a second: far above where the pacer holds.
        ("queued.min.messages", "10000000"), ("queued.max.messages.kbytes", "262144"),
        ("fetch.max.bytes", "4000000"), ("fetch.message.max.bytes", "1048576"), ("fetch.wait.max.ms", "20"),
        ("fetch.error.backoff.ms", "20"), ("check.crcs", "true"),
      ],
      fixed: [
        ("group.id", config.group), ("enable.auto.commit", "false"), ("enable.auto.offset.store", "false"),
        ("auto.offset.reset", "error"), ("enable.partition.eof", "true"),
      ], pacer: pacer)
  }

  // MARK: Asking

  public func identity() throws(PortError) -> String {
    guard let id = rd_kafka_clusterid(reader.handle, 10_000) else {
      throw reader.explain(RD_KAFKA_RESP_ERR__TIMED_OUT, doing: "asking \(config.brokers) for its cluster id")
    }
    defer { rd_kafka_mem_free(reader.handle, id) }
    return "kafka:" + String(cString: id)
  }

  public func partitions(of topics: [String]) throws(PortError) -> [TopicPartition] {
    // While reading, whoever asks must not be held up for long by brokers that do not answer.
    let found = try TopicQuery.partitions(of: topics, reader, timeoutMs: lane == nil ? 10_000 : 1_000)
    reader.cutOff = nil
    return found
  }

  public func watermarks(_ partition: TopicPartition, timeoutMs: Int) throws(PortError) -> Watermarks {
    try TopicQuery.watermarks([partition], reader, timeoutMs: timeoutMs)[0]
  }

  /// First and next offsets of many partitions, two requests a broker.
  public func watermarks(_ partitions: [TopicPartition], timeoutMs: Int) throws(PortError) -> [Watermarks] {
    try TopicQuery.watermarks(partitions, reader, timeoutMs: timeoutMs)
  }

  public func committed(_ partitions: [TopicPartition], timeoutMs: Int) -> [Int64?] {
    let list = PartitionList(partitions)
    guard rd_kafka_committed(reader.handle, list.raw, Int32(clamping: timeoutMs)) == RD_KAFKA_RESP_ERR_NO_ERROR else {
      return Array(repeating: nil, count: partitions.count)
    }
    return partitions.indices.map { list.offset($0) >= 0 ? list.offset($0) : nil }
  }

  public func offset(_ partition: TopicPartition, at time: Int64) throws(PortError) -> Int64? {
    try TopicQuery.offsets([partition], at: time, reader, timeoutMs: 10_000)[0]
  }

  // MARK: Reading

  /// Refuses, leaving that member alone, when somebody else is alive in the group.
  ///
  /// A member that was killed stays listed until its session ends: so long this waits, saying what for.
  /// The mock cannot describe groups: nothing is refused there, and nothing joined.
  public func claim() throws(PortError) {
    guard config.joinsGroup, !reader.isMock else { return }
    try GroupSeat.claim(config, reader)
  }

  public func start(
    _ partitions: [(partition: TopicPartition, source: UInt16, input: Int, offset: Int64)]
  ) throws(PortError) {
    precondition(lane == nil, "a source is started once")
    try claim()
    let list = PartitionList(capacity: partitions.count)
    for entry in partitions {
      list.add(entry.partition, entry.offset)
      sources[entry.source] = entry.partition
      bySource[entry.partition] = entry.source
    }
    highs = Array(repeating: (-1, .min), count: Int(partitions.map(\.source).max() ?? 0) + 1)
    ends = Array(repeating: -1, count: highs.count)
    let topics = Dictionary(grouping: partitions, by: \.partition.topic).sorted { $0.key < $1.key }
    let lanes = UnsafeMutableBufferPointer<Lane.Topic>.allocate(capacity: topics.count)
    for (index, (name, entries)) in topics.enumerated() {
      let count = Int(entries.map(\.partition.partition).max() ?? 0) + 1
      let numbers = UnsafeMutablePointer<Int32>.allocate(capacity: count)
      numbers.initialize(repeating: -1, count: count)
      for entry in entries { numbers[Int(entry.partition.partition)] = Int32(entry.source) }
      // Held until close: messages point at this same object.
      let handle = rd_kafka_topic_new(reader.handle, name, nil)!
      lanes.initializeElement(
        at: index, to: Lane.Topic(handle: handle, input: entries[0].input, sources: numbers, count: count))
    }
    lane = .allocate(capacity: 1)
    lane!.initialize(to: Lane(client: reader.handle, topics: lanes))
    reader.readMessages()
    queue = rd_kafka_queue_get_consumer(reader.handle)
    let code = rd_kafka_assign(reader.handle, list.raw)
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw reader.explain(code, doing: "starting to read") }
    if !partitions.isEmpty {
      seat = try GroupSeat(
        config, joins: config.joinsGroup && !reader.isMock, topics: topics.map(\.key), partitionCount: partitions.count)
    }
  }

  public func poll(timeoutMs: Int, limit: Int, into sink: any RecordSink) throws(PortError) -> Int {
    guard let lane, let queue else { return 0 }
    if let error = pending {
      pending = nil
      throw error
    }
    now = csys_monotonic_ns()
    try seat?.serve(now: now)
    lane.pointee.limit = limit
    lane.pointee.taken = 0
    lane.pointee.takenBytes = 0
    withExtendedLifetime(SinkHolder(sink)) { holder in
      lane.pointee.sink = Unmanaged.passUnretained(holder)
      rd_kafka_consume_callback_queue(queue, Int32(clamping: timeoutMs), Lane.onMessage, lane)
      lane.pointee.sink = nil
    }
    let taken = lane.pointee.taken
    if taken > 0 { recordBytes = lane.pointee.takenBytes / taken + Self.recordOverhead }
    pacer.note(waitingBytes: rd_kafka_queue_length(queue) * recordBytes)
    if taken > 0 { reader.cutOff = nil }
    if !lane.pointee.notices.isEmpty { digest() }
    if pending == nil { pending = reader.fatal ?? reader.refusal }
    if taken == 0, let error = pending {
      pending = nil
      throw error
    }
    return taken
  }

  /// Takes in what came between records: ends of partitions, and errors, of which the first final one counts.
  private func digest() {
    let notices = lane!.pointee.notices
    lane!.pointee.notices.removeAll(keepingCapacity: true)
    for notice in notices {
      let partition = TopicPartition(notice.topic, notice.partition)
      if notice.topic.isEmpty, heard(notice) { continue }
      if notice.code == RD_KAFKA_RESP_ERR__PARTITION_EOF {
        guard let source = bySource[partition] else { continue }
        ends[Int(source)] = notice.offset
        continue
      }
      var error = PortError(
        notice.code, doing: "reading topic \(notice.topic), partition \(notice.partition)", detail: notice.text)
      if notice.code == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET {
        error = outOfRange(partition, notice.offset, notice.text ?? "")
      }
      if error.isRetriable {
        config.log(4, error.message)
      } else if pending == nil {
        pending = error
      }
    }
  }

  /// Connections come and go; that none is left is what counts. False = it is something else.
  private func heard(_ notice: Lane.Notice) -> Bool {
    switch notice.code {
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
      reader.cutOff = PortError(notice.code, doing: "connection to \(config.brokers)", detail: notice.text)
    case RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR__TIMED_OUT: break
    default: return false
    }
    config.log(6, "Kafka: " + (notice.text ?? ""))
    return true
  }

  private func outOfRange(_ partition: TopicPartition, _ offset: Int64, _ text: String) -> PortError {
    var low: Int64 = -1
    var high: Int64 = -1
    rd_kafka_query_watermark_offsets(reader.handle, partition.topic, partition.partition, &low, &high, 2_000)
    let holds = low >= 0 ? "; it holds offsets \(low) to \(high - 1)" : ""
    return PortError(
      code: "offset_out_of_range", number: Int(RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET.rawValue),
      message:
        "Kafka: topic \(partition.topic), partition \(partition.partition), offset \(offset): "
        + "\(text)\(holds): records this worker "
        + "still needs are gone (retention, or the topic was made again); --accept-gap goes on without them")
  }

  /// Refreshed from the last fetch answers at most every 5 ms a partition.
  public func highWatermark(_ source: UInt16) -> Int64? {
    guard let partition = sources[source] else { return nil }
    let index = Int(source)
    if highs[index].asked == .min || now - highs[index].asked > 5_000_000 {
      var low: Int64 = -1
      var high: Int64 = -1
      let code = rd_kafka_get_watermark_offsets(reader.handle, partition.topic, partition.partition, &low, &high)
      highs[index] = (code == RD_KAFKA_RESP_ERR_NO_ERROR && high >= 0 ? high : -1, now)
    }
    return highs[index].value >= 0 ? highs[index].value : nil
  }

  public func endReached(_ source: UInt16) -> Int64? {
    Int(source) < ends.count && ends[Int(source)] >= 0 ? ends[Int(source)] : nil
  }

  public func pause(_ sources: [UInt16]) {
    let list = PartitionList(sources.compactMap { self.sources[$0] })
    if list.count > 0 { rd_kafka_pause_partitions(reader.handle, list.raw) }
  }

  public func resume(_ sources: [UInt16]) {
    let list = PartitionList(sources.compactMap { self.sources[$0] })
    if list.count > 0 { rd_kafka_resume_partitions(reader.handle, list.raw) }
  }

  // MARK: Telling the group

  public func commit(_ offsets: [(source: UInt16, next: Int64)]) {
    var news: [TopicPartition: Int64] = [:]
    for (source, next) in offsets {
      guard let partition = sources[source], lastCommit[partition] != next else { continue }
      news[partition] = next
      lastCommit[partition] = next
    }
    guard !news.isEmpty else { return }
    seat?.commit(news)
  }

  /// Waits up to 2 s for commits under way, then ends both clients, each within 10 s.
  public func close() {
    guard !isClosed else { return }
    isClosed = true
    seat?.close()
    if let queue { rd_kafka_queue_destroy(queue) }
    queue = nil
    if let lane {
      for topic in lane.pointee.topics {
        rd_kafka_topic_destroy(topic.handle)
        topic.sources.deallocate()
      }
      lane.pointee.topics.deallocate()
      lane.deinitialize(count: 1)
      lane.deallocate()
    }
    lane = nil
    if !reader.close(first: { rd_kafka_consumer_close($0) }) {
      config.log(4, "Kafka: the reader did not close in 10 s and is left behind")
    }
  }

  deinit { close() }
}

import CRdKafka
import CSys
public import Ports

/// Alerts and dead letters as records of Kafka topics: in order, each at least once, none lost without a word.
///
/// Idempotent (acks=all), and without a time limit: a record leaves the queue when the brokers have it, or when they
/// refuse it for good. After a fatal error of the producer a new one sends again what was not acknowledged, in order.
public final class KafkaOutlet: RecordOutlet {
  private let config: KafkaConfig
  private let log: @Sendable (Int32, String) -> Void
  private var client: KafkaClient
  private var topics: [String: OpaquePointer] = [:]
  private var inFlight: [UInt: OutRecord] = [:]
  private var inFlightBytes = 0
  private var next: UInt = 1
  private let capacity: Int
  private var isClosed = false

  /// Records acknowledged by the brokers.
  public private(set) var delivered = 0
  /// Records refused for good (too large, not allowed, no such topic); each is logged.
  public private(set) var failed = 0
  /// Why the last of them was refused.
  public private(set) var lastFailure: PortError?
  public var lastProblem: PortError? { client.lastProblem }

  /// - Parameters:
  ///   - topics: Asked for now, so that the first record of each does not wait for its metadata.
  ///   - capacity: Records that may wait for their acknowledgement; 64 MB of them at most.
  public init(_ config: KafkaConfig, topics: [String] = [], capacity: Int = 100_000) throws(PortError) {
    self.config = config
    log = config.log
    self.capacity = capacity
    client = try Self.producer(config, capacity)
    observe()
    for topic in topics {
      let handle = try self.handle(topic)
      var found: UnsafePointer<rd_kafka_metadata>?
      if rd_kafka_metadata(client.handle, 0, handle, &found, 5_000) == RD_KAFKA_RESP_ERR_NO_ERROR {
        rd_kafka_metadata_destroy(found)
      }
    }
  }

  private static func producer(_ config: KafkaConfig, _ capacity: Int) throws(PortError) -> KafkaClient {
    try KafkaClient(
      .producer, config,
      defaults: [
        ("linger.ms", "1"), ("queue.buffering.max.messages", String(capacity)),
        ("queue.buffering.max.kbytes", String(bytesMax / 1024)),
        ("message.max.bytes", "2097152"), ("message.timeout.ms", "0"), ("retry.backoff.ms", "50"), ("acks", "all"),
      ],
      fixed: [("enable.idempotence", "true")])
  }

  private func observe() {
    client.onDelivery = { [unowned self] number, code in self.settled(number, code) }
  }

  public var unacknowledged: Int { inFlight.count }
  /// Half of what may wait is left.
  public var hasRoom: Bool { inFlight.count < capacity / 2 && inFlightBytes < Self.bytesMax / 2 }
  private static let bytesMax = 64 << 20

  public func send(_ record: OutRecord) throws(PortError) {
    client.serve()
    try recoverIfFatal()
    guard inFlight.count < capacity else { throw full(record.topic) }
    let number = next
    next &+= 1
    inFlight[number] = record
    inFlightBytes += Self.bytes(record)
    do throws(PortError) { try produce(record, number) } catch {
      forget(number)
      throw error
    }
  }

  public func flush(timeoutMs: Int) -> Bool {
    let until = csys_monotonic_ns() + Int64(timeoutMs) * 1_000_000
    while true {
      client.serve()
      try? recoverIfFatal()
      if inFlight.isEmpty { return true }
      let left = (until - csys_monotonic_ns()) / 1_000_000
      guard left > 0 else { return false }
      client.serve(timeoutMs: Int32(min(left, 100)))
    }
  }

  public func close() {
    guard !isClosed else { return }
    isClosed = true
    if !flush(timeoutMs: 5_000) {
      log(3, "Kafka: \(inFlight.count) records for alerts or dead letters were not acknowledged")
    }
    letGo()
  }

  deinit { close() }

  // MARK: Inside

  private func produce(_ record: OutRecord, _ number: UInt) throws(PortError) {
    let topic = try handle(record.topic)
    let headers = rd_kafka_headers_new(max(1, record.headers.count))!
    for header in record.headers {
      header.value.withUnsafeBytes { value in
        _ = rd_kafka_header_add(headers, header.name, -1, value.baseAddress, value.count)
      }
    }
    var code = RD_KAFKA_RESP_ERR_NO_ERROR
    record.key.withUnsafeBytes { key in
      (record.value ?? []).withUnsafeBytes { value in
        var parts = [rd_kafka_vu_t](repeating: rd_kafka_vu_t(), count: 7)
        parts[0].vtype = RD_KAFKA_VTYPE_RKT
        parts[0].u.rkt = topic
        parts[1].vtype = RD_KAFKA_VTYPE_KEY
        parts[1].u.mem.ptr = UnsafeMutableRawPointer(mutating: key.baseAddress ?? Self.nothing)
        parts[1].u.mem.size = key.count
        parts[2].vtype = RD_KAFKA_VTYPE_VALUE
        parts[2].u.mem.ptr =
          record.value == nil ? nil : UnsafeMutableRawPointer(mutating: value.baseAddress ?? Self.nothing)
        parts[2].u.mem.size = value.count
        parts[3].vtype = RD_KAFKA_VTYPE_TIMESTAMP
        parts[3].u.i64 = record.timestamp
        parts[4].vtype = RD_KAFKA_VTYPE_OPAQUE
        parts[4].u.ptr = UnsafeMutableRawPointer(bitPattern: number)
        parts[5].vtype = RD_KAFKA_VTYPE_MSGFLAGS
        parts[5].u.i = RD_KAFKA_MSG_F_COPY
        parts[6].vtype = RD_KAFKA_VTYPE_HEADERS
        parts[6].u.headers = headers
        if let error = rd_kafka_produceva(client.handle, &parts, parts.count) {
          code = rd_kafka_error_code(error)
          rd_kafka_error_destroy(error)
        }
      }
    }
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
      rd_kafka_headers_destroy(headers)
      if code == RD_KAFKA_RESP_ERR__QUEUE_FULL { throw full(record.topic) }
      throw client.explain(code, doing: "writing to topic \(record.topic)")
    }
  }

  /// An address for empty keys and values, which differ from absent ones.
  private nonisolated(unsafe) static let nothing = UnsafeRawPointer(
    UnsafeMutableRawPointer.allocate(byteCount: 1, alignment: 1))

  private func full(_ topic: String) -> PortError {
    let cause = client.lastProblem.map { " (\($0.message))" } ?? ""
    return PortError(
      code: "outlet_full", isRetriable: true,
      message:
        "Kafka: \(inFlight.count) records wait for their acknowledgement, no room for one more of topic \(topic)\(cause)"
    )
  }

  private func handle(_ topic: String) throws(PortError) -> OpaquePointer {
    if let known = topics[topic] { return known }
    guard let made = rd_kafka_topic_new(client.handle, topic, nil) else {
      throw PortError(rd_kafka_last_error(), doing: "topic \(topic)")
    }
    topics[topic] = made
    return made
  }

  private func settled(_ number: UInt, _ code: KafkaCode) {
    guard code != RD_KAFKA_RESP_ERR_NO_ERROR else {
      forget(number)
      delivered += 1
      return
    }
    // What a dying producer gives back is sent again by the next one.
    if code == RD_KAFKA_RESP_ERR__PURGE_QUEUE || code == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT
      || code == RD_KAFKA_RESP_ERR__FATAL
      || rd_kafka_fatal_error(client.handle, nil, 0) != RD_KAFKA_RESP_ERR_NO_ERROR
    {
      return
    }
    guard let record = forget(number) else { return }
    let error = PortError(
      code,
      doing:
        "a record with key \(String(decoding: record.key.prefix(100), as: UTF8.self)) for topic \(record.topic) was refused"
    )
    failed += 1
    lastFailure = error
    log(3, error.message)
  }

  @discardableResult
  private func forget(_ number: UInt) -> OutRecord? {
    guard let record = inFlight.removeValue(forKey: number) else { return nil }
    inFlightBytes -= Self.bytes(record)
    return record
  }

  private static func bytes(_ record: OutRecord) -> Int {
    record.headers.reduce(record.key.count + (record.value?.count ?? 0)) { $0 + $1.name.utf8.count + $1.value.count }
  }

  private func recoverIfFatal() throws(PortError) {
    guard let fatal = client.fatal else { return }
    log(4, "\(fatal.message); a new producer sends \(inFlight.count) records again")
    let fresh = try Self.producer(config, capacity)
    letGo()
    client = fresh
    observe()
    for (number, record) in inFlight.sorted(by: { $0.key < $1.key }) { try produce(record, number) }
  }

  private func letGo() {
    client.onDelivery = nil
    for handle in topics.values { rd_kafka_topic_destroy(handle) }
    topics.removeAll()
    rd_kafka_purge(client.handle, Int32(RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT))
    client.serve()
    client.close()
  }
}

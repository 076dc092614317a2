import CRdKafka
import Ports

/// One librdkafka client: its handle, its settings, and what its callbacks report.
///
/// Callbacks but the log run inside the polls of the one thread that owns the client. The handle refers to this
/// object without keeping it alive, and `close` or `deinit` ends the handle first.
final class KafkaClient {
  enum Role { case consumer, producer }

  let config: KafkaConfig
  private(set) var handle: OpaquePointer
  private var isOpen = false
  /// The last authentication or TLS failure, with its cause; cleared by nobody, a client that got in reports none.
  private(set) var refusal: PortError?
  /// The last thing that went wrong with the connection, for health pages.
  private(set) var lastProblem: PortError?
  /// No broker has answered since: set by the library, cleared by whoever hears from one.
  var cutOff: PortError?
  /// Set once the instance is of no further use.
  private(set) var fatal: PortError?
  /// Outcome of each record produced: its sequence number and code.
  var onDelivery: ((UInt, KafkaCode) -> Void)?
  /// Partitions gained (true) or lost.
  var onRebalance: ((_ isAssign: Bool, _ partitions: borrowing PartitionList) -> Void)?
  var onCommit: ((KafkaCode, _ partitions: borrowing PartitionList) -> Void)?
  private let log: LogLine
  /// Called by the client's threads, so it lives as long.
  private let pacer: FetchPacer?

  init(
    _ role: Role, _ config: KafkaConfig, defaults: [(name: String, value: String)] = [],
    fixed: [(name: String, value: String)] = [], rebalances: Bool = false, pacer: FetchPacer? = nil
  ) throws(PortError) {
    self.pacer = pacer
    self.config = config
    log = LogLine(config.log)
    let conf = try ClientSettings(config, defaults: defaults, fixed: fixed).copy()
    handle = conf  // Replaced below; a class must be whole before it can be pointed at.
    rd_kafka_conf_set_opaque(conf, Unmanaged.passUnretained(self).toOpaque())
    rd_kafka_conf_set_error_cb(conf) { handle, code, reason, opaque in
      KafkaClient.from(opaque).failed(KafkaCode(rawValue: code), reason.map { String(cString: $0) } ?? "", handle)
    }
    rd_kafka_conf_set_log_cb(conf) { handle, level, facility, text in
      guard let handle, let opaque = rd_kafka_opaque(handle), let text else { return }
      let facility = facility.map { String(cString: $0) } ?? ""
      let line = String(cString: text)
      // One set of options serves consumers and producers; each may hold what only the other reads.
      if facility == "CONFWARN" && line.contains("property and will be ignored") { return }
      // The error callback says these again, with a way out.
      let level = facility == "FAIL" || facility == "ERROR" ? 7 : level
      KafkaClient.from(opaque).log.write(level, "librdkafka \(facility): \(line)")
    }
    if role == .producer {
      rd_kafka_conf_set_dr_msg_cb(conf) { _, message, opaque in
        guard let message else { return }
        let number = UInt(bitPattern: message.pointee._private)
        KafkaClient.from(opaque).onDelivery?(number, message.pointee.err)
      }
    } else {
      rd_kafka_conf_set_offset_commit_cb(conf) { _, code, partitions, opaque in
        guard let partitions else { return }
        KafkaClient.from(opaque).onCommit?(code, PartitionList(lent: partitions))
      }
      if rebalances {
        rd_kafka_conf_set_rebalance_cb(conf) { _, code, partitions, opaque in
          guard let partitions else { return }
          KafkaClient.from(opaque).onRebalance?(
            code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS, PartitionList(lent: partitions))
        }
      }
    }
    pacer?.join(conf)
    var text = [CChar](repeating: 0, count: 512)
    let kind = role == .producer ? RD_KAFKA_PRODUCER : RD_KAFKA_CONSUMER
    guard let made = rd_kafka_new(kind, conf, &text, text.count) else {
      rd_kafka_conf_destroy(conf)
      throw PortError(code: "config", message: "Kafka: \(String(terminated: text)) (see kafka.options)")
    }
    handle = made
    isOpen = true
  }

  private static func from(_ opaque: UnsafeMutableRawPointer?) -> KafkaClient {
    Unmanaged<KafkaClient>.fromOpaque(opaque!).takeUnretainedValue()
  }

  private func failed(_ code: KafkaCode, _ reason: String, _ handle: OpaquePointer?) {
    if code == RD_KAFKA_RESP_ERR__FATAL, let handle {
      var text = [CChar](repeating: 0, count: 512)
      let cause = rd_kafka_fatal_error(handle, &text, text.count)
      fatal = PortError(cause, doing: "this client can go on no longer", detail: String(terminated: text))
      return
    }
    var problem = PortError(code, doing: "connection to \(config.brokers)", detail: reason)
    if code == RD_KAFKA_RESP_ERR__AUTHENTICATION || code == RD_KAFKA_RESP_ERR__SSL {
      let mechanism = config.options["sasl.mechanism"] ?? config.options["sasl.mechanisms"] ?? ""
      if code == RD_KAFKA_RESP_ERR__AUTHENTICATION,
        let advice = PortError.scramAdvice(mechanism: mechanism, version: rd_kafka_version())
      {
        problem.message += "; " + advice
      }
      refusal = problem
    }
    if code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN { cutOff = problem }
    // Connections come and go; that none is left is said once, by the worker.
    let isConnection =
      code == RD_KAFKA_RESP_ERR__TRANSPORT || code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN
      || code == RD_KAFKA_RESP_ERR__TIMED_OUT
    if lastProblem?.message != problem.message { config.log(isConnection ? 6 : 4, problem.message) }
    lastProblem = problem
  }

  /// Whether the cluster is librdkafka's mock, which leaves requests it does not know unanswered.
  private(set) lazy var isMock: Bool = {
    guard let id = rd_kafka_clusterid(handle, 10_000) else { return false }
    defer { rd_kafka_mem_free(handle, id) }
    return String(cString: id).hasPrefix("mockCluster")
  }()

  /// From now on this client's events come with its messages, and only who reads those may ask for them:
  /// librdkafka 2.0.2 aborts the process where a message waits and ``serve(timeoutMs:)`` meets it.
  func readMessages() {
    rd_kafka_poll_set_consumer(handle)
    isReading = true
  }
  private var isReading = false

  /// Serves callbacks that wait; at most so long for the first.
  func serve(timeoutMs: Int32 = 0) {
    if !isReading { rd_kafka_poll(handle, timeoutMs) }
  }

  /// An error of a request, or what lies behind it: refused credentials end in time-outs.
  func explain(_ code: KafkaCode, doing: String, detail: String? = nil) -> PortError {
    serve()
    if let refusal, PortError(code, doing: doing).isRetriable {
      return PortError(code: refusal.code, number: refusal.number, message: "\(doing): \(refusal.message)")
    }
    return PortError(code, doing: doing, detail: detail)
  }

  /// Ends the handle; false = it did not end within the time and is left behind.
  @discardableResult
  func close(withinMs: Int = 10_000, first: @escaping @Sendable (OpaquePointer) -> Void = { _ in }) -> Bool {
    guard isOpen else { return true }
    isOpen = false
    nonisolated(unsafe) let handle = handle
    let kept = Unmanaged.passRetained(self)  // Callbacks may still run while the handle ends.
    nonisolated(unsafe) let owner = kept
    return Deadline.run(withinMs: withinMs) {
      first(handle)
      rd_kafka_destroy(handle)
      owner.release()
    }
  }

  deinit { if isOpen { rd_kafka_destroy(handle) } }
}

/// Passes lines on, from any of librdkafka's threads.
private final class LogLine: Sendable {
  let write: @Sendable (Int32, String) -> Void
  init(_ write: @escaping @Sendable (Int32, String) -> Void) { self.write = write }
}

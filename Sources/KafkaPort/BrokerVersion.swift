import CRdKafka
public import Ports
import Telemetry

/// What a cluster lets be seen of its version: brokers tell which requests they take, not what they are.
public struct BrokerVersion: Sendable {
  /// `4.1 or later`; nil = it told nothing we know.
  public var kafka: String?
  public var brokerCount: Int

  /// Kafka releases by the newest Fetch request they take.
  ///
  /// - SeeAlso: `FetchRequest.json` of Apache Kafka, whose comments name the change of each version.
  static let byFetch: [(version: Int, release: String)] = [
    (18, "4.1"), (17, "3.9"), (16, "3.7"), (15, "3.5"), (13, "3.1"), (12, "2.7"), (11, "2.3"), (10, "2.1"), (8, "2.0"),
    (7, "1.1"), (6, "1.0"), (4, "0.11"),
  ]

  /// From the range of Fetch requests; since 4.0 the oldest is 4.
  package static func release(fetch range: ClosedRange<Int>) -> String? {
    guard let known = byFetch.first(where: { $0.version <= range.upperBound }) else { return nil }
    return (range.lowerBound >= 4 && !known.release.hasPrefix("4") ? "4.0" : known.release) + " or later"
  }

  /// Connects once more, with librdkafka saying what it hears of the broker's requests.
  public static func ask(_ config: KafkaConfig) throws(PortError) -> BrokerVersion {
    let fetch = Locked<ClosedRange<Int>?>(nil)
    var config = config
    config.options["debug"] = "feature"
    config.log = { _, line in
      guard let found = Self.fetchRange(in: line) else { return }
      fetch.withLock {
        $0 = $0.map { min($0.lowerBound, found.lowerBound)...min($0.upperBound, found.upperBound) } ?? found
      }
    }
    let client = try KafkaClient(.consumer, config, fixed: [("group.id", config.group)])
    defer { client.close() }
    var found: UnsafePointer<rd_kafka_metadata>?
    let code = rd_kafka_metadata(client.handle, 0, nil, &found, 10_000)
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR, let found else {
      throw client.explain(code, doing: "asking \(config.brokers) for its brokers")
    }
    defer { rd_kafka_metadata_destroy(found) }
    return BrokerVersion(
      kafka: fetch.withLock { $0 }.flatMap { release(fetch: $0) }, brokerCount: Int(found.pointee.broker_cnt))
  }

  /// `... ApiKey Fetch (1) Versions 4..18`
  package static func fetchRange(in line: String) -> ClosedRange<Int>? {
    let mark = "ApiKey Fetch (1) Versions "
    guard let at = line.firstRange(of: mark)?.upperBound else { return nil }
    let ends = line[at...].split(separator: ".").map { Int($0) }
    guard ends.count == 2, let low = ends[0], let high = ends[1], low <= high else { return nil }
    return low...high
  }
}

import Events
import Foundation
import KafkaPort
import Ports

/// Keeps what it was handed, copied.
final class Collector: RecordSink {
  struct Item: Equatable {
    var source: UInt16
    var input: Int
    var offset: Int64
    var timestamp: Int64
    var key: String?
    var value: String?
    var trace: String?
  }
  var items: [Item] = []

  func take(_ record: Record) {
    items.append(
      Item(
        source: record.source, input: record.input, offset: record.offset, timestamp: record.timestamp,
        key: record.key.map { String(decoding: $0, as: UTF8.self) },
        value: record.value.map { String(decoding: $0, as: UTF8.self) },
        trace: record.headers.header("trace").map { String(decoding: $0, as: UTF8.self) }))
  }
}

extension KafkaSource {
  /// Polls until so many records have come, or some seconds have passed.
  func collect(_ count: Int, into sink: Collector, seconds: Double = 15) throws {
    let until = Date().addingTimeInterval(seconds)
    while sink.items.count < count, Date() < until { _ = try poll(timeoutMs: 50, limit: 1_000, into: sink) }
  }
}

extension OutRecord {
  init(_ topic: String, _ key: String, _ value: String?, trace: String? = nil, timestamp: Int64 = 0) {
    self.init(
      topic: topic, key: Array(key.utf8), value: value.map { Array($0.utf8) },
      headers: trace.map { [("trace", Array($0.utf8))] } ?? [], timestamp: timestamp)
  }
}

/// Lines that a client logged.
final class Lines: @unchecked Sendable {
  private let lock = NSLock()
  private var kept: [String] = []
  var all: [String] { lock.withLock { kept } }
  func add(_ line: String) { lock.withLock { kept.append(line) } }
}

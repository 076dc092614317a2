import Events
import Kernels
import Ports

/// A record that could not become an event: its bytes, where it stood and what was wrong with it.
///
/// Kept in the queue in its place in the order, sent when its turn is folded, so that a crash neither loses nor
/// doubles it silently: copies carry the same coordinates.
public struct DeadLetter: Equatable, Sendable {
  public var reason: RejectReason
  public var field: String?
  public var key: [UInt8]?
  public var value: [UInt8]
  /// Size of the original value.
  public var originalCount: Int
  public var timestamp: Int64
  /// Those of the original, for a replay; of CloudEvents in binary form they are half the event.
  public var headers: [Header]
  /// SHA-256 of the whole value, present where `value` is only its beginning.
  public var digest: [UInt8]

  /// Values up to here travel whole.
  static let wholeLimit = 1 << 20
  static let cutTo = 4096
  /// Headers beyond so many bytes stay behind.
  static let headerLimit = 64 << 10

  public struct Header: Equatable, Sendable {
    public var name: String
    public var value: [UInt8]
  }

  /// Whether a header tells of a dead letter rather than of the record in it.
  public static func isOurs(header name: String) -> Bool {
    name.hasPrefix("__connect.errors.") || name.hasPrefix("thalweg.")
  }

  init(
    reason: RejectReason, field: String?, record: Record, sha256: (UnsafeRawBufferPointer) -> [UInt8]
  ) {
    self.reason = reason
    self.field = field
    key = record.key.map { Array($0) }
    timestamp = record.timestamp
    var room = Self.headerLimit
    headers = record.headers.all.compactMap { header in
      room -= header.name.utf8.count + header.value.count
      return room < 0 || Self.isOurs(header: header.name) ? nil : Header(name: header.name, value: header.value)
    }
    let value = record.value ?? UnsafeRawBufferPointer(start: nil, count: 0)
    originalCount = value.count
    if value.count > Self.wholeLimit {
      self.value = Array(value[0..<Self.cutTo])
      digest = sha256(value)
    } else {
      self.value = Array(value)
      digest = []
    }
  }

  init?(decoding bytes: UnsafeRawBufferPointer) {
    var reader = ByteReader(bytes)
    guard let reason = RejectReason(rawValue: reader.takeText()) else { return nil }
    self.reason = reason
    let field = reader.takeText()
    self.field = field.isEmpty ? nil : field
    key = reader.take(UInt8.self) == 1 ? Array(reader.takeRun()) : nil
    value = Array(reader.takeRun())
    originalCount = Int(reader.take(UInt64.self))
    timestamp = reader.take(Int64.self)
    digest = Array(reader.takeRun())
    headers = []
    for _ in 0..<reader.take(UInt16.self) {
      headers.append(Header(name: reader.takeText(), value: Array(reader.takeRun())))
    }
    guard !reader.isTorn else { return nil }
  }

  var encoded: [UInt8] {
    var bytes: [UInt8] = []
    bytes.putText(reason.rawValue)
    bytes.putText(field ?? "")
    bytes.put(UInt8(key == nil ? 0 : 1))
    if let key { bytes.putRun(key) }
    bytes.putRun(value)
    bytes.put(UInt64(originalCount))
    bytes.put(timestamp)
    bytes.putRun(digest)
    bytes.put(UInt16(clamping: headers.count))
    for header in headers.prefix(Int(UInt16.max)) {
      bytes.putText(header.name)
      bytes.putRun(header.value)
    }
    return bytes
  }

  /// The record for the dead-letter topic, with the headers that Kafka Connect's tools read.
  func record(topic: String, from source: TopicPartition, offset: Int64, group: String) -> OutRecord {
    var headers = self.headers.map { (name: $0.name, value: $0.value) }
    func add(_ name: String, _ value: String) { headers.append((name, Array(value.utf8))) }
    let prefix = "__connect.errors."
    add(prefix + "topic", source.topic)
    add(prefix + "partition", String(source.partition))
    add(prefix + "offset", String(offset))
    add(prefix + "connector.name", group)
    add(prefix + "task.id", "0")
    add(prefix + "stage", "VALUE_CONVERTER")
    add(prefix + "class.name", "thalweg.Decoder")
    add(prefix + "exception.class.name", "thalweg.Rejected")
    add(prefix + "exception.message", message)
    add(prefix + "exception.stacktrace", "")
    add("thalweg.reason", reason.rawValue)
    if let field { add("thalweg.field", field) }
    if !digest.isEmpty { add("thalweg.sha256", digest.map { hex($0) }.joined()) }
    return OutRecord(topic: topic, key: key ?? [], value: value, headers: headers, timestamp: max(0, timestamp))
  }

  var message: String {
    field.map { "\(reason.rawValue): \($0)" } ?? reason.rawValue
  }
}

private func hex(_ byte: UInt8) -> String {
  let digits = String(byte, radix: 16)
  return byte < 16 ? "0" + digits : digits
}

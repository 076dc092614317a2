import Foundation
import JSON

@testable import Events

struct Headers: RecordHeaders {
  var values: [String: String]
  func header(_ name: String) -> [UInt8]? { values[name].map { Array($0.utf8) } }
}

/// A decoder with what it decoded, for one record at a time.
struct Bench: ~Copyable {
  var decoder: Decoder
  let ids = Identities()
  var batch = DecodedBatch()

  init(_ mapping: CompiledMapping = Envelope.mapping, options: DecodeOptions = DecodeOptions()) {
    decoder = Decoder(mapping: mapping, options: options, ids: ids)
  }

  init(json: String) throws {
    self.init(try CompiledMapping(MappingTree(JSONValue(parsing: json)), file: "test.json"))
  }

  mutating func decode(
    _ topic: String, _ bytes: [UInt8]?, key: String? = nil, timestamp: Int64 = -1, offset: Int64 = 7,
    headers: [String: String] = [:]
  ) -> DecodeOutcome {
    let input = decoder.mapping.inputs.firstIndex { $0.topic == topic }!
    // The exact size on the heap: a sanitizer sees every byte read too far.
    let value = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes?.count ?? 0, alignment: 1)
    defer { value.deallocate() }
    if let bytes { value.copyBytes(from: bytes) }
    let keyBytes = Array((key ?? "").utf8)
    return keyBytes.withUnsafeBytes { raw in
      decoder.decode(
        Record(
          source: 3, input: input, partition: 2, offset: offset, timestamp: timestamp, key: key == nil ? nil : raw,
          value: bytes == nil ? nil : UnsafeRawBufferPointer(value), headers: Headers(values: headers)),
        into: &batch)
    }
  }

  mutating func decode(
    _ topic: String, _ text: String, key: String? = nil, timestamp: Int64 = -1, headers: [String: String] = [:]
  ) -> DecodeOutcome {
    decode(topic, Array(text.utf8), key: key, timestamp: timestamp, headers: headers)
  }

  var last: Event { batch.events.last! }
  func viewer(_ event: Event) -> String? { event.viewer == Event.none ? nil : ids.viewers.text(event.viewer) }
  func title(_ event: Event) -> String? { event.title == Event.none ? nil : ids.titles.text(event.title) }

  /// A payload field of the last event.
  func payload(_ tag: PayloadTag) -> [UInt8]? {
    var bytes = Array(batch.payload[Int(last.payloadStart)...].prefix(Int(last.payloadCount)))
    return bytes.withUnsafeMutableBytes { raw in Payload(raw).field(tag).map { Array($0) } }
  }

  var items: [ShownItem] {
    let bytes = payload(.items) ?? []
    return bytes.withUnsafeBytes { raw in
      stride(from: 0, to: raw.count, by: ShownItem.byteCount).map { ShownItem(reading: raw.baseAddress! + $0) }
    }
  }
}

extension DecodeOutcome {
  /// One word or two: `events 1`, `skipped no_rule`, `missing_field user_id`.
  var summary: String {
    switch self {
    case .events(let count): "events \(count)"
    case .reference: "reference"
    case .skipped(let why): "skipped \(why)"
    case .rejected(let reason, let field):
      [.missingField, .badField].contains(reason) ? "\(reason.rawValue) \(field ?? "")" : reason.rawValue
    }
  }
}

/// The project's root folder.
let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
  .deletingLastPathComponent()

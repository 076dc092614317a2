import JSON
import Ports

/// One record that a story produces.
struct StoryRecord {
  var topic: String
  var key: [UInt8]
  var value: [UInt8]
  /// Unix ms.
  var timestamp: Int64
}

/// One step of a story: rows, records, a moment to read at, what must be found.
struct StoryStep {
  var catalog: [StoryRecord]
  var events: [StoryRecord]
  var readAt: Int64?
  var sweepAt: Int64?
  var expect: JSONValue
}

/// A worked sequence of events with the state that must follow, as `spec` files of this form hold them.
struct Story {
  var id: String
  var settings: JSONValue
  var steps: [StoryStep]

  init(_ json: JSONValue) throws(StoryFault) {
    guard let id = json["id"]?.string else { throw StoryFault("a story has no id") }
    self.id = id
    settings = json["settings"] ?? .object([])
    steps = [try Self.step(json, id)]
    for later in json["then"]?.array ?? [] { steps.append(try Self.step(later, id)) }
  }

  private static func step(_ json: JSONValue, _ id: String) throws(StoryFault) -> StoryStep {
    StoryStep(
      catalog: try records(json["catalog"], id), events: try records(json["events"], id),
      readAt: json["read_at"]?.int64, sweepAt: json["sweep_at"]?.int64, expect: json["expect"] ?? .object([]))
  }

  private static let harness: Set<String> = [
    "topic", "record_timestamp", "key", "repeat", "every_ms", "pad_to", "raw", "raw_base64",
  ]

  private static func records(_ list: JSONValue?, _ id: String) throws(StoryFault) -> [StoryRecord] {
    var records: [StoryRecord] = []
    for line in list?.array ?? [] {
      guard let topic = line["topic"]?.string, let members = line.object else {
        throw StoryFault("\(id): a line has no topic")
      }
      let every = line["every_ms"]?.int64 ?? 0
      let times = line["repeat"]?.int64
      for k in 1...max(1, times ?? 1) {
        let body = members.filter { !harness.contains($0.key) }.map { member in
          JSONValue.Member(member.key, times == nil ? member.value : numbered(member.value, k))
        }
        var value = JSONValue.object(body)
        if (k > 1), let time = value["timestamp"]?.int64 {
          value = replacing(value, "timestamp", .integer(time + (k - 1) * every))
        }
        var bytes = value.serialized()
        if let raw = line["raw"]?.string { bytes = Array(raw.utf8) }
        if let raw = line["raw_base64"]?.string { bytes = base64(raw) }
        if let size = line["pad_to"]?.int { pad(&bytes, to: size) }
        let keyText =
          line["key"]?.string
          ?? (topic.hasPrefix("content.") || topic == "events.availability"
            ? value["content_id"]?.string : value["user_id"]?.string) ?? value["content_id"]?.string ?? ""
        let key = times == nil ? keyText : text(keyText, k)
        records.append(
          StoryRecord(
            topic: topic, key: Array(key.utf8), value: bytes,
            timestamp: line["record_timestamp"]?.int64 ?? value["timestamp"]?.int64
              ?? value["timestamp"]?.string.flatMap(Timestamp.parse) ?? 0))
      }
    }
    return records
  }

  private static func replacing(_ value: JSONValue, _ name: String, _ new: JSONValue) -> JSONValue {
    .object((value.object ?? []).map { $0.key == name ? JSONValue.Member(name, new) : $0 })
  }

  /// `{k}` stands for the number of the repetition in every string.
  private static func numbered(_ value: JSONValue, _ k: Int64) -> JSONValue {
    switch value {
    case .string(let own): .string(text(own, k))
    case .array(let list): .array(list.map { numbered($0, k) })
    case .object(let members): .object(members.map { JSONValue.Member(text($0.key, k), numbered($0.value, k)) })
    default: value
    }
  }

  private static func text(_ own: String, _ k: Int64) -> String {
    guard let start = own.firstRange(of: "{k}") else { return own }
    return own[..<start.lowerBound] + String(k) + text(String(own[start.upperBound...]), k)
  }

  private static func pad(_ bytes: inout [UInt8], to size: Int) {
    // Replaces the closing brace by a last member of exactly the missing length.
    let opening = Array(#","pad":""#.utf8)
    let missing = size - bytes.count - opening.count - 1
    guard missing >= 0, bytes.last == UInt8(ascii: "}") else { return }
    bytes.removeLast()
    bytes += opening
    bytes += [UInt8](repeating: UInt8(ascii: "x"), count: missing)
    bytes += Array("\"}".utf8)
  }

  private static func base64(_ text: String) -> [UInt8] {
    var bytes: [UInt8] = []
    var bits: UInt32 = 0
    var count = 0
    for c in text.utf8 {
      let digit: UInt32
      switch c {
      case 65...90: digit = UInt32(c - 65)
      case 97...122: digit = UInt32(c - 71)
      case 48...57: digit = UInt32(c) + 4
      case UInt8(ascii: "+"): digit = 62
      case UInt8(ascii: "/"): digit = 63
      default: continue
      }
      bits = bits << 6 | digit
      count += 1
      if count % 4 == 0 {
        bytes.append(contentsOf: [UInt8(bits >> 16 & 255), UInt8(bits >> 8 & 255), UInt8(bits & 255)])
        bits = 0
      }
    }
    switch count % 4 {
    case 2: bytes.append(UInt8(bits >> 4 & 255))
    case 3: bytes.append(contentsOf: [UInt8(bits >> 10 & 255), UInt8(bits >> 2 & 255)])
    default: break
    }
    return bytes
  }
}

struct StoryFault: Error, CustomStringConvertible {
  var description: String
  init(_ description: String) { self.description = description }
}

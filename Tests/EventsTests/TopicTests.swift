import Foundation
import JSON
import Testing

@testable import Events

/// Every file under `topics/` is held to what the decoder does.
@Suite struct TopicTests {
  static let names = try! FileManager.default.contentsOfDirectory(atPath: root.appendingPathComponent("topics").path)
    .filter { $0.hasSuffix(".json") }.sorted()

  static func read(_ name: String) throws -> JSONValue {
    try JSONValue(parsing: Data(contentsOf: root.appendingPathComponent("topics/\(name)")))
  }

  @Test func `every input topic of the envelope is declared`() throws {
    let inputs = try Self.names.map { try Self.read($0) }.filter { $0["direction"]?.string == "input" }
    #expect(Set(inputs.compactMap { $0["topic"]?.string }) == Set(Envelope.topics))
  }

  @Test(arguments: names)
  func `valid examples decode and invalid ones are refused for their reason`(name: String) throws {
    let declared = try Self.read(name)
    let topic = try #require(declared["topic"]?.string)
    #expect(name == topic + ".json")
    #expect(["delete", "compact"].contains(declared["config"]?["cleanup.policy"]?.string))
    #expect((declared["partitions"]?.int ?? 0) > 0)
    let schema = try #require(declared["schema"])
    let valid = try #require(declared["examples"]?["valid"]?.array)
    let invalid = try #require(declared["examples"]?["invalid"]?.array)
    #expect(!valid.isEmpty)
    for example in valid { #expect(Schema.faults(example, schema) == [], "\(example.text())") }
    // What only the decoder can tell: sums over several members, and dimensions.
    let beyondSchema = ["no_completion", "bad_items", "bad_dim", "bad_json", "not_finite", "bad_rating"]
    for example in invalid where !beyondSchema.contains(example["reason"]?.string ?? "") && topic != "control" {
      if topic == "user-interactions" || topic == "decisions" { continue }
      #expect(Schema.faults(try #require(example["value"]), schema) != [], "\(example.text())")
    }
    guard declared["direction"]?.string == "input" else { return }
    for example in valid {
      var bench = Bench()
      let outcome = bench.decode(topic, example.serialized())
      let isReference = bench.decoder.mapping.inputs.first { $0.topic == topic }!.isReference
      #expect(outcome.summary == (isReference ? "reference" : "events 1"), "\(example.text())")
      if let event = bench.batch.events.last { #expect(!event.flags.contains(.unknownFields), "\(example.text())") }
    }
    for example in invalid {
      var options = DecodeOptions()
      options.embeddingDim = 2
      var bench = Bench(options: options)
      let raw = example["raw"]?.string.map { Array($0.utf8) } ?? example["value"]!.serialized()
      guard case .rejected(let reason, let field) = bench.decode(topic, raw) else {
        Issue.record("not refused: \(example.text())")
        continue
      }
      #expect(reason.rawValue == example["reason"]?.string, "\(example.text())")
      if let named = example["field"]?.string { #expect(field == named, "\(example.text())") }
    }
  }
}

/// As much of JSON Schema as the declarations use.
enum Schema {
  static func faults(_ value: JSONValue, _ schema: JSONValue, _ path: String = "$") -> [String] {
    var faults: [String] = []
    func expect(_ good: Bool, _ what: String) { if !good { faults.append("\(path): \(what)") } }
    if let type = schema["type"] {
      let types = type.array?.compactMap(\.string) ?? [type.string ?? ""]
      expect(types.contains { matches(value, $0) }, "type")
    }
    if let const = schema["const"] { expect(value == const, "const") }
    if let list = schema["enum"]?.array {
      expect(list.contains { $0 == value || ($0.double != nil && $0.double == value.double) }, "enum")
    }
    if let number = value.double {
      if let bound = schema["minimum"]?.double { expect(number >= bound, "minimum") }
      if let bound = schema["maximum"]?.double { expect(number <= bound, "maximum") }
      if let bound = schema["exclusiveMinimum"]?.double { expect(number > bound, "exclusiveMinimum") }
    }
    if let text = value.string {
      if let least = schema["minLength"]?.int { expect(text.unicodeScalars.count >= least, "minLength") }
      if let most = schema["maxLength"]?.int { expect(text.unicodeScalars.count <= most, "maxLength") }
      if let pattern = schema["pattern"]?.string {
        expect(text.range(of: pattern, options: .regularExpression) != nil, "pattern")
      }
      // A time as text is one the decoder can read.
      if schema["type"]?.array?.count == 2, schema["exclusiveMinimum"] != nil {
        expect(
          text.utf8.withContiguousStorageIfAvailable {
            TimeText.milliseconds(UnsafeRawBufferPointer($0), zoneRequired: true) != nil
          } ?? false, "time")
      }
    }
    if let elements = value.array {
      if let least = schema["minItems"]?.int { expect(elements.count >= least, "minItems") }
      if let most = schema["maxItems"]?.int { expect(elements.count <= most, "maxItems") }
      if let inner = schema["items"] {
        for (i, element) in elements.enumerated() { faults += Self.faults(element, inner, "\(path)[\(i)]") }
      }
    }
    if let members = value.object {
      for name in schema["required"]?.array ?? [] { expect(value[name.string!] != nil, "required \(name.string!)") }
      for member in members {
        if let inner = schema["properties"]?[member.key] {
          faults += Self.faults(member.value, inner, "\(path).\(member.key)")
        } else if let inner = schema["additionalProperties"] {
          faults += Self.faults(member.value, inner, "\(path).\(member.key)")
        }
      }
    }
    return faults
  }

  private static func matches(_ value: JSONValue, _ type: String) -> Bool {
    switch type {
    case "object": value.object != nil
    case "array": value.array != nil
    case "string": value.string != nil
    case "boolean": value.bool != nil
    case "integer": value.int64 != nil
    case "number": value.double != nil
    case "null": value.isNull
    default: false
    }
  }
}

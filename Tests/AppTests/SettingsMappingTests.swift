import Events
import Foundation
import Options
import Testing

@testable import App

private let mapping = """
  inputs:
  - topic: ${PLAYS:plays}
    rules:
    - when: {path: $.event, eq: done}
      emit: watch
      set: {event_id: $.id, user_id: $.who, content_id: $.what, completion_rate: $.share}

  """

private func settings(_ yaml: String) throws -> Settings {
  let loaded = Settings.load(tree: try YAML.parse(yaml, name: "x.yaml"), environment: ["PLAYS": "p2"])
  #expect(loaded.problems == [])
  return loaded.settings
}

@Suite struct SettingsMappingTests {
  @Test func `our own topics are the inputs unless the settings say others`() throws {
    let inputs = try Settings().mappings().compiled.inputs
    #expect(inputs.map(\.topic) == Envelope.topics)
    #expect(inputs.contains { $0.topic == "events.watch" && $0.maxBytes == 65_536 })
    #expect(inputs.contains { $0.topic == "content.catalog" && $0.maxBytes == 1_048_576 })
    let limited = try settings("limits: {event_bytes: 2KiB}").mappings().compiled.inputs
    #expect(limited.first { $0.topic == "events.watch" }?.maxBytes == 2048)
  }

  @Test func `a mapping may stand in the configuration, in a file, and beside the envelope`() throws {
    #expect(try settings(mapping).mappings().compiled.inputs.map(\.topic) == ["p2"])
    let path = NSTemporaryDirectory() + "thalweg-mapping-\(getpid()).yaml"
    try mapping.write(toFile: path, atomically: true, encoding: .utf8)
    defer { unlink(path) }
    let both = try settings("mapping: [envelope, \(path)]").mappings(environment: [:])
    #expect(both.compiled.inputs.map(\.topic) == Envelope.topics + ["plays"])
    #expect(both.texts == [Envelope.text, mapping])
  }

  @Test(arguments: [
    ("mapping: [/nowhere/m.yaml]", "/nowhere/m.yaml: cannot be read: No such file or directory"),
    ("mapping: [envelope, envelope]", "inputs: topic events.watch is mapped twice"),
  ])
  func `a mapping that cannot be used is named`(yaml: String, message: String) throws {
    let settings = try settings(yaml)
    let error = #expect(throws: MappingError.self) { try settings.mappings(environment: [:]) }
    #expect(error?.description == message)
  }

  @Test func `a mistake in an inline mapping is named by the file's own line`() throws {
    let settings = try settings("shards: 1\ninputs:\n- topic: a\n  decode: xml\n")
    let error = #expect(throws: MappingError.self) { try settings.mappings() }
    #expect(error?.description.hasPrefix("x.yaml:4: ") == true, "\(String(describing: error))")
  }
}

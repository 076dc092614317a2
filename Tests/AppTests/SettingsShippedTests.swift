import Foundation
import Options
import Testing

@testable import App

private func file(_ path: String) throws -> String {
  try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
}

@Suite struct SettingsShippedTests {
  @Test func `what is compiled in equals the files of configs`() throws {
    let names = try FileManager.default.contentsOfDirectory(atPath: root.appendingPathComponent("configs").path)
      .filter { $0.hasSuffix(".yaml") }.sorted()
    #expect(Shipped.files.map { $0.name + ".yaml" } == names, "run .ci/ship-configs")
    for (name, text) in Shipped.files {
      #expect(try text == file("configs/\(name).yaml"), "run .ci/ship-configs")
    }
  }

  @Test func `the settings page is the declarations'`() throws {
    #expect(try file("docs/CONFIG.md") == Settings.reference(), "thalweg config docs > docs/CONFIG.md")
  }

  @Test func `the shipped worker file explains every option and changes none`() throws {
    let text = try file("configs/worker.yaml")
    #expect(text == Settings.sample(), "thalweg config sample > configs/worker.yaml; .ci/ship-configs")
    let loaded = Settings.load(tree: try YAML.parse(text, name: "worker.yaml"))
    #expect(loaded.problems == [])
    #expect(loaded.rows.map(\.text) == Settings.declared.rows.map(\.text))
    // Uncommented, every line is still the default.
    let lines = text.split(separator: "\n").map { line -> String in
      guard let mark = line.range(of: "# ") else { return String(line) }
      let rest = line[mark.upperBound...]
      let isOption =
        rest.prefix { $0.isLetter || $0 == "_" || $0.isNumber }.count > 0 && rest.contains(": ")
        && Settings.declared.rows.contains { rest.hasPrefix($0.row.name + ": ") && rest.hasSuffix($0.row.standardText) }
      return isOption ? String(line[..<mark.lowerBound] + rest) : String(line)
    }
    let whole = Settings.load(tree: try YAML.parse(lines.joined(separator: "\n"), name: "worker.yaml"))
    #expect(whole.problems == [])
    #expect(whole.rows.map(\.text) == Settings.declared.rows.map(\.text))
    let given = whole.rows.filter { $0.origin != .standard }.count
    #expect(given == whole.rows.count, "\(whole.rows.filter { $0.origin == .standard }.map(\.row.path))")
  }

  @Test func `the schema is JSON and knows every option`() throws {
    let text = Schema.text(title: "x", rows: Settings.declared.rows, sections: Settings.declared.sections)
    let schema = try #require(JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    func find(_ path: Substring, in schema: [String: Any]) -> [String: Any]? {
      let parts = path.split(separator: ".", maxSplits: 1)
      guard let properties = schema["properties"] as? [String: Any],
        let next = properties[String(parts[0])] as? [String: Any]
      else { return nil }
      return parts.count == 1 ? next : find(parts[1], in: next)
    }
    for row in Settings.declared.rows.map(\.row) {
      let found = find(row.path[...], in: schema)
      #expect((found?["description"] as? String)?.hasPrefix(row.help) == true, "\(row.path)")
    }
  }
}

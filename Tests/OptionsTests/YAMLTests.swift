import Testing

@testable import Options

private func parsed(_ text: String) throws -> Node { try YAML.parse(text, name: "x.yaml") }

@Suite struct YAMLTests {
  @Test func `maps keep their order and every scalar stays text`() throws {
    let node = try parsed("b: 1.10\na: no\nc: [0x10, \"\", ~]\nd:\n  e: 'x: y'\n")
    #expect(node.map?.map(\.key) == ["b", "a", "c", "d"])
    #expect(node["b"]?.text == "1.10")
    #expect(node["a"]?.text == "no")
    #expect(node["c"]?.list?.map(\.text) == ["0x10", "", "~"])
    #expect(node["c"]?.list?.map(\.isEmpty) == [false, false, true])
    #expect(node["d"]?["e"]?.text == "x: y")
  }

  @Test func `places count lines and characters from one`() throws {
    let node = try parsed("a: 1\nüü: {k: v}\n")
    #expect(node["a"]?.origin == .file(name: "x.yaml", line: 1, column: 4))
    #expect(node.map?[1].origin == .file(name: "x.yaml", line: 2, column: 1))
    #expect(node["üü"]?["k"]?.origin == .file(name: "x.yaml", line: 2, column: 9))
  }

  @Test(arguments: ["", "# only a comment\n", "---\n", "\u{FEFF}"])
  func `an empty text is an empty map`(text: String) throws {
    #expect(try parsed(text).map?.isEmpty == true)
  }

  @Test func `a byte order mark is no part of the first key`() throws {
    #expect(try parsed("\u{FEFF}a: 1\n")["a"]?.text == "1")
  }

  @Test(arguments: [
    ("a: &x 1", "x.yaml:1:4: anchors are not allowed"),
    ("a: [1]\nb: *x", "x.yaml:2:4: aliases are not allowed"),
    ("a: !!int 1", "x.yaml:1:4: tags are not allowed"),
    ("<<: {a: 1}", "x.yaml:1:1: merge keys are not allowed"),
    ("a: 1\n---\nb: 1", "x.yaml:2:1: only one document is allowed"),
    ("a: 1\nb: 2\na: 3", "x.yaml:3:1: a stands here twice"),
    ("? [1]\n: 2", "x.yaml:1:3: a key must be a plain text"),
    ("a: {b", "x.yaml:2:1: did not find expected ',' or '}'"),
    ("a: 1\nb: \u{1}", "x.yaml:2:4: control characters are not allowed"),
  ])
  func `what settings do not need is refused where it stands`(text: String, message: String) {
    let problem = #expect(throws: Problem.self) { try parsed(text) }
    #expect(problem?.description == message)
  }

  @Test func `bytes that are no UTF-8 are refused where they stand`() {
    let problem = #expect(throws: Problem.self) {
      try YAML.parse(Array("a: ü\nb: ".utf8) + [0xff], name: "x.yaml")
    }
    #expect(problem?.origin == .file(name: "x.yaml", line: 2, column: 4))
  }

  @Test(arguments: ["[", "? ", "1,", "x"])
  func `bombs are refused quickly`(unit: String) {
    let text = (unit == "1," ? "a: [" : "") + String(repeating: unit, count: unit == "1," ? 30_000 : 1_048_000)
    let began = ContinuousClock.now
    #expect(throws: Problem.self) { try parsed(unit == "x" ? text + text : text) }
    #expect(ContinuousClock.now - began < .seconds(10))
  }
}

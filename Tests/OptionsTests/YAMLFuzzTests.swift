import Testing

@testable import Options

/// xorshift64*: the same texts at every run.
private struct Random {
  var state: UInt64
  mutating func next(below limit: Int) -> Int {
    state ^= state >> 12
    state ^= state << 25
    state ^= state >> 27
    return Int(truncatingIfNeeded: (state &* 2_685_821_657_736_338_717) >> 33) % limit
  }
}

@Suite struct YAMLFuzzTests {
  private static let seeds = [
    "kafka:\n  brokers: [a:1, \"b:2\"]\n  options: {acks: all, x.y: 'q'}\nstate_dir: ${A:b}\n",
    "inputs:\n- topic: segment\n  rules:\n  - when: {path: $.event, in: [\"a b\", c]}\n    set: {user: [$.u, {p: x}]}\n",
    "a: |\n  block\n  text\nb: >-\n  folded\nc: !!int 1\nd: &x [1]\ne: *x\n? k\n: v\n",
  ]

  @Test(arguments: 1...3)
  func `no text crashes the reader and what it accepts reads back`(seed: Int) throws {
    var random = Random(state: UInt64(seed) &* 0x9e37_79b9_7f4a_7c15)
    var accepted = 0
    for _ in 0..<1500 {
      var bytes = Array(Self.seeds[random.next(below: Self.seeds.count)].utf8)
      for _ in 0...random.next(below: 4) {
        switch random.next(below: 3) {
        case 0: bytes[random.next(below: bytes.count)] = UInt8(random.next(below: 256))
        case 1:
          bytes.insert(
            Array("{}[]:,-?&*!|>'\"#\n\t ${}".utf8)[random.next(below: 22)], at: random.next(below: bytes.count))
        default: bytes.removeSubrange(random.next(below: bytes.count)...)
        }
        if bytes.isEmpty { break }
      }
      guard let node = try? YAML.parse(bytes, name: "f") else { continue }
      accepted += 1
      var problems: [Problem] = []
      _ = node.interpolated(["A": "1"], problems: &problems)
      let again = try YAML.parse("x: " + YAML.flow(node), name: "g")["x"]
      #expect(again.map(Self.texts) == Self.texts(node))
    }
    #expect(accepted > 50)
  }

  /// A tree without places and quotes.
  private static func texts(_ node: Node) -> String {
    switch node.content {
    case .scalar(let text): node.isEmpty ? "nothing" : JSONText.quoted(text)
    case .list(let nodes): "[" + nodes.map(texts).joined(separator: ",") + "]"
    case .map(let entries):
      "{" + entries.map { "\(JSONText.quoted($0.key)):\(texts($0.value))" }.joined(separator: ",") + "}"
    }
  }
}

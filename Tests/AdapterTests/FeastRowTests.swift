import Ports
import RedisPort
import Testing

/// Rows as Feast 0.67 itself wrote them, taken from its own Redis store.
@Suite struct FeastRowTests {
  private let time: Int64 = 1_795_230_000_000

  private func hex(_ bytes: some Sequence<UInt8>) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }

  private func rows(_ batch: FeatureBatch) -> [String: [String: String]] {
    var rows: [String: [String: String]] = [:]
    batch.forEach { operation, key, fields in
      #expect(operation == .putRaw)
      rows[hex(key)] = Dictionary(uniqueKeysWithValues: fields.map { (hex($0.name), hex($0.value)) })
    }
    return rows
  }

  private func text(_ text: String) -> String { hex(text.utf8) }

  @Test func `a viewer's row equals the first worked example`() {
    var batch = FeatureBatch(version: .zero)
    let view = FeastView(
      project: "media", name: "user_profile", joinKeys: ["user_id"],
      features: ["ema", "events", "trust", "segment", "active"])
    view.put(
      [.text("u42")], at: time,
      [.floats([0.5, -0.25, 1.0]), .integer(7), .double(0.75), .text("binge"), .flag(true)], into: &batch)
    #expect(
      rows(batch) == [
        "010000000200000007000000757365725f69640200000003000000753432" + "6d65646961": [
          "8422c886": "82010e0a0c0000003f000080be0000803f", "9ce4d3b5": "2007", "94d3f1dc": "29000000000000e83f",
          "dab1f425": "120562696e6765", "5234aaf2": "3801", text("_ts:user_profile"): "08b09284d806",
        ]
      ])
  }

  @Test func `a title's row with an integer key equals the second worked example`() {
    var batch = FeatureBatch(version: .zero)
    let view = FeastView(project: "media", name: "content_trust", joinKeys: ["content_id"], features: ["trust", "n"])
    view.put([.integer(603)], at: time, [.float(0.875), .integer(12)], into: &batch)
    #expect(
      rows(batch) == [
        "01000000020000000a000000636f6e74656e745f696404000000080000005b020000000000006d65646961": [
          "bf0945a2": "350000603f", "2d91e3a7": "200c", text("_ts:content_trust"): "08b09284d806",
        ]
      ])
  }

  @Test func `two join keys are stored sorted, as in the third worked example`() {
    var batch = FeatureBatch(version: .zero)
    let view = FeastView(
      project: "media", name: "user_content", joinKeys: ["user_id", "content_id"], features: ["ctr"])
    view.put([.text("u42"), .integer(603)], at: time, [.double(0.125)], into: &batch)
    #expect(
      rows(batch) == [
        "02000000020000000a000000636f6e74656e745f69640200000007000000757365725f6964"
          + "04000000080000005b020000000000000200000003000000753432" + "6d65646961": [
            "9348f8c7": "29000000000000c03f", text("_ts:user_content"): "08b09284d806",
          ]
      ])
  }

  @Test func `keys of version 2 have neither count nor lengths of names`() {
    let view = FeastView(project: "media", name: "v", joinKeys: ["content_id"], features: [], keyVersion: 2)
    #expect(
      hex(view.key([.integer(603)])) == "02000000636f6e74656e745f696404000000080000005b02000000000000" + "6d65646961")
  }

  @Test(arguments: [
    (FeastValue.double(0), "290000000000000000"), (.flag(false), "3800"), (.integer(-3), "20fdffffffffffffffff01"),
    (.floats([]), "820100"), (.integer(0), "2000"), (.text(""), "1200"),
  ])
  func `zero and negative values are written whole`(value: FeastValue, expected: String) {
    var bytes: [UInt8] = []
    value.encode(into: &bytes)
    #expect(hex(bytes) == expected)
  }

  @Test func `64 floats begin with two lengths of two bytes`() {
    var bytes: [UInt8] = []
    FeastValue.floats([Float](repeating: 1, count: 64)).encode(into: &bytes)
    #expect(hex(bytes.prefix(8)) == "820183020a800200")
    #expect(bytes.count == 4 + 3 + 256)
  }

  @Test func `no value is a zero-length field, which reads as null`() {
    var batch = FeatureBatch(version: .zero)
    let view = FeastView(project: "media", name: "content_trust", joinKeys: ["content_id"], features: ["trust"])
    view.put([.integer(603)], at: time + 5, [nil], into: &batch)
    #expect(rows(batch).values.first?["bf0945a2"] == "")
    #expect(rows(batch).values.first?[text("_ts:content_trust")] == "08b09284d80610c096b102")
  }
}

import JSON
import Testing

@Suite struct DecimalNumberTests {
  private func scan(_ text: String) -> (value: Double, end: Int)? {
    let bytes = Array(text.utf8)
    return bytes.withUnsafeBytes { raw in
      var at = 0
      guard let number = DecimalNumber(scanning: raw, from: &at) else { return nil }
      return (number.value, at)
    }
  }

  @Test func `every number rounds as Double(text) does`() throws {
    var generator = SplitMix(state: 7)
    var texts = [
      "0", "-0", "0.0", "1", "9007199254740992", "9007199254740993", "9007199254740995", "18446744073709551615",
      "18446744073709551616", "0.1", "0.3", "1e22", "1e23", "1e-22", "1e-23", "5e-324", "2.4703282292062327e-324",
      "2.2250738585072011e-308", "1.7976931348623157e308", "1.7976931348623159e308", "1e999", "-1e999", "1e-999",
      "123456789012345678901234567890", "0.000000000000000000000000000001", "8.5e+03", "1E5", "0e100000000000",
      "7.2057594037927933e16", "9007199254740993e22", "0.95", "3.5", "1795219200000", "4503599627370497.5",
    ]
    for _ in 0..<50_000 {
      let digits = 1 + Int(generator.next() % 20)
      var text = generator.next() % 2 == 0 ? "-" : ""
      var whole = String(generator.next() % 10)
      if whole != "0" { for _ in 0..<Int(generator.next() % 8) { whole += String(generator.next() % 10) } }
      text += whole
      if generator.next() % 4 > 0 { text += "." + (0..<digits).map { _ in String(generator.next() % 10) }.joined() }
      if generator.next() % 3 == 0 {
        text += ["e", "E", "e+", "e-"][Int(generator.next() % 4)] + String(generator.next() % 330)
      }
      texts.append(text)
    }
    for _ in 0..<50_000 {
      let value = Double(bitPattern: generator.next())
      if value.isFinite { texts.append(value.description) }
    }
    for text in texts {
      let expected = try #require(Double(text))
      let found = try #require(scan(text), "\(text)")
      if found.value.bitPattern != expected.bitPattern || found.end != text.utf8.count {
        Issue.record("\(text): \(found) is not \(expected)")
      }
    }
  }

  @Test(arguments: ["", "-", ".1", "01", "-01", "1.", "1.e1", "1e", "1e+", "a", "--1", "00"])
  func `no JSON number, no value`(text: String) { #expect(scan(text) == nil) }

  @Test func `a number ends where it ends`() {
    #expect(scan("12,")?.end == 2)
    #expect(scan("1.5e3}")?.end == 5)
  }
}

/// A small generator with a seed (Steele et al. 2014), so that a failure comes again.
struct SplitMix: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}

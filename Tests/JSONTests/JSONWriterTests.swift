import Foundation
import JSON
import Testing

@Suite struct JSONWriterTests {
  @Test func `keys, values and containers get their commas`() {
    var writer = JSONWriter()
    writer.beginObject()
    writer.field("s", "a\"\\\n\u{1}\u{1f}é")
    writer.field("i", -7)
    writer.field("none", Double?.none)
    writer.field("x", 2.0)
    writer.field("whole", 2.0, integers: true)
    writer.field("t", true)
    writer.beginArray("l")
    writer.number(.nan)
    writer.beginObject()
    writer.endObject()
    writer.beginArray()
    writer.endArray()
    writer.raw("{\"r\":1}")
    writer.null()
    writer.endArray()
    writer.field("j", json: ["b": 1, "a": [2]], sorted: true)
    writer.endObject()
    #expect(
      writer.text
        == #"{"s":"a\"\\\n\u0001\u001fé","i":-7,"none":null,"x":2.0,"whole":2,"t":true,"l":[null,{},[],{"r":1},null],"j":{"a":[2],"b":1}}"#
    )
  }

  @Test(arguments: [
    0, -0.0, 0.1, 1.0 / 3, .leastNonzeroMagnitude, .greatestFiniteMagnitude, 1e16, 123456789, -2.5, 9007199254740992,
    1e22,
  ])
  func `a number reads back as the same bits`(value: Double) throws {
    for integers in [false, true] {
      var writer = JSONWriter()
      writer.number(value, integers: integers)
      #expect(try #require(Double(writer.text)).bitPattern == value.bitPattern)
    }
  }

  @Test(arguments: [Int64.min, -1, 0, 9, 10, 1_000_000, .max])
  func `an integer is written in decimal`(value: Int64) {
    var writer = JSONWriter()
    writer.integer(value)
    #expect(writer.text == "\(value)")
  }

  @Test func `lines stand one under another`() throws {
    var writer = JSONWriter()
    for i in 0..<3 {
      writer.beginObject()
      writer.field("i", i)
      writer.endObject()
      writer.newline()
    }
    #expect(writer.text == "{\"i\":0}\n{\"i\":1}\n{\"i\":2}\n")
    writer.removeAll()
    #expect(writer.bytes.isEmpty)
  }
}

import JSON
import Testing

@Suite struct JSONValueTests {
  @Test(arguments: [
    ("null", JSONValue.null), ("true", .bool(true)), ("false", .bool(false)), ("0", .integer(0)), ("-0", .number(-0.0)),
    ("12", .integer(12)), ("-9223372036854775808", .integer(.min)),
    ("9223372036854775808", .number(9223372036854775808)),
    ("1.0", .number(1)), ("1e2", .number(100)), ("\"\"", .string("")), ("[]", .array([])), ("{}", .object([])),
    (#""a\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00""#, .string("a\"\\/\u{8}\u{c}\n\r\t\u{e9}\u{1f600}")),
    (" [ 1 , [ ] , { \"a\" : null } ] ", .array([1, .array([]), .object([.init("a", .null)])])),
    (#"{"b":1,"a":2,"b":3}"#, .object([.init("b", 3), .init("a", 2)])),
  ])
  func `a document reads as its value`(text: String, value: JSONValue) throws {
    #expect(try JSONValue(parsing: text) == value)
  }

  @Test(arguments: [
    ("", JSONError.Cause.unexpectedEnd, 0), (" ", .unexpectedEnd, 1), ("{", .unexpectedEnd, 1),
    ("[1,", .unexpectedEnd, 3),
    ("tru", .unexpectedEnd, 3), ("trve", .unexpectedByte, 2), ("[1,]", .unexpectedByte, 3),
    ("{\"a\":1,}", .unexpectedByte, 7),
    ("{a:1}", .unexpectedByte, 1), ("{\"a\" 1}", .unexpectedByte, 5), ("[1 2]", .unexpectedByte, 3),
    ("1 2", .trailing, 2),
    ("01", .badNumber, 0), ("-", .badNumber, 0), ("1.", .badNumber, 0), ("1e", .badNumber, 0),
    (".5", .unexpectedByte, 0),
    ("+1", .unexpectedByte, 0), ("NaN", .unexpectedByte, 0), ("[1e999]", .notFinite, 1), (#""\x""#, .badEscape, 1),
    (#""\ud800""#, .badEscape, 1), (#""\ud800\u0041""#, .badEscape, 1), (#""\udc00""#, .badEscape, 1),
    (#""\u12g4""#, .badEscape, 1), ("\"a\u{1}\"", .unexpectedEnd, 2), ("'a'", .unexpectedByte, 0),
  ])
  func `what is not JSON is refused where it goes wrong`(text: String, cause: JSONError.Cause, offset: Int) {
    let found = #expect(throws: JSONError.self) { try JSONValue(parsing: text) }
    if cause == .unexpectedEnd, offset == 2 { return #expect(found?.cause == .controlCharacter) }
    #expect(found == JSONError(cause, at: offset))
  }

  @Test(arguments: [
    [0x22, 0xff, 0x22], [0x22, 0xc0, 0x80, 0x22], [0x22, 0xed, 0xa0, 0x80, 0x22], [0x22, 0xf4, 0x90, 0x80, 0x80, 0x22],
  ])
  func `bytes that are not UTF-8 are refused`(bytes: [UInt8]) {
    #expect(throws: JSONError(.badUTF8, at: 1)) { try JSONValue(parsing: bytes) }
  }

  @Test func `thirty-two levels are read, thirty-three are not`() {
    func nested(_ n: Int) -> String { String(repeating: "[", count: n) + String(repeating: "]", count: n) }
    #expect(throws: Never.self) { try JSONValue(parsing: nested(32)) }
    #expect(throws: JSONError(.tooDeep, at: 32)) { try JSONValue(parsing: nested(33)) }
  }

  @Test func `members are found, changed, added and removed`() throws {
    var value = try JSONValue(parsing: #"{"a":{"b":[1,2.5,"x"]},"n":3.0}"#)
    #expect(value["a"]?["b"]?[1]?.double == 2.5)
    #expect(value["n"]?.int == 3)
    #expect(value["a"]?["b"]?[3] == nil)
    value["n"] = "new"
    value["z"] = true
    value["a"] = nil
    #expect(value.text() == #"{"n":"new","z":true}"#)
  }

  @Test func `sorted text orders members by bytes at every level`() throws {
    let value = try JSONValue(parsing: #"{"b":{"z":1,"a":[{"y":1,"x":2}]},"A":"é","a":1e-7}"#)
    #expect(value.text(sorted: true) == #"{"A":"é","a":1e-07,"b":{"a":[{"x":2,"y":1}],"z":1}}"#)
  }
}

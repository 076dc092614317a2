import Foundation
import Telemetry
import Testing

@Suite struct LogTests {
  /// A log into a pipe, with a clock the test holds.
  final class Fixture: @unchecked Sendable {
    let pipe = Pipe()
    var now: Int64 = 1_795_664_188_250  // 2026-11-26T03:36:28.250Z
    func log(_ level: LogLevel = .info, _ format: Log.Format) -> Log {
      Log(level: level, format: format, descriptor: pipe.fileHandleForWriting.fileDescriptor, burst: 2) { [self] in now
      }
    }
    func lines() -> [String] {
      try! pipe.fileHandleForWriting.close()
      return String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        .split(separator: "\n").map(String.init)
    }
  }

  @Test func `text is for people`() {
    let fixture = Fixture()
    fixture.log(.info, .text).info("redis reconnected", ["attempt": 3, "host": "a b", "ok": true])
    #expect(fixture.lines() == [#"03:36:28.250 info redis reconnected attempt=3 host="a b" ok=true"#])
  }

  @Test func `JSON is one object a line and keeps its types`() throws {
    let fixture = Fixture()
    fixture.log(.info, .json).warning("lost", mend: "do this", ["n": 3, "x": .real(.nan), "t": "\"\u{1b}[31m\n"])
    let lines = fixture.lines()
    #expect(lines.count == 1)
    let object = try #require(try JSONSerialization.jsonObject(with: Data(lines[0].utf8)) as? [String: Any])
    #expect(object["time"] as? String == "2026-11-26T03:36:28.250Z")
    #expect(object["level"] as? String == "warning")
    #expect(object["mend"] as? String == "do this")
    #expect(object["n"] as? Int == 3)
    #expect(object["x"] is NSNull)
    #expect(object["t"] as? String == "\"\u{1b}[31m\n")
  }

  @Test(arguments: [Log.Format.text, .json])
  func `no field forges a line or moves the cursor`(format: Log.Format) {
    let fixture = Fixture()
    fixture.log(.info, format).info("m", ["t": .text("a\nERROR forged\u{1b}[2J\u{7f}\u{9b}2J\u{202e}\r")])
    let lines = fixture.lines()
    #expect(lines.count == 1)
    #expect(
      lines[0].unicodeScalars.allSatisfy { $0.value >= 0x20 && !(0x7f..<0xa0).contains($0.value) && $0 != "\u{202e}" })
  }

  @Test func `a value is cut`() {
    let fixture = Fixture()
    fixture.log(.info, .json).info("m", ["t": .text(String(repeating: "x", count: 5000))])
    #expect(fixture.lines()[0].utf8.count < 1200)
  }

  @Test func `a message that repeats is held back and says how often`() {
    let fixture = Fixture()
    let log = fixture.log(.info, .text)
    func say() { log.info("again") }
    for _ in 0..<5 { say() }
    log.info("another")
    fixture.now += 10_000
    say()
    #expect(
      fixture.lines().map { $0.dropFirst(13) } == [
        "info again", "info again", "info another", "info again suppressed=3",
      ])
  }

  @Test func `below its level nothing is evaluated`() {
    let fixture = Fixture()
    let log = fixture.log(.warning, .text)
    var evaluated = false
    func value() -> LogValue {
      evaluated = true
      return 1
    }
    log.info("m", ["v": value()])
    #expect(!evaluated)
    log.configure(level: .debug, format: .text)
    log.debug("m", ["v": value()])
    #expect(evaluated)
    #expect(fixture.lines().count == 1)
  }

  /// Expected by `date -u -d @…`.
  @Test(arguments: [
    (0, "1970-01-01T00:00:00.000Z"), (951_782_400_000, "2000-02-29T00:00:00.000Z"),
    (-1, "1969-12-31T23:59:59.999Z"), (4_102_444_799_999, "2099-12-31T23:59:59.999Z"),
    (1_709_251_199_001, "2024-02-29T23:59:59.001Z"),
  ])
  func `times read as RFC 3339`(ms: Int, expected: String) { #expect(Timestamp.utc(Int64(ms)) == expected) }
}

import Foundation
import JSON
import Testing

@testable import Events

/// Damaged records: whatever arrives, the decoder answers, and says `bad_json` exactly when it is none.
@Suite struct MutationTests {
  struct SplitMix {
    var state: UInt64
    mutating func next() -> UInt64 {
      state &+= 0x9e37_79b9_7f4a_7c15
      var z = state
      z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
      z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
      return z ^ (z >> 31)
    }
    mutating func below(_ n: Int) -> Int { Int(next() % UInt64(n)) }
  }

  @Test func `bytes changed, cut, doubled and spliced`() throws {
    var random = SplitMix(state: 11)
    var seeds: [(topic: String, value: [UInt8])] = []
    for name in TopicTests.names {
      let declared = try TopicTests.read(name)
      guard declared["direction"]?.string == "input", let topic = declared["topic"]?.string else { continue }
      for example in declared["examples"]?["valid"]?.array ?? [] { seeds.append((topic, example.serialized())) }
    }
    let spice: [[UInt8]] = [
      Array("{".utf8), Array("}".utf8), Array("[".utf8), Array("]".utf8), Array("\"".utf8), Array("\\".utf8),
      Array("\\u12".utf8), Array("\\ud800".utf8), Array("1e999".utf8), Array("-".utf8), Array("null".utf8), [0xff],
      [0xc3, 0xa9], [0], Array(",".utf8), Array(":".utf8), Array(" ".utf8), Array("9007199254740993".utf8),
      Array("0.30000000000000004".utf8), Array("\\u0041".utf8),
    ]
    var bench = Bench()
    var outcomes: [String: Int] = [:]
    for round in 0..<60_000 {
      let seed = seeds[round % seeds.count]
      var value = seed.value
      for _ in 0...random.below(3) {
        guard !value.isEmpty else { break }
        let at = random.below(value.count)
        switch random.below(6) {
        case 0: value[at] = UInt8(truncatingIfNeeded: random.next())
        case 1: value.removeSubrange(at..<min(value.count, at + 1 + random.below(8)))
        case 2: value.insert(contentsOf: spice[random.below(spice.count)], at: at)
        case 3: value.removeLast(random.below(value.count))
        case 4: value.insert(contentsOf: value[at..<min(value.count, at + random.below(20))], at: at)
        default:
          let other = seeds[random.below(seeds.count)].value
          value.replaceSubrange(at..., with: other[min(at, other.count)...])
        }
      }
      let outcome = bench.decode(seed.topic, value)
      outcomes[outcome.summary, default: 0] += 1
      // The document reader is another program: they agree on what JSON is.
      let isJSON: Bool
      do throws(JSONError) {
        let read = try JSONValue(parsing: value)
        isJSON = read.object != nil
      } catch {
        isJSON = error.cause == .notFinite
      }
      let refused = outcome.summary == "bad_json"
      if refused == isJSON, !(refused && Self.isNotFinite(value)) {
        Issue.record("\(outcome.summary): \(String(decoding: value, as: UTF8.self))")
      }
      if bench.batch.events.count > 1000 { bench.batch.removeAll() }
    }
    #expect(outcomes.count > 20)
  }

  /// The document reader stops at a number too large, so that what follows it is not known to be JSON.
  static func isNotFinite(_ value: [UInt8]) -> Bool {
    do throws(JSONError) { _ = try JSONValue(parsing: value) } catch { return error.cause == .notFinite }
    return false
  }

  @Test func `numbers in records read as Double(text) does`() throws {
    var random = SplitMix(state: 5)
    var bench = try Bench(json: #"[{"topic":"t","emit":"watch","set":{"total_duration_seconds":"$.v"}}]"#)
    for round in 0..<30_000 {
      var text = String(random.below(10))
      if text != "0" { for _ in 0..<random.below(24) { text += String(random.below(10)) } }
      if round % 3 > 0 { text += "." + (0...random.below(22)).map { _ in String(random.below(10)) }.joined() }
      if round % 5 == 0 { text += ["e", "E-", "e+"][random.below(3)] + String(random.below(300)) }
      let expected = try #require(Double(text))
      let padding = String(repeating: " ", count: random.below(12))
      let outcome = bench.decode(
        "t", #"{"event_id":"e","timestamp":1,"user_id":"u","content_id":"c","completed":true,"v":\#(text)\#(padding)}"#)
      if expected == 0 {
        #expect(outcome.summary == "bad_field total_duration_seconds")
      } else if expected.isInfinite {
        #expect(outcome.summary == "not_finite")
      } else if bench.last.total.bitPattern != expected.bitPattern {
        Issue.record("\(text): \(bench.last.total)")
      }
      bench.batch.removeAll()
    }
  }
}

import JSON
import Testing

@testable import Events

@Suite struct ReasonTests {
  static let deep =
    #"{"schema":"watch/1","deep":"# + String(repeating: "[", count: 40)
    + String(repeating: "]", count: 40) + "}"

  /// A good watch with some members replaced; nil takes one away.
  static func watch(_ changes: [(String, JSONValue?)] = []) -> String {
    record(
      [
        "schema": "watch/1", "event_id": "w-1", "timestamp": 1_795_219_200_000, "user_id": "u1", "content_id": "c1",
        "duration_seconds": 1800, "total_duration_seconds": 3600,
      ], changes)
  }
  static func click(_ changes: [(String, JSONValue?)] = []) -> String {
    record(
      ["schema": "click/1", "event_id": "k-1", "timestamp": 1_795_219_200_000, "user_id": "u1", "content_id": "c1"],
      changes)
  }
  static func rate(_ changes: [(String, JSONValue?)] = []) -> String {
    record(
      [
        "schema": "rate/1", "event_id": "r-1", "timestamp": 1_795_219_200_000, "user_id": "u1", "content_id": "c1",
        "rating": 4,
      ], changes)
  }
  static func act(_ changes: [(String, JSONValue?)] = []) -> String {
    record(
      [
        "schema": "interaction/1", "event_id": "x-1", "timestamp": 1_795_219_200_000, "user_id": "u1",
        "content_id": "c1", "action": "like",
      ], changes)
  }
  static func impression(_ changes: [(String, JSONValue?)] = []) -> String {
    record(
      [
        "schema": "impression/1", "event_id": "i-1", "timestamp": 1_795_219_200_000, "user_id": "u1",
        "decision_id": "d1", "items": [["content_id": "c1", "position": 1]],
      ], changes)
  }
  static func record(_ good: JSONValue, _ changes: [(String, JSONValue?)]) -> String {
    var value = good
    for (name, change) in changes { value[name] = change }
    return value.text()
  }
  static func items(_ count: Int) -> JSONValue {
    .array((0..<count).map { ["content_id": .string("c\($0)"), "position": .integer(Int64($0) + 1)] })
  }

  static let table: [(topic: String, value: String, expected: String)] = [
    // The JSON itself.
    ("events.watch", #"{"schema":"watch/1","event_id":"s29-cut","timestamp":"#, "bad_json"),
    ("events.watch", #"["watch/1"]"#, "bad_json"), ("events.watch", "", "bad_json"), ("events.watch", " ", "bad_json"),
    ("events.watch", "nonsense", "bad_json"), ("events.watch", deep, "bad_json"),
    ("events.watch", watch() + "x", "bad_json"), ("events.watch", watch() + watch(), "bad_json"),
    ("events.watch", #"{"schema":"watch/1",}"#, "bad_json"), ("events.watch", #"{"schema" "watch/1"}"#, "bad_json"),
    ("events.watch", #"{"a":01}"#, "bad_json"), ("events.watch", #"{"a":1.}"#, "bad_json"),
    ("events.watch", #"{"a":tru}"#, "bad_json"), ("events.watch", #"{"a":"\x"}"#, "bad_json"),
    ("events.watch", "{\"a\":\"\u{1}\"}", "bad_json"), ("events.watch", #"{"a":"\ud800"}"#, "bad_json"),
    ("events.watch", #"{"a":{"b":[1,2}}"#, "bad_json"), ("events.watch", #"{"a":[1,2]]}"#, "bad_json"),
    ("events.watch", "\u{feff}" + watch(), "bad_json"),
    ("events.watch", #"{"schema":"watch/1","duration_seconds":1e999}"#, "not_finite"),
    ("events.watch", #"{"whatever":[-1e400]}"#, "not_finite"),
    ("events.watch", #"{"whatever":[-1e400]"#, "bad_json"),
    // Schema, id, time.
    ("events.watch", watch([("schema", "watch/2")]), "unknown_schema"),
    ("events.watch", watch([("schema", "click/1")]), "unknown_schema"),
    ("events.watch", watch([("schema", nil)]), "missing_field schema"),
    ("events.watch", watch([("schema", 1)]), "bad_field schema"),
    ("events.watch", watch([("event_id", nil)]), "missing_field event_id"),
    ("events.watch", watch([("event_id", "a b")]), "bad_event_id"),
    ("events.watch", watch([("event_id", "")]), "bad_event_id"),
    ("events.watch", watch([("event_id", .string(String(repeating: "e", count: 64)))]), "events 1"),
    ("events.watch", watch([("event_id", .string(String(repeating: "e", count: 65)))]), "bad_event_id"),
    ("events.watch", watch([("event_id", 5)]), "bad_field event_id"),
    ("events.watch", watch([("timestamp", nil)]), "missing_field timestamp"),
    ("events.watch", watch([("timestamp", "yesterday evening")]), "bad_timestamp"),
    ("events.watch", watch([("timestamp", 0)]), "bad_timestamp"),
    ("events.watch", watch([("timestamp", -5)]), "bad_timestamp"),
    ("events.watch", watch([("timestamp", 1.5)]), "bad_timestamp"),
    ("events.watch", watch([("timestamp", true)]), "bad_timestamp"),
    ("events.watch", watch([("timestamp", "2026-11-21T03:00:00")]), "bad_timestamp"),
    ("events.watch", watch([("timestamp", "2026-02-29T03:00:00Z")]), "bad_timestamp"),
    ("events.watch", watch([("timestamp", "2026-11-21T03:00:00Z")]), "events 1"),
    ("events.watch", watch([("timestamp", 1_795_219_200_000.0)]), "events 1"),
    // Ids.
    ("events.watch", watch([("user_id", nil)]), "missing_field user_id"),
    ("events.watch", watch([("user_id", .null)]), "missing_field user_id"),
    ("events.watch", watch([("user_id", "u\u{1}")]), "bad_user_id"),
    ("events.watch", watch([("user_id", "u\u{7f}")]), "bad_user_id"),
    ("events.watch", watch([("user_id", "u\u{85}")]), "bad_user_id"),
    ("events.watch", watch([("user_id", "")]), "bad_user_id"),
    ("events.watch", watch([("user_id", 42)]), "bad_field user_id"),
    ("events.watch", watch([("user_id", .string(String(repeating: "\u{e9}", count: 128)))]), "events 1"),
    ("events.watch", watch([("user_id", .string(String(repeating: "\u{e9}", count: 129)))]), "bad_user_id"),
    ("events.watch", watch([("user_id", nil), ("user_id_hash", "h1")]), "events 1"),
    ("events.watch", watch([("content_id", nil)]), "missing_field content_id"),
    ("events.watch", watch([("content_id", .string(String(repeating: "c", count: 129)))]), "bad_content_id"),
    ("events.watch", watch([("content_id", [])]), "bad_field content_id"),
    // Watch.
    ("events.watch", watch([("duration_seconds", nil)]), "no_completion"),
    ("events.watch", watch([("duration_seconds", nil), ("completed", false)]), "events 1"),
    ("events.watch", watch([("duration_seconds", nil), ("completion_rate", 0.2)]), "events 1"),
    ("events.watch", watch([("duration_seconds", -1)]), "bad_field duration_seconds"),
    ("events.watch", watch([("duration_seconds", 86401)]), "bad_field duration_seconds"),
    ("events.watch", watch([("duration_seconds", "1")]), "bad_field duration_seconds"),
    ("events.watch", watch([("total_duration_seconds", 0)]), "bad_field total_duration_seconds"),
    ("events.watch", watch([("completion_rate", 1.51)]), "bad_field completion_rate"),
    ("events.watch", watch([("completion_rate", 1.5)]), "events 1"),
    ("events.watch", watch([("completed", 1)]), "bad_field completed"),
    ("events.watch", watch([("liked", "yes")]), "bad_field liked"),
    ("events.watch", watch([("pause_count", -1)]), "bad_field pause_count"),
    ("events.watch", watch([("pause_count", 1.5)]), "bad_field pause_count"),
    ("events.watch", watch([("phase", "middle")]), "bad_field phase"),
    ("events.watch", watch([("phase", "progress"), ("duration_seconds", nil)]), "events 1"),
    ("events.watch", watch([("quality", "4K")]), "events 1"),
    ("events.watch", watch([("quality", "8K")]), "bad_field quality"),
    // Common.
    ("events.click", click([("position", 0)]), "bad_position"),
    ("events.click", click([("position", 1001)]), "bad_position"),
    ("events.click", click([("position", 2.5)]), "bad_position"),
    ("events.click", click([("position", 1000)]), "events 1"),
    ("events.click", click([("position", "1")]), "bad_field position"),
    ("events.click", click([("decision_id", "")]), "bad_field decision_id"),
    ("events.click", click([("session_id", .string(String(repeating: "s", count: 65)))]), "bad_field session_id"),
    ("events.click", click([("tz_offset_minutes", 841)]), "bad_field tz_offset_minutes"),
    ("events.click", click([("context", "tv")]), "bad_field context"),
    ("events.click", click([("context", ["mood": 3])]), "bad_field context.mood"),
    ("events.click", click([("context", ["mood": "odd"])]), "events 1"),
    ("events.click", click([("context", ["hour": 24])]), "bad_field context.hour"),
    ("events.click", click([("device", 1)]), "bad_field device"),
    ("events.click", click([("platform", "")]), "bad_field platform"),
    ("events.click", click([("time_to_feedback_ms", -1)]), "bad_field time_to_feedback_ms"),
    // Rate, interaction.
    ("events.rate", rate([("rating", 5.5)]), "bad_rating"), ("events.rate", rate([("rating", 0.5)]), "bad_rating"),
    ("events.rate", rate([("rating", "4.5")]), "bad_field rating"),
    ("events.rate", rate([("rating", nil)]), "missing_field rating"),
    ("events.rate", rate([("scale", 10), ("rating", 10)]), "events 1"),
    ("events.rate", rate([("scale", 10), ("rating", 11)]), "bad_rating"),
    ("events.rate", rate([("scale", 7)]), "bad_field scale"),
    ("events.interaction", act([("action", "poke")]), "bad_action"),
    ("events.interaction", act([("action", 1)]), "bad_field action"),
    ("events.interaction", act([("action", nil)]), "missing_field action"),
    ("events.interaction", act([("action", "watch_partial")]), "no_completion"),
    ("events.interaction", act([("action", "watch_partial"), ("completion_rate", 0.3)]), "events 1"),
    ("events.interaction", act([("undo", 1)]), "bad_field undo"),
    // Impression.
    ("events.impression", impression([("items", nil)]), "missing_field items"),
    ("events.impression", impression([("items", [])]), "bad_items"),
    ("events.impression", impression([("items", "c1")]), "bad_field items"),
    ("events.impression", impression([("items", ["c1"])]), "bad_field items"),
    ("events.impression", impression([("items", items(200))]), "events 1"),
    ("events.impression", impression([("items", items(201))]), "bad_items"),
    (
      "events.impression",
      impression([("items", [["content_id": "a", "position": 1], ["content_id": "b", "position": 1]])]), "bad_items"
    ),
    ("events.impression", impression([("items", [["content_id": "a", "position": 0]])]), "bad_position"),
    ("events.impression", impression([("items", [["content_id": "a"]])]), "missing_field items.position"),
    ("events.impression", impression([("items", [["position": 1]])]), "missing_field items.content_id"),
    ("events.impression", impression([("items", [["content_id": "", "position": 1]])]), "bad_content_id"),
    (
      "events.impression", impression([("items", [["content_id": "a", "position": 1, "propensity": 0]])]),
      "bad_field items.propensity"
    ),
    (
      "events.impression",
      impression([
        (
          "items",
          [
            ["content_id": "a", "position": 1, "features": [1, 2]],
            ["content_id": "b", "position": 2, "features": [1]],
          ]
        )
      ]), "bad_dim"
    ),
    ("events.impression", impression([("decision_id", nil)]), "missing_field decision_id"),
    // The others.
    (
      "events.availability", #"{"schema":"availability/1","event_id":"a","timestamp":1,"content_id":"c"}"#,
      "missing_field available"
    ),
    (
      "events.availability",
      #"{"schema":"availability/1","event_id":"a","timestamp":1,"content_id":"c","available":true}"#, "events 1"
    ),
    (
      "events.availability",
      #"{"schema":"availability/1","event_id":"a","timestamp":1,"content_id":"c","available":true,"source":"moon"}"#,
      "bad_field source"
    ),
    (
      "events.availability",
      #"{"schema":"availability/1","event_id":"a","timestamp":1,"content_id":"c","available":true,"checked_at":"soon"}"#,
      "bad_field checked_at"
    ),
    ("events.search", #"{"schema":"search/1","event_id":"a","timestamp":1,"user_id":"u"}"#, "missing_field query"),
    (
      "events.search", #"{"schema":"search/1","event_id":"a","timestamp":1,"user_id":"u","query":""}"#,
      "bad_field query"
    ),
    (
      "events.search",
      #"{"schema":"search/1","event_id":"a","timestamp":1,"user_id":"u","query":"q","results_shown":[1]}"#,
      "bad_field results_shown"
    ),
    (
      "events.preference", #"{"schema":"preference/1","event_id":"a","timestamp":1,"user_id":"u"}"#,
      "missing_field device_id"
    ),
    (
      "events.preference",
      #"{"schema":"preference/1","event_id":"a","timestamp":1,"user_id":"u","device_id":"d","active_hours":[24]}"#,
      "bad_field active_hours"
    ),
    (
      "events.preference",
      #"{"schema":"preference/1","event_id":"a","timestamp":1,"user_id":"u","device_id":"d","genre_scores":{"drama":1.1}}"#,
      "bad_field genre_scores"
    ),
    ("control", #"{"schema":"control/1","event_id":"a","timestamp":1,"user_id":"u","op":"erase"}"#, "events 1"),
    ("control", #"{"schema":"control/1","event_id":"a","timestamp":1,"op":"erase"}"#, "missing_field user_id"),
    ("control", #"{"schema":"control/1","event_id":"a","timestamp":1,"user_id":"u"}"#, "missing_field op"),
    ("control", #"{"schema":"control/1","event_id":"a","timestamp":1,"op":"reload"}"#, "skipped control_op"),
    ("decisions", #"{"schema":"decision/1","decision_id":"d","user_id":"u","timestamp":1}"#, "missing_field items"),
    ("decisions", #"{"schema":"decision/1","decision_id":"d","user_id":"u","timestamp":1,"op":"cancel"}"#, "events 1"),
    (
      "decisions", #"{"schema":"decision/1","decision_id":"d","user_id":"u","timestamp":1,"op":"bake"}"#, "bad_field op"
    ),
    (
      "decisions", #"{"schema":"decision/1","user_id":"u","timestamp":1,"items":[{"content_id":"c"}]}"#,
      "missing_field decision_id"
    ),
    (
      "decisions",
      #"{"schema":"decision/1","decision_id":"d","user_id":"u","timestamp":1,"items":[{"content_id":"c"}],"x":"AAA=","x_scale":0.5}"#,
      "events 1"
    ),
    (
      "decisions",
      #"{"schema":"decision/1","decision_id":"d","user_id":"u","timestamp":1,"items":[{"content_id":"c"}],"x":"AA==","x_scale":0.5}"#,
      "bad_dim"
    ),
    (
      "decisions",
      #"{"schema":"decision/1","decision_id":"d","user_id":"u","timestamp":1,"items":[{"content_id":"c"}],"x":"A","x_scale":0.5}"#,
      "bad_field x"
    ),
    ("user-interactions", #"{"user_id":"u","content_id":"c","action":"poke","timestamp":1}"#, "bad_action"),
    ("user-interactions", #"{"user_id":"u","content_id":"c","timestamp":1}"#, "missing_field action"),
    ("user-interactions", #"{"user_id":"u","content_id":"c","type":"watch_complete","timestamp":1}"#, "events 1"),
  ]

  @Test(arguments: table.indices)
  func `each record has its outcome`(at: Int) {
    var bench = Bench()
    let (topic, value, expected) = Self.table[at]
    let outcome = bench.decode(topic, value)
    #expect(outcome.summary == expected, "\(topic) \(value)")
    #expect(bench.batch.events.count == (expected == "events 1" ? 1 : 0))
  }

  @Test(arguments: [[0x22, 0xff], [0x22, 0xc3, 0x28], [0x22, 0xe2, 0x82], [0x22, 0xf8, 0x88, 0x80, 0x80, 0x80]])
  func `what is not UTF-8 is bad JSON wherever it stands`(bytes: [UInt8]) {
    var bench = Bench()
    var value = Array(#"{"schema":"watch/1","more":"#.utf8) + bytes + [0x22, 0x7d]
    #expect(bench.decode("events.watch", value).summary == "bad_json")
    value = Array("{".utf8) + bytes + Array(#"":1}"#.utf8)
    #expect(bench.decode("events.watch", value).summary == "bad_json")
  }

  @Test func `the size limit counts every byte, the catalog's is larger`() {
    var bench = Bench()
    for (topic, limit) in [("events.click", 65_536), ("content.catalog", 1_048_576), ("decisions", 1_048_576)] {
      let good = Array("{}".utf8) + Array(repeating: UInt8(0x20), count: limit - 2)
      #expect(bench.decode(topic, good).summary == "missing_field schema")
      #expect(bench.decode(topic, good + [0x20]).summary == "too_large")
    }
  }

  @Test func `an age limit refuses one millisecond more, counted from the record`() {
    var options = DecodeOptions()
    options.tooOldMs = 1000
    var bench = Bench(options: options)
    let time: Int64 = 1_795_219_200_000
    #expect(bench.decode("events.watch", Self.watch(), timestamp: time + 1000).summary == "events 1")
    #expect(bench.decode("events.watch", Self.watch(), timestamp: time + 1001).summary == "too_old")
    #expect(bench.decode("events.watch", Self.watch(), timestamp: -1).summary == "events 1")
    options.tooOldMs = nil
    options.floorAt2000 = true
    bench.decoder.options = options
    #expect(bench.decode("events.watch", Self.watch([("timestamp", 946_684_799_999)])).summary == "too_old")
    #expect(bench.decode("events.watch", Self.watch([("timestamp", 946_684_800_000)])).summary == "events 1")
  }

  @Test func `thirty-two levels are read, thirty-three are not`() {
    var bench = Bench()
    for (levels, expected) in [(31, "events 1"), (32, "bad_json")] {  // inside the record's own object
      let deep = String(repeating: "[", count: levels) + String(repeating: "]", count: levels)
      let value = String(Self.watch().dropLast()) + #","deep":\#(deep)}"#
      #expect(bench.decode("events.watch", value).summary == expected)
    }
  }

  @Test func `a watch without a total is asked of the catalog where there is one`() {
    var bench = Bench()
    let value = Self.watch([("total_duration_seconds", nil)])
    #expect(bench.decode("events.watch", value).summary == "events 1")
    bench.decoder.knowsRuntime = { _ in false }
    #expect(bench.decode("events.watch", value).summary == "no_completion")
    bench.decoder.knowsRuntime = { _ in true }
    #expect(bench.decode("events.watch", value).summary == "events 1")
  }
}

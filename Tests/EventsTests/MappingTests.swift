import JSON
import Options
import Testing

@testable import Events

extension MappingTree {
  /// A YAML node as the roof turns it.
  init(_ node: Node) {
    let line = if case .file(_, let line, _) = node.origin { line } else { 0 }
    switch node.content {
    case .scalar(let text): self = .scalar(text, quoted: node.isQuoted, line: line)
    case .list(let nodes): self = .list(nodes.map { MappingTree($0) }, line: line)
    case .map(let entries): self = .map(entries.map { Entry($0.key, MappingTree($0.value)) }, line: line)
    }
  }
}

@Suite struct MappingTests {
  static func shipped(_ name: String) throws -> CompiledMapping {
    let path = root.appendingPathComponent("configs/\(name)").path
    return try CompiledMapping(MappingTree(YAML.read(path)), file: name)
  }

  static func segment(_ event: String, _ id: String, _ properties: String, user: String = #""u42""#) -> String {
    #"{"type":"track","event":"\#(event)","userId":\#(user),"anonymousId":"anon-1","messageId":"\#(id)","timestamp":"2026-11-21T03:00:00.000+00:00","properties":\#(properties),"context":{"library":{"name":"analytics-python","version":"2.4.0"}},"integrations":{}}"#
  }

  // MARK: What users already have

  @Test func `Segment: a completed video is a complete watch`() throws {
    var bench = Bench(try Self.shipped("segment.yaml"))
    let value = Self.segment(
      "Video Content Completed", "m-1", #"{"asset_id":"603","session_id":"s1","position":8160,"total_length":8160}"#)
    #expect(bench.decode("segment", value).summary == "events 1")
    let event = bench.last
    #expect((event.kind, event.time) == (.watch, 1_795_230_000_000))
    #expect((bench.viewer(event), bench.title(event)) == ("u42", "603"))
    #expect((event.duration, event.total) == (8160, 8160))
    #expect(event.flags == [.completedSet, .completed])
    #expect(event.idHash == Array("m-1".utf8).withUnsafeBytes { IDTable.hash($0) })
  }

  @Test func `Segment: playing is a heartbeat, also of a livestream`() throws {
    var bench = Bench(try Self.shipped("segment.yaml"))
    _ = bench.decode(
      "segment", Self.segment("Video Content Playing", "m-2", #"{"asset_id":"603","position":600,"total_length":8160}"#)
    )
    #expect((bench.last.kind, bench.last.flags) == (.watch, .progress))
    #expect(bench.last.duration / bench.last.total == 600.0 / 8160)
    let live = Self.segment(
      "Video Content Playing", "m-5", #"{"asset_id":"live1","position":null,"total_length":null,"livestream":true}"#)
    #expect(bench.decode("segment", live).summary == "events 1")
    #expect((bench.last.flags, bench.last.total.isNaN, bench.last.rate.isNaN) == (.progress, true, true))
  }

  @Test func `Segment: a product view of somebody anonymous is a click`() throws {
    var bench = Bench(try Self.shipped("segment.yaml"))
    let value = Self.segment("Product Viewed", "m-3", #"{"product_id":"603","position":0}"#, user: "null")
    #expect(bench.decode("segment", value).summary == "events 1")
    #expect(bench.last.kind == .click)
    #expect((bench.viewer(bench.last), bench.title(bench.last)) == ("anon:anon-1", "603"))
  }

  @Test func `Segment: ads match no rule`() throws {
    var bench = Bench(try Self.shipped("segment.yaml"))
    let value = Self.segment("Video Ad Playing", "m-4", #"{"asset_id":"ad123"}"#)
    #expect(bench.decode("segment", value).summary == "skipped no_rule")
  }

  @Test func `Segment: interrupted playback ends a watch, a product list is an impression`() throws {
    var bench = Bench(try Self.shipped("segment.yaml"))
    _ = bench.decode(
      "segment",
      Self.segment("Video Playback Interrupted", "m-6", #"{"content_asset_id":"7","position":10,"total_length":40}"#))
    #expect((bench.title(bench.last), bench.last.duration, bench.last.flags) == ("7", 10, []))
    _ = bench.decode(
      "segment", Self.segment("Product List Viewed", "m-7", #"{"products":[{"product_id":"a"},{"product_id":7}]}"#))
    #expect(bench.last.kind == .impression)
    #expect(bench.items.map { bench.ids.titles.text($0.title) } == ["a", "7"])
    #expect(bench.items.map(\.position) == [1, 2])
    #expect(
      bench.decode("segment", #"{"event":"Product Viewed","messageId":"x"}"#, timestamp: 5).summary
        == "missing_field user_id")
  }

  @Test func `CloudEvents: both bindings give one event`() throws {
    var bench = Bench(try Self.shipped("cloudevents.yaml"))
    let data = #"{"userId":"u42","contentId":"603","completionRate":0.5}"#
    #expect(
      bench.decode(
        "cloudevents", data,
        headers: [
          "ce_specversion": "1.0", "ce_id": "evt-0", "ce_source": "/player/web", "ce_type": "com.acme.video.watch",
          "ce_time": "2026-11-21T03:00:00Z", "content-type": "application/json",
        ]
      ).summary == "events 1")
    let binary = bench.last
    let attributes =
      #""specversion":"1.0","id":"evt-0","source":"/player/web","type":"com.acme.video.watch","time":"2026-11-21T03:00:00Z""#
    let structured = ["content-type": "application/CloudEvents+json; charset=utf-8"]
    #expect(bench.decode("cloudevents", "{\(attributes),\"data\":\(data)}", headers: structured).summary == "events 1")
    let base64 = "eyJ1c2VySWQiOiJ1NDIiLCJjb250ZW50SWQiOiI2MDMiLCJjb21wbGV0aW9uUmF0ZSI6MC41fQ=="
    #expect(
      bench.decode("cloudevents", "{\"data_base64\":\"\(base64)\",\(attributes)}", headers: structured).summary
        == "events 1")
    for event in bench.batch.events {
      #expect((event.kind, event.time, event.rate) == (.watch, 1_795_230_000_000, 0.5))
      #expect((event.viewer, event.title, event.idHash) == (binary.viewer, binary.title, binary.idHash))
    }
    #expect(bench.decode("cloudevents", "{\(attributes)}", headers: structured).summary == "missing_field data")
    #expect(bench.decode("cloudevents", "{\(attributes),\"data\":[]}", headers: structured).summary == "bad_field data")
    #expect(
      bench.decode("cloudevents", data, headers: ["ce_id": "1", "ce_type": "other"]).summary == "skipped no_rule")
  }

  @Test func `W1: every field is required, positions are not read`() throws {
    var bench = Bench(try Self.shipped("w1.yaml"))
    let click =
      #"{"event_id":"0f","user_id":"u00001","content_id":"c0001","timestamp":1763683200001,"position":0,"session_id":"s0","device":"tablet"}"#
    #expect(bench.decode("click", click).summary == "events 1")
    #expect((bench.last.position, bench.last.device, bench.last.flags) == (0, .tablet, []))
    for name in ["event_id", "user_id", "content_id", "timestamp", "position", "session_id", "device"] {
      var value = try JSONValue(parsing: click)
      value[name] = nil
      #expect(bench.decode("click", value.text()).summary == "missing_field \(name)")
    }
    let watch =
      #"{"event_id":"0f","user_id":"u00001","content_id":"c0001","timestamp":1763683200001,"duration_seconds":300,"completion_rate":0.25,"device":"tv","platform":"hulu"}"#
    #expect(bench.decode("watch", watch).summary == "events 1")
    #expect((bench.last.rate, bench.last.duration) == (0.25, 300))
  }

  // MARK: The language

  @Test(arguments: [
    (#"{"path":"$.v","as":"number"}"#, #""0.5""#, 0.5), (#"{"path":"$.v","as":"percent"}"#, "50", 0.5),
    (#"{"path":"$.v","scale":{"from":[0,10],"to":[0,1]}}"#, "5", 0.5), (#"{"path":"$.v","as":"ms_to_s"}"#, "500", 0.5),
    (#"{"path":"$.v","enum":{"HALF":0.5,"ALL":1}}"#, #""HALF""#, 0.5), (#"["$.none","$.v"]"#, "0.5", 0.5),
    (#"["$.empty","$.v"]"#, "0.5", 0.5), (#""=0.5""#, "null", 0.5), (#""$['v']""#, "0.5", 0.5), (#""$.o.p""#, "1", 0.5),
  ])
  func `a converter makes the value`(source: String, value: String, expected: Double) throws {
    var bench = try Bench(json: #"[{"topic":"t","emit":"watch","set":{"completion_rate":\#(source)}}]"#)
    let record =
      #"{"event_id":"e","timestamp":1,"user_id":"u","content_id":"c","v":\#(value),"empty":"","o":{"p":0.5}}"#
    #expect(bench.decode("t", record).summary == "events 1")
    #expect(bench.last.rate == expected)
  }

  @Test(arguments: [
    ("1795230000", 1_795_230_000_000), ("1795230000000", 1_795_230_000_000), ("1795230000000000", 1_795_230_000_000),
    ("1795230000000000000", 1_795_230_000_000), (#""1795230000""#, 1_795_230_000_000),
    (#""2026-11-21T03:00:00Z""#, 1_795_230_000_000), (#""2026-11-21 03:00:00.100""#, 1_795_230_000_100),
    (#""2026-11-21T04:30:00.1234567+0130""#, 1_795_230_000_123), (#""2026-11-20T22:00:00-05:00""#, 1_795_230_000_000),
    (#""2024-02-29T00:00:00Z""#, 1_709_164_800_000), ("null", 99),
  ])
  func `a time is read by its size or its form`(value: String, expected: Int64) throws {
    var bench = try Bench(
      json: #"[{"topic":"t","emit":"click","set":{"timestamp":{"path":["$.t","@timestamp"],"as":"time"}}}]"#)
    let record = #"{"event_id":"e","user_id":"u","content_id":"c","t":\#(value)}"#
    let outcome = bench.decode("t", record, timestamp: value == "null" ? 99 : -1)
    #expect(outcome.summary == "events 1")
    #expect(bench.last.time == expected)
  }

  @Test(arguments: [
    (#"{"path":"$.k","eq":"a"}"#, true), (#"{"path":"$.k","eq":"b"}"#, false), (#"{"path":"$.k","ne":"b"}"#, true),
    (#"{"path":"$.k","in":["x","a"]}"#, true), (#"{"path":"$.n","eq":5}"#, true), (#"{"path":"$.n","gt":4}"#, true),
    (#"{"path":"$.n","lt":5}"#, false), (#"{"path":"$.b","eq":true}"#, true), (#"{"path":"$.k","exists":true}"#, true),
    (#"{"path":"$.zero","exists":false}"#, true), (#"{"path":"$.k","prefix":"a"}"#, true),
    (#"{"all":[{"path":"$.k","eq":"a"},{"path":"$.n","eq":6}]}"#, false),
    (#"{"any":[{"path":"$.k","eq":"z"},{"path":"$.n","eq":5}]}"#, true), (#"{"not":{"path":"$.k","eq":"a"}}"#, false),
    (#"{"path":"@key","eq":"key"}"#, true), (#"{"path":"$.zero","eq":""}"#, false),
  ])
  func `a condition holds or not`(when: String, holds: Bool) throws {
    var bench = try Bench(json: #"[{"topic":"t","rules":[{"when":\#(when),"emit":"click"}]}]"#)
    let record =
      #"{"event_id":"e","timestamp":1,"user_id":"u","content_id":"c","k":"a","n":5,"b":true,"zero":null}"#
    #expect(bench.decode("t", record, key: "key").summary == (holds ? "events 1" : "skipped no_rule"))
  }

  @Test func `sources beside the value: place, key, prefix, literal`() throws {
    var bench = try Bench(
      json:
        #"[{"topic":"t","emit":"click","set":{"event_id":"@tpo","user_id":{"path":"@key","prefix":"k:"},"content_id":{"path":"$.id","as":"text","prefix":"c-"},"platform":"=hulu"}}]"#
    )
    #expect(bench.decode("t", #"{"timestamp":1,"id":42}"#, key: "anna").summary == "events 1")
    #expect((bench.viewer(bench.last), bench.title(bench.last)) == ("k:anna", "c-42"))
    #expect(bench.ids.symbols[bench.last.platform] == "hulu")
    #expect(bench.last.idHash == Array("t:2:7".utf8).withUnsafeBytes { IDTable.hash($0) })
    #expect(bench.decode("t", #"{"timestamp":1,"id":{}}"#, key: "anna").summary == "bad_field content_id")
    #expect(bench.decode("t", #"{"timestamp":1,"id":1}"#).summary == "missing_field user_id")
  }

  @Test func `lines: all of them or none`() throws {
    let line = #"{"timestamp":1,"user_id":"u","content_id":"c"}"#
    for framing in ["json-lines", "auto"] {
      var bench = try Bench(json: #"[{"topic":"t","decode":"\#(framing)","emit":"click","set":{"event_id":"@tpo"}}]"#)
      #expect(bench.decode("t", "\(line)\n\(line)\r\n\n\(line)").summary == "events 3")
      #expect(bench.batch.events.map(\.line) == [0, 1, 2])
      #expect(Set(bench.batch.events.map(\.idHash)).count == 3)
      #expect(bench.decode("t", "\(line)\n{\"timestamp\":1}\n").summary == "missing_field user_id")
      #expect(bench.decode("t", "\(line)\nx").summary == "bad_json")
      #expect(bench.batch.events.count == 3)
      #expect(bench.decode("t", "\n").summary == "bad_json")
    }
    var bench = try Bench(json: #"[{"topic":"t","decode":"auto","emit":"click","set":{"event_id":"@tpo"}}]"#)
    #expect(bench.decode("t", line + line).summary == "events 2")
  }

  @Test func `what is missing is skipped where the mapping says so`() throws {
    var bench = try Bench(json: #"[{"topic":"t","emit":"click","on_missing":"skip","require":["$.x"]}]"#)
    let record = #"{"event_id":"e","timestamp":1,"user_id":"u","content_id":"c"}"#
    #expect(bench.decode("t", record).summary == "skipped missing_field")
    #expect(bench.decode("t", String(record.dropLast()) + #","x":1}"#).summary == "events 1")
  }

  @Test(arguments: [
    ("- emit: watch", "map.yaml:1: `topic` is a text"), ("- topic: t\n  emit: dance", "map.yaml:2: `emit` is one of"),
    ("- topic: t\n  emit: watch\n  colour: red", "map.yaml:3: an input has no key `colour`"),
    ("- topic: t\n  emit: watch\n  set:\n    user: $.u", "map.yaml:4: `set` knows no field user"),
    ("- topic: t\n  emit: click\n  set:\n    rating: $.u", "map.yaml:4: click has no field rating"),
    ("- topic: t\n  emit: watch\n  set:\n    user_id: u", "map.yaml:4: u is no source"),
    ("- topic: t\n  emit: watch\n  set:\n    user_id: $.a[0]", "map.yaml:4: $.a[0] is no path"),
    ("- topic: t\n  emit: watch\n  set:\n    user_id: \"@ce.id\"", "map.yaml:4: @ce.id needs `unwrap: cloudevents`"),
    ("- topic: t\n  emit: watch\n  set:\n    user_id: {path: $.u, as: magic}", "map.yaml:4: `as` is text"),
    ("- topic: t\n  emit: watch\n  decode: avro", "map.yaml:3: `decode` is json"),
    ("- topic: t\n  emit: watch\n  unwrap: debezium", "map.yaml:3: `unwrap` is none or cloudevents"),
    ("- topic: t\n  emit: watch\n  require: [rating]", "map.yaml:3: `require` names rating"),
    ("- topic: t\n  rules:\n    - when: {path: $.a}\n      emit: watch", "map.yaml:3: `when` is {path"),
    ("- topic: t\n  emit: click\n  items: {each: $.a}", "map.yaml:3: click has no items"),
    ("- topic: t\n  emit: click\n- topic: t\n  emit: click", "map.yaml:3: topic t is mapped twice"),
    ("- topic: t\n  rules:\n    - {emit: click}\n    - {emit: catalog}", "map.yaml:1: topic t has rules for reference"),
    ("a: b", "map.yaml:1: `inputs` is a list"),
  ])
  func `a mistake is told with its line`(text: String, message: String) throws {
    let tree = MappingTree(try YAML.parse(text, name: "map.yaml"))
    let error = #expect(throws: MappingError.self) { try CompiledMapping(tree, file: "map.yaml") }
    #expect(error?.description.hasPrefix(message) == true, "\(error?.description ?? "")")
  }
}

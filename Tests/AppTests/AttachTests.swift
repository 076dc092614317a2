import JSON
import Ports
import Testing

@testable import App

/// Topics that users already have, attached by one file, read back by `features get`.
@Suite(.serialized, .timeLimit(.minutes(5))) struct AttachTests {
  /// 2026-11-21 03:00:00 UTC.
  private let time: Int64 = 1_795_230_000_000

  /// The form in which segment-analytics-python 2.4.0 sends a track call.
  private func track(_ event: String, _ id: String, _ properties: String, user: String = "\"u42\"") -> OutRecord {
    let json =
      "{\"type\":\"track\",\"event\":\"\(event)\",\"messageId\":\"\(id)\",\"userId\":\(user),\"anonymousId\":\"anon-1\","
      + "\"timestamp\":\"2026-11-21T03:00:00.000+00:00\",\"properties\":\(properties),\"context\":{},\"integrations\":{}}"
    return OutRecord("segment", "u42", json, at: time)
  }

  @Test func `a Segment topic by its configuration alone`() throws {
    let run = try SmallRun(config: Places.root + "/configs/segment.yaml", topics: ["segment"])
    try run.fold([
      track(
        "Video Content Completed", "m-1", #"{"asset_id":"603","session_id":"s1","position":8160,"total_length":8160}"#),
      track("Video Content Playing", "m-2", #"{"asset_id":"603","position":600,"total_length":8160}"#),
      track("Product Viewed", "m-3", #"{"product_id":"603"}"#, user: "null"),
      track("Video Ad Playing", "m-4", #"{"asset_id":"ad123"}"#),
      track(
        "Video Content Playing", "m-5", #"{"asset_id":"live1","position":null,"total_length":null,"livestream":true}"#),
    ])
    #expect(run.deadLetters.isEmpty)
    let title = try run.features("content:603")["features"]
    #expect(title?["watches"]?.int64 == 1 && title?["completions"]?.int64 == 1 && title?["clicks"]?.int64 == 1)
    let viewer = try run.features("user:u42")["features"]
    #expect(viewer?["n"]?.int64 == 1 && viewer?["watches"]?.int64 == 1)
    #expect(try run.features("user:anon:anon-1")["features"]?["n"]?.int64 == 1)
    #expect(try run.ask("features", "get", "content:ad123").code == 1)
  }

  @Test func `a CloudEvents topic by its configuration alone, both bindings of one event counted once`() throws {
    let run = try SmallRun(config: Places.root + "/configs/cloudevents.yaml", topics: ["cloudevents"])
    let data = #"{"userId":"u42","contentId":"603","completionRate":0.5}"#
    let attributes = [
      ("specversion", "1.0"), ("id", "evt-0"), ("source", "/player/web"), ("type", "com.acme.video.watch"),
      ("time", "2026-11-21T03:00:00Z"),
    ]
    let binary =
      attributes.map { (name: "ce_" + $0.0, value: Array($0.1.utf8)) }
      + [(name: "content-type", value: Array("application/json".utf8))]
    let members = attributes.map { "\"\($0.0)\":\"\($0.1)\"" }.joined(separator: ",")
    try run.fold([
      OutRecord("cloudevents", "u42", data, headers: binary, at: time),
      OutRecord(
        "cloudevents", "u42", "{\(members),\"data\":\(data)}",
        headers: [("content-type", Array("application/cloudevents+json".utf8))], at: time + 1),
    ])
    #expect(run.deadLetters.isEmpty)
    let title = try run.features("content:603")["features"]
    #expect(title?["watches"]?.int64 == 1 && title?["completion_mean"]?.double == 0.5)
    #expect(try run.features("user:u42")["features"]?["n"]?.int64 == 1)
  }

  @Test func `features get and features top answer in their shapes`() throws {
    let run = try SmallRun(topics: ["content.catalog", "events.watch", "events.rate"])
    func catalog(_ id: String, _ vector: String) -> OutRecord {
      OutRecord(
        "content.catalog", id,
        "{\"schema\":\"catalog/1\",\"event_id\":\"k-\(id)\",\"timestamp\":\(time),\"content_id\":\"\(id)\",\"title\":\"\(id)\","
          + "\"content_type\":\"movie\",\"genres\":[\"drama\"],\"embedding\":\(vector)}", at: time)
    }
    func watch(_ user: String, _ id: String, _ rate: Double, _ n: Int) -> OutRecord {
      OutRecord(
        "events.watch", user,
        "{\"schema\":\"watch/1\",\"event_id\":\"w-\(n)\",\"timestamp\":\(time + Int64(n)),\"user_id\":\"\(user)\","
          + "\"content_id\":\"\(id)\",\"completion_rate\":\(rate)}", at: time + Int64(n))
    }
    try run.fold([
      catalog("moon", "[1,0]"), catalog("tide", "[0,1]"), watch("ann", "moon", 1, 1), watch("ann", "moon", 0.5, 2),
      watch("bob", "moon", 1, 3), watch("bob", "tide", 0.2, 4), OutRecord("events.watch", "x", "{", at: time + 5),
    ])
    #expect(run.deadLetters == ["bad_json": 1])

    let answer = try run.features("user:ann")
    #expect(answer.object?.map(\.key) == ["key", "version", "updated_at", "age_s", "features"])
    #expect(answer["key"]?.string == "user:ann" && answer["updated_at"]?.int64 == time + 2)
    #expect(answer["version"]?.string?.count == 24 && answer["age_s"]?.double != nil)
    let features = answer["features"]
    #expect(features?["n"]?.int64 == 2 && features?["vector"]?.array?.count == 2)
    #expect(features?["affinity"]?["drama"]?.double != nil && features?["session"]?["features"]?.array?.count == 6)

    let trend = try run.ask("features", "top", "--by", "trend")
    let rows = try trend.text.split(separator: "\n").map { try JSONValue(parsing: String($0)) }
    #expect(rows.map { $0["content_id"]?.string } == ["moon", "tide"] && rows[0]["trend"]?.double != nil)
    #expect(try run.ask("features", "top", "--by", "trust", "--count", "1").text.split(separator: "\n").count == 1)
    #expect(try run.ask("features", "top", "--by", "trend", "--genre", "drama").text.contains("moon"))
    #expect(try run.ask("features", "get", "user:ann", form: .table).text.contains("FEATURE"))
    #expect(try run.ask("features", "get", "user:nobody").code == 1)
    #expect(try run.ask("features", "get", "ann").code == 64)
  }
}

import Foundation
import JSON
import Ports
import Testing

@testable import App

/// What a running worker leaves behind, read by programs that nobody here wrote.
@Suite(.serialized, .timeLimit(.minutes(10))) struct ClientTests {
  private let end = Int64(Date().timeIntervalSince1970 * 1000) / 3_600_000 * 3_600_000

  static func has(_ program: String) -> Bool { Spawned.run("sh", ["-c", "command -v \(program)"]).code == 0 }

  /// A Python with these packages; nil = it cannot be made here, which is printed.
  static func python(_ name: String, _ packages: String...) -> String? {
    let said = Spawned.run(Places.root + "/Tests/venv.sh", [name] + packages)
    if said.code == 0 { return said.text.split(separator: "\n").last.map(String.init) }
    print("skipped: \(packages) cannot be installed here: \(said.text)")
    return nil
  }

  @Test func `kcat, the CloudEvents SDK, redis-cli and Feast read alerts, dead letters and features`() throws {
    guard let redis = LocalRedis() else { return print("skipped: no redis-server") }
    let broker = try BrokerProcess("events.watch:1,content.catalog:1,dlq.events:1,alerts.drift:1")
    try broker.send(
      [Sample.catalog("moon", title: "Moon", at: end - 1)] + Sample.drift(endingAt: end)
        + [
          OutRecord("events.watch", "k1", "{\"schema\":", headers: [("trace", Array("t-1".utf8))], at: end),
          OutRecord("events.watch", "k2", #"{"schema":"watch/1","event_id":"x","timestamp":\#(end)}"#, at: end),
        ])
    let worker = try LiveWorker([
      "kafka.brokers=\(broker.address)", "redis.url=\(redis.url)", "feast.enabled=true", "feast.project=media",
      "embedding.dim=8",
    ])
    #expect(worker.waitReady() == "ready", "\(worker.log)")
    let letters = worker.wait(60) {
      worker.metric(#"thalweg_dead_letters_total{topic="events.watch",reason="bad_json"}"#) == 1 ? true : nil
    }
    #expect(letters == true, "\(worker.log)")
    // Counted is not yet acknowledged, folded not yet published.
    let isOut = worker.wait(60) { worker.metric("thalweg_dirty_keys") == 0 ? true : nil }
    #expect(isOut == true, "\(worker.log)")

    if Self.has("kcat") {
      try readLetters(broker.address)
      try readAlerts(broker.address)
    } else {
      print("skipped: no kcat (Debian package kcat)")
    }
    try readRedis(redis)
    try readFeast(redis)
    #expect(worker.stop() == 0, "\(worker.log)")
  }

  private func kcat(_ address: String, _ topic: String, _ words: String...) -> String {
    Spawned.run("kcat", ["-b", address, "-t", topic, "-C", "-o", "beginning", "-e", "-q"] + words).text
  }

  private func readLetters(_ address: String) throws {
    var lines: [String] = []
    for _ in 0..<100 where lines.count < 2 {
      lines = kcat(address, "dlq.events", "-f", "%k|%s|%h|%T\n").split(separator: "\n").map(String.init)
    }
    #expect(lines.count == 2, "\(lines)")
    for (line, key, reason, field) in zip3(lines, [("k1", "bad_json", ""), ("k2", "missing_field", "user_id")]) {
      let parts = line.split(separator: "|").map(String.init)
      #expect(parts[0] == key && parts.last == "\(end)")
      let headers = parts[parts.count - 2].split(separator: ",").map(String.init)
      for wanted in [
        "__connect.errors.topic=events.watch", "__connect.errors.partition=0",
        "__connect.errors.connector.name=thalweg",
        "thalweg.reason=\(reason)",
      ] {
        #expect(headers.contains(wanted), "\(headers)")
      }
      #expect(headers.contains { $0.hasPrefix("__connect.errors.offset=") })
      if !field.isEmpty { #expect(headers.contains("thalweg.field=\(field)"), "\(headers)") }
      #expect(headers.contains("trace=t-1") == (key == "k1"), "the original's own headers travel along")
    }
  }

  private func zip3(
    _ lines: [String], _ wanted: [(String, String, String)]
  ) -> [(String, String, String, String)] {
    zip(lines, wanted).map { ($0, $1.0, $1.1, $1.2) }
  }

  private func readAlerts(_ address: String) throws {
    var headers: [Substring] = []
    for _ in 0..<100 where headers.count < 2 {
      headers = kcat(address, "alerts.drift", "-f", "%h\n").split(separator: "\n")
    }
    #expect(!headers.isEmpty)
    #expect(headers.allSatisfy { $0 == "content-type=application/cloudevents+json; charset=utf-8" }, "\(headers)")
    guard let python = Self.python("cloudevents-2.2.0", "cloudevents==2.2.0") else { return }
    let scratch = Places.Scratch()
    try scratch.write("alerts.jsonl", kcat(address, "alerts.drift", "-J"))
    try scratch.write(
      "read.py",
      """
      import json, sys
      from cloudevents.core.bindings.kafka import KafkaMessage, from_kafka_event
      for line in open(sys.argv[1]):
          record = json.loads(line)
          named = record["headers"]
          named = named if isinstance(named, dict) else dict(zip(named[::2], named[1::2]))
          event = from_kafka_event(KafkaMessage(
              headers={name: value.encode() for name, value in named.items()}, key=record["key"],
              value=record["payload"].encode()))
          data = event.get_data()
          assert event.get_specversion() == "1.0" and event.get_time().tzinfo is not None
          assert event.get_datacontenttype() == "application/json"
          assert event.get_extension("partitionkey") == record["key"] == data["alert_id"]
          print(event.get_type(), event.get_source(), event.get_subject(), data["metric"], round(data["before"], 2))
      """)
    let said = Spawned.run(python, [scratch.path + "/read.py", scratch.path + "/alerts.jsonl"])
    #expect(said.code == 0, "\(said.text)")
    let lines = said.text.split(separator: "\n").map(String.init)
    #expect(lines.contains("dev.thalweg.drift.firing.v1 /thalweg/thalweg content/moon completion_rate 0.8"), "\(lines)")
    #expect(lines.contains("dev.thalweg.drift.firing.v1 /thalweg/thalweg global completion_rate 0.8"), "\(lines)")
  }

  private func readRedis(_ redis: LocalRedis) throws {
    let count = Sample.drift(endingAt: end).count
    #expect(redis.cli("HGET", "content:moon", "watches") == "\(count)")
    #expect(redis.cli("HGET", "user:u1", "watches") == "\(count / 40)")
    #expect(redis.cli("ZREVRANGE", "top:trust", "0", "0").contains("moon"))
    #expect(redis.cli("XREVRANGE", "alerts", "+", "-", "COUNT", "1").contains("dev.thalweg.drift"))
  }

  /// The stock client against what the worker itself wrote.
  private func readFeast(_ redis: LocalRedis) throws {
    guard let python = Self.python("feast-0.67.0", "feast[redis]==0.67.0") else { return }
    let scratch = Places.Scratch()
    try scratch.write(
      "feature_store.yaml",
      """
      project: media
      provider: local
      registry: registry.db
      entity_key_serialization_version: 3
      online_store: {type: redis, connection_string: "127.0.0.1:\(redis.port)"}
      offline_store: {type: dask}
      """)
    func fields(_ list: [(name: String, type: String)]) -> String {
      list.map { "Field(name=\"\($0.name)\", dtype=\($0.type))" }.joined(separator: ", ")
    }
    try scratch.write(
      "ask.py",
      """
      import json
      from datetime import timedelta
      from feast import Entity, FeatureStore, FeatureView, Field, FileSource, ValueType
      from feast.types import Array, Bool, Float32, Float64, Int64, String
      source = FileSource(path="never.parquet", timestamp_field="t")
      user = Entity(name="user", join_keys=["user_id"], value_type=ValueType.STRING)
      title = Entity(name="title", join_keys=["content_id"], value_type=ValueType.STRING)
      users = FeatureView(name="thalweg_user", entities=[user], ttl=timedelta(0), source=source,
          schema=[Field(name="user_id", dtype=String), \(fields(FeastRows.user))])
      titles = FeatureView(name="thalweg_content", entities=[title], ttl=timedelta(0), source=source,
          schema=[Field(name="content_id", dtype=String), \(fields(FeastRows.content))])
      store = FeatureStore(repo_path=".")
      store.apply([user, title, users, titles])
      names = lambda view: [view.name + ":" + f.name for f in view.features]
      a = store.get_online_features(names(users), [{"user_id": "u1"}, {"user_id": "nobody"}]).to_dict()
      b = store.get_online_features(names(titles), [{"content_id": "moon"}]).to_dict()
      print("ANSWER " + json.dumps([a, b]))
      """)
    let said = Spawned.run("sh", ["-c", "cd '\(scratch.path)' && '\(python)' ask.py"])
    let line = try #require(said.text.split(separator: "\n").last { $0.hasPrefix("ANSWER ") }, "\(said.text)")
    let answer = try JSONValue(parsing: String(line.dropFirst(7)))
    let count = Int64(Sample.drift(endingAt: end).count)
    #expect(answer[0]?["watches"]?[0]?.int64 == count / 40 && answer[0]?["n"]?[0]?.int64 == count / 40, "\(line)")
    #expect(answer[0]?["watches"]?[1] == .null)
    #expect(answer[0]?["vector"]?[0]?.array?.count == 8 || answer[0]?["vector"]?[0] == .null)
    #expect(answer[1]?["watches"]?[0]?.int64 == count)
    let trust = try #require(answer[1]?["overall"]?[0]?.double)
    let own = try JSONValue(parsing: redis.cli("HGET", "content:moon", "overall"))
    #expect(trust == own.double, "both rows tell the same trust")
    #expect(answer[1]?["unproven"]?[0]?.bool != nil)
  }
}

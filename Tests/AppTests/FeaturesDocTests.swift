import Foundation
import JSON
import Ports
import Testing

@testable import App

/// What docs/FEATURES.md promises: its Python reads what the worker writes, its lists name what is there.
@Suite(.serialized, .timeLimit(.minutes(5))) struct FeaturesDocTests {
  private let time: Int64 = 1_795_230_000_000

  private func document() throws -> String {
    try String(contentsOfFile: Places.root + "/docs/FEATURES.md", encoding: .utf8)
  }

  private func records() -> [OutRecord] {
    func record(_ topic: String, _ key: String, _ schema: String, _ id: String, _ rest: String) -> OutRecord {
      OutRecord(
        topic, key, "{\"schema\":\"\(schema)/1\",\"event_id\":\"\(id)\",\"timestamp\":\(time),\(rest)}", at: time)
    }
    return [
      record(
        "content.catalog", "moon", "catalog", "k-1",
        #""content_id":"moon","title":"Moon","content_type":"movie","genres":["drama"],"embedding":[0.6,0.8]"#),
      record("events.watch", "ann", "watch", "w-1", #""user_id":"ann","content_id":"moon","completion_rate":1"#),
      record("events.click", "ann", "click", "c-1", #""user_id":"ann","content_id":"moon""#),
      record("events.rate", "bob", "rate", "r-1", #""user_id":"bob","content_id":"moon","rating":4"#),
    ]
  }
  private let topics = ["content.catalog", "events.watch", "events.click", "events.rate"]

  /// The document's Python block with a line that prints what it reads.
  private func script(_ call: String) throws -> String {
    let text = try document()
    let start = try #require(text.range(of: "```python\n"))
    let end = try #require(text.range(of: "```", range: start.upperBound..<text.endIndex))
    return text[start.upperBound..<end.lowerBound] + "\nprint(json.dumps(\(call)))\n"
  }

  @Test func `the document's Python reads a vector and a row from SQLite`() throws {
    let run = try SmallRun(topics: topics)
    try run.fold(records())
    let path = run.scratch.path + "/state/features.db"
    let vector = Spawned.run("python3", ["-c", try script("from_sqlite('\(path)', 'emb:user:ann')")])
    #expect(vector.code == 0, "\(vector.text)")
    let read = try JSONValue(parsing: vector.text)
    let own = try run.features("user:ann")["features"]?["vector"]?.array?.compactMap(\.double)
    #expect(own?.count == 2 && abs((own?[0] ?? 0) - 0.6) < 1e-6 && abs((own?[1] ?? 0) - 0.8) < 1e-6)
    #expect(zip(read["vector"]?.array ?? [], own ?? []).allSatisfy { abs(($0.double ?? 9) - $1) < 1e-6 })
    let row = Spawned.run("python3", ["-c", try script("from_sqlite('\(path)', 'user:ann')")])
    #expect(try JSONValue(parsing: row.text)["n"]?.int64 == 2)
    let none = Spawned.run("python3", ["-c", try script("from_sqlite('\(path)', 'user:nobody')")])
    #expect(none.text == "{}")
  }

  @Test func `the document's Python reads a vector and a row from Redis`() throws {
    guard let redis = LocalRedis() else { return print("skipped: no redis-server here") }
    guard let python = Self.pythonWithRedis() else { return print("skipped: the redis package cannot be installed") }
    let run = try SmallRun(topics: topics, more: ["store.kind=redis", "redis.url=\(redis.url)", "redis.prefix=tw:"])
    try run.fold(records())
    let vector = Spawned.run(python, ["-c", try script("from_redis('\(redis.url)', 'emb:user:ann', 'tw:')")])
    #expect(vector.code == 0, "\(vector.text)")
    let read = try JSONValue(parsing: vector.text)["vector"]?.array?.compactMap(\.double)
    #expect(read?.count == 2 && abs((read?[0] ?? 0) - 0.6) < 1e-6 && abs((read?[1] ?? 0) - 0.8) < 1e-6)
    let row = Spawned.run(python, ["-c", try script("from_redis('\(redis.url)', 'content:moon', 'tw:')")])
    #expect(try JSONValue(parsing: row.text)["clicks"]?.int64 == 1)
    #expect(redis.cli("HGET", "tw:user:ann", "n") == "2")
  }

  /// A Python with the `redis` package: the system's, else one installed once beside the temporary files.
  private static func pythonWithRedis() -> String? {
    let folder = NSTemporaryDirectory() + "thalweg-redis-py"
    for python in ["python3", folder + "/bin/python"] where Spawned.run(python, ["-c", "import redis"]).code == 0 {
      return python
    }
    guard Spawned.run("python3", ["-m", "venv", folder]).code == 0 else { return nil }
    let pip = ["120", folder + "/bin/pip", "install", "-q", "--timeout", "10", "--retries", "1", "redis"]
    return Spawned.run("timeout", pip).code == 0 ? folder + "/bin/python" : nil
  }

  @Test func `every field a worker publishes stands in the document`() throws {
    let text = try document()
    let run = try SmallRun(topics: topics)
    try run.fold(records())
    for key in ["user:ann", "content:moon"] {
      for member in try run.features(key)["features"]?.object ?? [] {
        #expect(text.contains("| `\(member.key)` |"), "\(member.key) of \(key) is not described")
      }
    }
    for name in FeastRows.user.map(\.name) + FeastRows.content.map(\.name) {
      #expect(text.contains("| `\(name)` |"), "\(name) of the Feast views is not described")
    }
  }

  @Test func `Feast's views are written beside our rows when they are switched on`() throws {
    let run = try SmallRun(topics: topics, more: ["feast.enabled=true", "feast.project=media"])
    try run.fold(records())
    let reader = try WorkerHost.reader(
      Settings.load(file: nil, environment: [:], assignments: run.assignments).settings)
    // Key and names as Feast makes them (murmur3 of view:feature), computed apart from this program.
    let key = "\u{1}\0\0\0\u{2}\0\0\0\u{7}\0\0\0user_id\u{2}\0\0\0\u{3}\0\0\0annmedia"
    let row = try #require(try reader.hash(key))
    #expect(row.count == FeastRows.user.count + 1)
    #expect(row.contains { $0.value == [0x20, 2] }, "n is Int64 2")
    let stamp = row.first { $0.name == "_ts:thalweg_user" }
    #expect(stamp?.value == [0x08, 0xb0, 0x92, 0x84, 0xd8, 0x06])
    let title = "\u{1}\0\0\0\u{2}\0\0\0\u{a}\0\0\0content_id\u{2}\0\0\0\u{4}\0\0\0moonmedia"
    #expect(try reader.hash(title)?.count == FeastRows.content.count + 1)
    let plain = try SmallRun(topics: topics)
    try plain.fold(records())
    let other = try WorkerHost.reader(
      Settings.load(file: nil, environment: [:], assignments: plain.assignments).settings)
    #expect(try other.hash(key.replacingOccurrences(of: "media", with: "thalweg")) == nil)
  }

  @Test func `an erased viewer's Feast row goes with the others`() throws {
    let run = try SmallRun(topics: topics + ["control"], more: ["feast.enabled=true", "feast.project=media"])
    try run.fold(
      records() + [
        OutRecord(
          "control", "ann",
          "{\"schema\":\"control/1\",\"event_id\":\"e-1\",\"timestamp\":\(time + 9),\"op\":\"erase\",\"user_id\":\"ann\"}",
          at: time + 9)
      ])
    let reader = try WorkerHost.reader(
      Settings.load(file: nil, environment: [:], assignments: run.assignments).settings)
    #expect(try reader.hash("user:ann") == nil && reader.hash("emb:user:ann") == nil)
    #expect(try reader.keys(prefix: "\u{1}\0\0\0\u{2}\0\0\0\u{7}", limit: 9).allSatisfy { !$0.contains("annmedia") })
    #expect(try reader.hash("user:bob") != nil)
  }
}

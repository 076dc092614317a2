import Foundation
import Ports
import RedisPort
import Testing

/// Rows of ours read by the stock Feast client, which is installed once beside the temporary files.
@Suite struct FeastClientTests {
  /// Where the client lives; nil = it could not be installed, for the reason printed.
  static let python: String? = {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    let outcome = run(root.path + "/venv.sh", "feast-0.67.0", "feast[redis]==0.67.0")
    guard outcome.status == 0 else {
      print("the Feast client cannot be installed, its test is left out: \(outcome.output.suffix(300))")
      return nil
    }
    return outcome.output.split(separator: "\n").last.map(String.init)
  }()

  private static func run(_ program: String, _ arguments: String..., in folder: String? = nil) -> (
    status: Int32, output: String
  ) {
    run(program, arguments, in: folder)
  }

  private static func run(_ program: String, _ arguments: [String], in folder: String? = nil) -> (
    status: Int32, output: String
  ) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [program] + arguments
    if let folder { process.currentDirectoryURL = URL(fileURLWithPath: folder) }
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    guard (try? process.run()) != nil else { return (127, "cannot be started") }
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: output, as: UTF8.self))
  }

  private let definitions = """
    from datetime import timedelta
    from feast import Entity, FeatureView, Field, FileSource, ValueType
    from feast.types import Array, Bool, Float32, Float64, Int64, String
    user = Entity(name="user", join_keys=["user_id"], value_type=ValueType.STRING)
    source = FileSource(path="never.parquet", timestamp_field="t")
    view = FeatureView(name="thalweg_user", entities=[user], ttl=timedelta(0), source=source, schema=[
        Field(name="user_id", dtype=String), Field(name="watches", dtype=Int64), Field(name="trust", dtype=Float64),
        Field(name="active", dtype=Bool), Field(name="segment", dtype=String), Field(name="none", dtype=Int64),
        Field(name="vector", dtype=Array(Float32))])
    """

  private let question = """
    import json
    from feast import FeatureStore, FeatureView
    from defs import user, view
    store = FeatureStore(repo_path=".")
    store.apply([user, view])
    names = ["watches", "trust", "active", "segment", "none", "vector"]
    answer = store.get_online_features(features=["thalweg_user:" + n for n in names],
        entity_rows=[{"user_id": "u42"}, {"user_id": "nobody"}]).to_dict()
    print("ANSWER " + json.dumps(answer, sort_keys=True))
    """

  @Test(.timeLimit(.minutes(10)))
  func `the stock client reads a viewer's row and knows one it has not`() throws {
    guard let python = Self.python else { return }
    let server = try RedisServer()
    var options = RedisStore.Options()
    options.prefix = "ours:"
    let store = RedisStore(server.address, options: options)
    _ = try store.open(group: "g")
    let view = FeastView(
      project: "media", name: "thalweg_user", joinKeys: ["user_id"],
      features: ["watches", "trust", "active", "segment", "none", "vector"])
    let rows = batch(1) { batch in
      view.put(
        [.text("u42")], at: 1_795_230_000_000,
        [.integer(-7), .double(0.75), .flag(false), .text("büñge 🎬"), nil, .floats([0.5, -0.25, 1])], into: &batch)
    }
    #expect(store.submit(rows))
    #expect(settle(store).confirmed == 1)
    let scratch = Scratch()
    let settings = """
      project: media
      provider: local
      registry: registry.db
      entity_key_serialization_version: 3
      online_store: {type: redis, connection_string: "127.0.0.1:\(server.port)"}
      offline_store: {type: dask}
      """
    try settings.write(toFile: scratch.file("feature_store.yaml"), atomically: true, encoding: .utf8)
    try definitions.write(toFile: scratch.file("defs.py"), atomically: true, encoding: .utf8)
    try question.write(toFile: scratch.file("ask.py"), atomically: true, encoding: .utf8)
    let outcome = Self.run(python, "ask.py", in: scratch.path)
    let line = outcome.output.split(separator: "\n").last { $0.hasPrefix("ANSWER ") }
    let answer = try #require(line, "\(outcome.output)")
    #expect(
      answer.dropFirst(7) == """
        {"active": [false, null], "none": [null, null], "segment": ["b\\u00fc\\u00f1ge \\ud83c\\udfac", null], \
        "trust": [0.75, null], "user_id": ["u42", "nobody"], "vector": [[0.5, -0.25, 1.0], null], "watches": [-7, null]}
        """)
  }
}

import Foundation
import Options
import Testing

@testable import App

/// What needs no service: `lint` and `try`.
@Suite struct LintTryTests {
  private let scratch = Places.Scratch()

  /// - Returns: The exit code, and answer and complaint together.
  private func run(_ words: String...) -> (code: Int32, text: String) { Spawned.run(Child.program, words) }

  private func file(_ name: String, _ text: String) throws -> String {
    try scratch.write(name, text)
    return scratch.path + "/" + name
  }

  @Test func `lint takes what ships, and names every mistake with its line`() throws {
    let good = run("lint", "--dir", Places.root + "/topics")
    #expect(good.code == 0 && good.text.contains("settings: good"), "\(good.text)")
    let settings = try file("a.yaml", "kafak:\n  group: a\nkafka:\n  grop: x\nredis:\n  url: http://x\n")
    let wrong = run("lint", "--config", settings)
    #expect(wrong.code == ExitCode.settings)
    for said in [
      "a.yaml:1:1: kafak: unknown option; did you mean kafka?",
      "a.yaml:4:3: kafka.grop: unknown option; did you mean kafka.group?",
    ] { #expect(wrong.text.contains(said), "\(wrong.text)") }
    let mapping = try file(
      "b.yaml",
      "inputs:\n  - {topic: a, emit: watcch}\n  - {topic: b, emit: watch}\n  - {topic: c, emit: watch, fields: 3}\n")
    let mapped = run("lint", "--config", mapping)
    #expect(mapped.code == ExitCode.settings)
    #expect(mapped.text.contains("b.yaml:2: ") && mapped.text.contains("b.yaml:4: "), "\(mapped.text)")
    let topics = scratch.path + "/topics"
    try FileManager.default.createDirectory(atPath: topics, withIntermediateDirectories: false)
    try scratch.write("topics/x.json", "{\"partitions\":")
    let declared = run("lint", "--dir", topics)
    #expect(declared.code == ExitCode.settings && declared.text.contains("x.json"), "\(declared.text)")
  }

  @Test func `try prints for each record the event, or the reason it would be none`() throws {
    let mapping = try file("m.yaml", "inputs:\n  - {topic: w, emit: watch}\n")
    let sample = try file(
      "s.jsonl",
      """
      {"event_id":"e","timestamp":1795230000000,"user_id":"u","content_id":"c","completion_rate":0.5}
      not json
      {"event_id":"f","timestamp":1795230000000,"content_id":"c","completion_rate":0.5}

      """)
    let said = run("try", "--mapping", mapping, "--sample", sample)
    let lines = said.text.split(separator: "\n").map(String.init)
    #expect(said.code == ExitCode.failed && lines.count == 4, "\(said.text)")
    #expect(lines[0].contains(#""kind":"watch","user_id":"u","content_id":"c""#), "\(lines[0])")
    #expect(lines[1].contains(#""dead_letter":"bad_json""#) && lines[1].contains("not json"), "\(lines[1])")
    #expect(lines[2].contains(#""dead_letter":"missing_field","field":"user_id""#), "\(lines[2])")
    #expect(lines[3] == "thalweg: 2 of 3 records would be dead letters")
    let piped = Spawned.run(
      "sh", ["-c", "head -1 '\(sample)' | '\(Child.program)' try --mapping '\(mapping)' --sample -"])
    #expect(piped.code == 0 && piped.text == lines[0], "\(piped.text)")
  }

  @Test(arguments: [
    (["try", "--sample", "/"], ExitCode.data, "/ cannot be read: Is a directory"),
    (["try", "--sample", "/nowhere"], ExitCode.data, "/nowhere cannot be read: No such file or directory"),
    (["try"], ExitCode.misuse, "try needs --sample FILE or --from-topic TOPIC"),
    (
      ["try", "--sample", "/dev/null", "--topic", "x"], ExitCode.misuse,
      "the mapping has no input x; it has events.watch"
    ),
    (["check", "stories", "/"], ExitCode.data, "/ cannot be read: Is a directory"),
    (["lag", "--set", "kafka.brokers=127.0.0.1:1"], ExitCode.unavailable, "check kafka.brokers"),
    (["alerts", "tail", "-o", "x"], ExitCode.misuse, "--offset takes beginning, end"),
    (["config", "check", "--set", "redis.url=http://x"], ExitCode.settings, "--set redis.url: begins with http://"),
    (["state", "backup", "/tmp/b", "--set", "state_dir=/nowhere"], ExitCode.failed, "there is no state in /nowhere"),
    (["top", "--url", "http://127.0.0.1:1"], ExitCode.unavailable, "no worker at 127.0.0.1:1"),
  ])
  func `a wrong word ends with its code and one sentence`(words: [String], code: Int32, says: String) {
    let said = Spawned.run(Child.program, words)
    #expect(said.code == code, "\(said.text)")
    #expect(said.text.contains(says) && !said.text.contains("\n\n"), "\(said.text)")
  }
}

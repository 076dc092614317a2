import Foundation
import JSON
import Options
import Testing

@testable import App

/// The stories, as records through the whole pipeline, read back from the store.
@Suite struct StoryCheckTests {
  private func stories() throws -> [JSONValue] {
    let json = try JSONValue(parsing: Array(Data(contentsOf: URL(fileURLWithPath: Places.stories))))
    return json["stories"]?.array ?? []
  }

  private func story(_ id: String) throws -> JSONValue {
    try #require(try stories().first { $0["id"]?.string == id })
  }

  /// The story with one expected value of its first step replaced.
  private func altering(_ story: JSONValue, _ key: String, _ feature: String, _ value: JSONValue) -> JSONValue {
    .object(
      (story.object ?? []).map { member in
        guard member.key == "expect" else { return member }
        return .init(
          "expect",
          .object(
            (member.value.object ?? []).map { row in
              guard row.key == key else { return row }
              return .init(
                key, .object((row.value.object ?? []).map { $0.key == feature ? .init(feature, value) : $0 }))
            }))
      })
  }

  @Test func `every story reads back as written`() throws {
    let all = try stories()
    #expect(all.count == 37)
    for story in all {
      let id = story["id"]?.string ?? ""
      var runner = StoryRunner()
      _ = try runner.run(story)
      #expect(runner.compared > 0, "\(id) compares nothing")
      for difference in runner.differences {
        Issue.record("\(id) step \(difference.step) \(difference.key) \(difference.feature): \(difference.text)")
      }
    }
  }

  /// The first numeric feature that a story expects.
  private func someNumber(_ story: JSONValue) throws -> (key: String, feature: String, value: Int64) {
    for row in story["expect"]?.object ?? [] {
      for feature in row.value.object ?? [] {
        if let value = feature.value.int64, row.key.hasPrefix("content:") || row.key.hasPrefix("user:") {
          return (row.key, feature.key, value)
        }
      }
    }
    throw Failure(1, "no number is expected")
  }

  @Test func `an altered expected value is named with story, step, key and feature`() throws {
    let original = try story("T1")
    let (key, feature, value) = try someNumber(original)
    var runner = StoryRunner()
    _ = try runner.run(altering(original, key, feature, .integer(value + 1)))
    try #require(runner.differences.count == 1)
    let difference = runner.differences[0]
    #expect(difference.story == "T1" && difference.step == 0 && difference.key == key && difference.feature == feature)
    #expect(difference.text.contains("\(value + 1)") && difference.text.contains("\(value)"))
  }

  @Test func `a question mark is read back and not compared`() throws {
    let original = try story("T1")
    let (key, feature, value) = try someNumber(original)
    var runner = StoryRunner()
    let read = try runner.run(altering(original, key, feature, .string("?")))
    #expect(runner.differences.isEmpty)
    #expect(read["expect"]?[key]?[feature]?.int64 == value)
  }

  @Test func `what --write writes is the file again with what was read, and holds against itself`() throws {
    let scratch = Places.Scratch()
    let ids: Set<String> = ["T1", "T2", "T9", "T20"]
    let chosen = try stories().filter { ids.contains($0["id"]?.string ?? "") }
    let (key, feature, value) = try someNumber(chosen[0])
    let altered = [altering(chosen[0], key, feature, .integer(value + 1))] + chosen.dropFirst()
    let file = JSONValue.object([.init("conventions", .string("kept")), .init("stories", .array(Array(altered)))])
    try scratch.write("in.json", file.text())

    let first = try runVerb(["check", "stories", scratch.path + "/in.json", "--write", scratch.path + "/out.json"])
    #expect(first.error.exitCode == ExitCode.failed)
    #expect(first.text.contains("\(chosen[0]["id"]?.string ?? "") step 0 \(key) \(feature): "))

    let written = try JSONValue(parsing: Array(scratch.read("out.json").utf8))
    #expect(written.object?.map(\.key) == ["conventions", "stories"])
    #expect(written["stories"]?[0]?["expect"]?[key]?[feature]?.int64 == value)
    for (before, after) in zip(altered, written["stories"]?.array ?? []) {
      #expect(before.object?.map(\.key) == after.object?.map(\.key))
      #expect(before["events"] == after["events"])
      #expect(before["expect"]?.object?.map(\.key) == after["expect"]?.object?.map(\.key))
    }
    let second = try runVerb(["check", "stories", scratch.path + "/out.json"])
    #expect(second.error.exitCode == 0, "\(second.text)")
  }

  @Test func `a file that is no JSON is refused in one line`() throws {
    let scratch = Places.Scratch()
    try scratch.write("in.json", "{\"stories\": [")
    let run = try runVerb(["check", "stories", scratch.path + "/in.json"])
    #expect(run.error.exitCode == ExitCode.data)
  }
}

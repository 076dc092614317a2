import Foundation
import Options
import Testing

@testable import App

/// Recorded rows through broker, worker and store, compared with what must follow.
@Suite(.serialized) struct StreamCheckTests {
  /// A made-up folder: three viewers, three titles, values worked out by hand below.
  private func folder() throws -> Places.Scratch {
    let scratch = Places.Scratch()
    try scratch.write(
      "params.json",
      """
      {"input": {"file": "rows.csv", "user_id": "{who}", "record_timestamp": {"column": "at", "unit": "s"}},
       "emit": [
         {"kind": "click", "when": {"column": "clicked", "eq": "1"}, "event_id": "c-{seq}", "content_id": "{what}"},
         {"kind": "rate", "event_id": "r-{seq}", "content_id": "{what}", "rating": {"column": "stars"}}],
       "catalog": {"one_per": "{what}", "title": "{what}", "genres": {"column": "kind", "split": "|"}},
       "settings": {"trust.preset": "v2", "affinity.signal": "rate", "affinity.decay": 0.5},
       "compare": {
         "titles.csv": {"kind": "content", "key": "title", "columns": {
           "n": ["rating_count", 0], "mean": ["avg_rating", 1e-6], "clicks": ["clicks", 0]}},
         "people.csv": {"kind": "user", "key": "person", "columns": {
           "events": ["n", 0], "ema_*": ["affinity.*", 2e-6]}}}}
      """)
    // 1795230000 = 2026-11-21 03:00:00 UTC.
    try scratch.write(
      "rows.csv",
      """
      seq,at,who,what,kind,stars,clicked
      1,1795230000,ann,moon,drama,5,1
      2,1795230060,ann,tide,drama|comedy,1,0
      3,1795230120,bob,moon,drama,3,1
      4,1795230180,cyd,salt,comedy,2,0
      5,1795230240,ann,salt,comedy,5,0
      """)
    // moon: 5 and 3; tide: 1; salt: 2 and 5. A click counts once.
    try scratch.write("titles.csv", "title,n,mean,clicks\nmoon,2,4,2\ntide,1,1,0\nsalt,2,3.5,0\n")
    // e = (stars - 1) / 4, ema = 0.5 ema + 0.5 e. ann: drama 0.5 then 0.25; comedy 0 then 0.5. n counts clicks too.
    try scratch.write("people.csv", "person,events,ema_drama,ema_comedy\nann,4,0.25,0.5\nbob,2,0.25,\ncyd,1,,0.125\n")
    return scratch
  }

  private func check(_ path: String, write: String = "") throws -> (text: String, code: Int32) {
    let run = try runVerb(["check", "stream", "--data", path] + (write.isEmpty ? [] : ["--write", write]))
    if run.error.exitCode > 1 { Issue.record("\(run.error!)") }
    return (run.text, run.error.exitCode)
  }

  @Test func `rows worked out by hand follow, every column is told with n and its worst row`() throws {
    let scratch = try folder()
    let (text, code) = try check(scratch.path, write: scratch.path + "/read")
    #expect(code == 0, "\(text)")
    for column in ["titles.csv n: n 3", "titles.csv mean: n 3", "titles.csv clicks: n 3", "people.csv events: n 3"] {
      #expect(text.contains(column), "\(text)")
    }
    #expect(text.contains("people.csv ema_drama: n 3") && text.contains("people.csv ema_comedy: n 3"))
    // Written in the layout of the expected files: put in their place they hold.
    for name in ["titles.csv", "people.csv"] {
      let read = try scratch.read("read/" + name)
      #expect(
        read.split(separator: "\n")[0].split(separator: ",").sorted()
          == (try scratch.read(name)).split(separator: "\n")[0].split(separator: ",").sorted())
      try scratch.write(name, read)
    }
    #expect(try check(scratch.path).code == 0)
  }

  @Test(arguments: [
    ("titles.csv", "moon,2,4,2\n", "", "1 surplus [\"moon\"]"),
    ("titles.csv", "salt,2,3.5,0\n", "salt,2,3.5,0\nghost,1,4,0\n", "1 rows missing [\"ghost\"]"),
    ("titles.csv", "moon,2,4,2\n", "moon,2,4.00001,2\n", "mean: n 3"),
    ("titles.csv", "moon,2,4,2\n", "moon,2,4,3\n", "clicks: n 3"),
    ("people.csv", "cyd,1,,0.125\n", "cyd,1,,0.12501\n", "ema_comedy: n 3"),
    ("people.csv", "bob,2,0.25,\n", "", "1 surplus [\"bob\"]"),
  ])
  func `a missing row, a surplus row and an altered value each fail`(
    file: String, from: String, to: String, said: String
  ) throws {
    let scratch = try folder()
    let altered = try scratch.read(file).replacingOccurrences(of: from, with: to)
    try scratch.write(file, altered)
    let (text, code) = try check(scratch.path)
    #expect(code == 1)
    let line = text.split(separator: "\n").first { $0.contains(said) }
    #expect(line != nil, "\(text)")
    if said.contains(": n ") { #expect(line?.contains("ABOVE") == true) }
  }

  @Test func `an expected file that is not there is written and not compared`() throws {
    let scratch = try folder()
    try FileManager.default.removeItem(atPath: scratch.path + "/people.csv")
    let (text, code) = try check(scratch.path, write: scratch.path + "/read")
    #expect(code == 0 && text.contains("people.csv: not in the folder, not compared; 3 rows read"), "\(text)")
    #expect(try scratch.read("read/people.csv").contains("ann"))
  }

  @Test(
    .timeLimit(.minutes(10)), arguments: ["kuairand-watch", "ml100k"])
  func `recorded folders follow`(name: String) throws {
    let path = Places.shared + "/data/" + name
    guard Places.has(path) else {
      print("skipped: \(path) is not on this machine")
      return
    }
    let (text, code) = try check(path)
    #expect(code == 0, "\(text)")
  }
}

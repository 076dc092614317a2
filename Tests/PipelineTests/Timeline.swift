import Ports

@testable import MemoryPort

/// A made-up stretch of traffic: 2,000 events over three hours, on every topic, with what goes wrong in real ones.
///
/// Made of numbers alone, so that every run sees the same bytes. Phases are produced one after another, each only
/// when the one before has been folded: what takes effect at a turn's start (a catalog row) then does so at the
/// same place in every run.
struct Timeline {
  struct Line {
    var topic: String
    var partition: Int32
    var key: String
    var value: String
    var time: Int64
  }
  struct Phase {
    var lines: [Line] = []
    /// Where the wall clock stands when it is produced, unix ms.
    var wall: Int64
  }
  /// 2026-11-02 02:30 UTC: the sweep at 04:00 lies in the middle.
  static let start: Int64 = 1_793_586_600_000
  static let stepMs: Int64 = 5000
  static let titles = 24
  static let topics = [
    "content.catalog", "content.source", "control", "decisions", "events.availability", "events.click",
    "events.impression", "events.interaction", "events.preference", "events.rate", "events.search", "events.watch",
    "user-interactions",
  ]
  var phases: [Phase] = []

  /// - Parameter copies: How often every event is sent, one after another.
  init(events: Int = 2000, copies: Int = 1, hasIdle: Bool = true, hasFaults: Bool = true) {
    phases.append(Phase(lines: Self.catalog, wall: Self.start - 60_000))
    let perPhase = max(1, events / 8)
    var wall = Self.start
    for first in stride(from: 0, to: events, by: perPhase) {
      if first == perPhase * 5 { phases.append(Phase(lines: Self.catalogChange(hasFaults), wall: wall)) }
      var phase = Phase(wall: wall)
      for i in first..<min(events, first + perPhase) {
        let line = Self.event(i, time: wall + Int64(i - first) * Self.stepMs)
        for _ in 0..<copies { phase.lines.append(line) }
        if hasFaults, i % 97 == 13 { phase.lines.append(Self.garbage(i, line)) }
        if hasFaults, i % 50 == 7 { phase.lines.append(line) }
      }
      wall += Int64(perPhase) * Self.stepMs
      phase.wall = wall
      phases.append(phase)
      if hasIdle, first == perPhase * 2 || first == perPhase * 7 {
        wall += first == perPhase * 2 ? 45 * 60_000 : 22 * 60_000
        phases.append(Phase(wall: wall))
      }
      wall += 60_000
    }
  }

  init(phases: [Phase]) { self.phases = phases }

  func produce(_ phase: Int, to log: MemorySource) {
    for line in phases[phase].lines {
      log.append(
        line.topic, line.partition, key: Array(line.key.utf8), value: line.value.isEmpty ? nil : Array(line.value.utf8),
        timestamp: line.time)
    }
  }

  static let poison = "{]"

  /// Every second record is garbage.
  func poisoned() -> Timeline {
    var copy = self
    for phase in phases.indices.dropFirst() {
      copy.phases[phase].lines = phases[phase].lines.flatMap { line in
        var garbage = line
        garbage.value = Self.poison
        return line.topic == "content.catalog" ? [line] : [garbage, line]
      }
    }
    return copy
  }

  /// The same traffic on a machine whose clock is off.
  func withWall(offset: Int64) -> Timeline {
    var copy = self
    for phase in phases.indices { copy.phases[phase].wall += offset }
    return copy
  }

  private static func envelope(_ schema: String, _ id: String, _ time: Int64, _ rest: String) -> String {
    #"{"schema":"\#(schema)","event_id":"\#(id)","timestamp":\#(time),\#(rest)}"#
  }

  private static func title(_ n: Int, _ time: Int64, version: Int = 0) -> Line {
    let genres = [["drama", "comedy"], ["action"], ["comedy"], ["documentary", "drama"]][(n + version) % 4]
    let numbers = (0..<8).map { Double((n * 7 + $0 * 3 + version) % 11) / 11 - 0.4 }
    let row =
      #""content_id":"t\#(n)","title":"Title \#(n)","content_type":"movie","year":\#(1990 + n),"runtime_minutes":90,"#
      + #""platforms":["netflix"],"genres":[\#(genres.map { "\"\($0)\"" }.joined(separator: ","))],"#
      + #""embedding":[\#(numbers.map { "\($0)" }.joined(separator: ","))]"#
    return Line(
      topic: "content.catalog", partition: Int32(n % 3), key: "t\(n)",
      value: envelope("catalog/1", "k\(n)-\(version)", time, row), time: time)
  }

  private static var catalog: [Line] {
    let time = start - 86_400_000
    var lines = (0..<titles).map { title($0, time) }
    lines.append(Line(topic: "content.catalog", partition: 1, key: "bad", value: "{not json", time: time))
    lines.append(
      Line(
        topic: "content.source", partition: 0, key: "netflix",
        value: envelope("source/1", "s1", time, #""source_id":"netflix","uptime":0.97"#), time: time))
    return lines
  }

  private static func catalogChange(_ hasFaults: Bool) -> [Line] {
    let time = start + 4_000_000
    var lines = [title(3, time, version: 1), title(titles, time), title(5, time, version: 2)]
    lines.append(Line(topic: "content.catalog", partition: 1, key: "t7", value: "", time: time))
    if hasFaults {
      lines.append(
        Line(topic: "content.catalog", partition: 2, key: "t8", value: #"{"schema":"catalog/9"}"#, time: time))
    }
    return lines
  }

  private static func garbage(_ i: Int, _ near: Line) -> Line {
    let values = [
      "{\"schema\":", #"{"schema":"watch/1","event_id":"g\#(i)"}"#, "[]",
      envelope("rate/1", "g\(i)", near.time, #""user_id":"u1","content_id":"t1","rating":11"#),
    ]
    return Line(
      topic: "events.rate", partition: Int32(i % 3), key: "g", value: values[i / 97 % 4], time: near.time)
  }

  private static func event(_ i: Int, time: Int64) -> Line {
    // The first viewers leave after a quarter and fall idle; two titles are clicked less and less.
    let viewer = i < 500 ? (i * 7 + i / 20 * 13) % 40 : 10 + (i * 7 + i / 20 * 13) % 30
    let content = (i * 11 + i / 26 * 5) % 26
    let user = #""user_id":"u\#(viewer)""#
    let both = user + #","content_id":"t\#(content)""#
    let late = i % 31 == 5 ? time - 120_000 : time
    func line(_ topic: String, _ schema: String, _ rest: String, key: String? = nil) -> Line {
      Line(
        topic: topic, partition: Int32((key ?? "u\(viewer)").utf8.reduce(0) { ($0 &* 31 &+ Int($1)) % 3 }),
        key: key ?? "u\(viewer)", value: envelope(schema, "e\(i)", late, rest), time: time)
    }
    switch i % 20 {
    case 0, 1, 2, 3, 4, 5, 6:
      let shown = (0..<4).map {
        #"{"content_id":"t\#((content + $0) % 26)","position":\#($0 + 1),"explored":\#($0 == 3)}"#
      }
      return line(
        "events.impression", "impression/1",
        user + #","decision_id":"d\#(i)","items":[\#(shown.joined(separator: ","))]"#)
    case 7, 8, 9, 10:
      guard i < 700 || i > 1500 else { return line("events.search", "search/1", user + #","query":"q\#(i % 9)""#) }
      return line("events.click", "click/1", both + #","decision_id":"d\#(i - 7)","position":1"#)
    case 11, 12, 13:
      return line(
        "events.watch", "watch/1", both + #","duration_seconds":\#(600 + i % 50 * 100),"context":{"device":"tv"}"#)
    case 14: return line("events.rate", "rate/1", both + #","rating":\#(1 + i / 20 % 5)"#)
    case 15:
      let action = ["like", "favorite", "share", "block", "dislike", "correction"][i / 20 % 6]
      return line("events.interaction", "interaction/1", both + #","action":"\#(action)""#)
    case 16:
      return line("events.preference", "preference/1", user + #","device_id":"x","genre_scores":{"drama":0.\#(i % 9)}"#)
    case 17:
      return line(
        "events.availability", "availability/1",
        both + #","available":\#(i / 20 % 3 != 0),"source":"user","platform":"netflix""#, key: "t\(content)")
    case 18:
      return line(
        "decisions", "decision/1",
        user
          + #","decision_id":"d\#(i)","policy":"p","model_version":"1","items":[{"content_id":"t\#(content)","position":1,"propensity":0.5}]"#
      )
    default:
      let value = #"{"event_id":"e\#(i)","timestamp":\#(late),\#(both),"action":"watch_partial","completion_rate":0.4}"#
      return Line(topic: "user-interactions", partition: Int32(i % 3), key: "u\(viewer)", value: value, time: time)
    }
  }
}

import JSON
import Testing

@testable import Events

@Suite struct EnvelopeTests {
  @Test func `a watch carries all it says`() {
    var bench = Bench()
    let outcome = bench.decode(
      "events.watch",
      #"{"schema":"watch/1","event_id":"w-01","timestamp":1795219200000,"user_id":"u-42","content_id":"tt0468569","session_id":"s-9","decision_id":"d-7","position":1,"device":"tv","platform":"Netflix","duration_seconds":5400,"total_duration_seconds":9120,"completed":false,"pause_count":1,"ended_by_user":true,"quality":"4K","tz_offset_minutes":-60,"liked":true,"favorited":false,"phase":"stop","time_to_feedback_ms":4000.7,"context":{"viewing_companions":"family","mood":"light","session":{"position":4}}}"#,
      key: "u-42", timestamp: 1_795_219_201_000)
    #expect(outcome.summary == "events 1")
    let event = bench.last
    #expect(event.kind == .watch)
    #expect((bench.viewer(event), bench.title(event)) == ("u-42", "tt0468569"))
    #expect((event.time, event.recordTime, event.offset) == (1_795_219_200_000, 1_795_219_201_000, 7))
    #expect((event.source, event.line, event.position) == (3, 0, 1))
    #expect((event.duration, event.total, event.rate.isNaN) == (5400, 9120, true))
    #expect((event.pauseCount, event.tzMinutes, event.timeToFeedback) == (1, -60, 4000))
    #expect((event.device, event.mood, event.companions, event.sessionPosition) == (.tv, 1, 2, 4))
    #expect(bench.ids.symbols[event.platform] == "netflix")
    #expect(
      event.flags == [.completedSet, .endedByUser, .likedSet, .liked, .favoritedSet])
    #expect(event.idHash == Array("w-01".utf8).withUnsafeBytes { IDTable.hash($0) })
    #expect(event.decisionHash == Array("d-7".utf8).withUnsafeBytes { IDTable.hash($0) })
    #expect(bench.payload(.eventID) == Array("w-01".utf8))
    #expect(bench.payload(.decisionID) == Array("d-7".utf8))
  }

  @Test func `what is absent stays at its mark`() {
    var bench = Bench()
    #expect(bench.decode("events.click", ReasonTests.click()).summary == "events 1")
    let event = bench.last
    #expect((event.position, event.tzMinutes, event.timeToFeedback, event.sessionPosition) == (0, .min, -1, -1))
    #expect((event.device, event.platform, event.mood, event.decisionHash) == (.unset, 0, 0, 0))
    #expect((event.payloadCount, event.recordTime, event.flags) == (0, -1, []))
  }

  @Test(arguments: [
    (#""device":"toaster""#, EventFlags.unknownDevice), (#""device":"tablet""#, .unknownDevice),
    (#""device":"other""#, EventFlags()),
    (#""mood_ring":"green""#, .unknownFields), (#""context":{"mood":"odd","weather":"wet"}"#, .unknownContext),
    (#""user\u005fid":"u1""#, EventFlags()),
    (#""surface":"home","experiment":{"variant":"a"}"#, EventFlags()),
  ])
  func `what is odd is counted by a flag`(member: String, flags: EventFlags) {
    var bench = Bench()
    let value = String(ReasonTests.click().dropLast()) + "," + member + "}"
    #expect(bench.decode("events.click", value, key: "u1").summary == "events 1")
    #expect(bench.last.flags == flags)
  }

  @Test func `another key is counted, on content topics against the title`() {
    var bench = Bench()
    _ = bench.decode("events.click", ReasonTests.click(), key: "other")
    #expect(bench.last.flags == .keyMismatch)
    let vote =
      #"{"schema":"availability/1","event_id":"a","timestamp":1,"content_id":"c","available":true,"user_id":"u"}"#
    _ = bench.decode("events.availability", vote, key: "c")
    #expect(bench.last.flags == .available)
    _ = bench.decode("events.availability", vote, key: "u")
    #expect(bench.last.flags == [.available, .keyMismatch])
  }

  @Test(arguments: [(0, false), (300_000, false), (300_001, true), (9_000_000, true)])
  func `a time ahead is pulled back to five minutes`(ahead: Int64, clamped: Bool) {
    var bench = Bench()
    let time: Int64 = 1_795_219_200_000
    _ = bench.decode("events.click", ReasonTests.click(), timestamp: time - ahead)
    #expect(bench.last.time == (clamped ? time - ahead + 300_000 : time))
    #expect(bench.last.flags.contains(.future) == clamped)
  }

  @Test(arguments: [
    ("5", "", 10), ("1", "", 2), ("4.5", "", 9), ("4.24", "", 8), ("4.25", "", 9), ("2.75", "", 6),
    ("1", #","scale":10"#, 2), ("10", #","scale":10"#, 10), ("5.5", #","scale":10"#, 6), ("4", #","scale":10"#, 5),
  ])
  func `a rating becomes half stars, ties up`(rating: String, scale: String, half: Double) {
    var bench = Bench()
    _ = bench.decode(
      "events.rate",
      #"{"schema":"rate/1","event_id":"r","timestamp":1,"user_id":"u","content_id":"c","rating":\#(rating)\#(scale)}"#)
    #expect(bench.last.rate == half)
  }

  @Test(arguments: [(0.55, false), (0.5501, true), (0.45, false), (0.4, true)])
  func `a rate that differs by more than 0.05 from the durations is counted`(rate: Double, differs: Bool) {
    var bench = Bench()
    _ = bench.decode("events.watch", ReasonTests.watch([("completion_rate", .number(rate))]))
    #expect(bench.last.flags.contains(.inconsistentCompletion) == differs)
  }

  @Test func `a watch told as an interaction is a watch`() {
    var bench = Bench()
    _ = bench.decode("events.interaction", ReasonTests.act([("action", "watch_complete")]))
    #expect(bench.last.kind == .watch)
    #expect(bench.last.flags == [.fromInteraction, .completedSet, .completed])
    #expect(bench.last.action == .watchComplete)
    _ = bench.decode(
      "user-interactions",
      #"{"user_id":"u","content_id":"c","action":"watch_partial","completion_rate":0.37,"timestamp":1}"#)
    #expect((bench.last.kind, bench.last.action, bench.last.rate) == (.watch, .watchPartial, 0.37))
    #expect(bench.last.idHash == Array("user-interactions:2:7".utf8).withUnsafeBytes { IDTable.hash($0) })
    _ = bench.decode("events.interaction", ReasonTests.act([("action", "block"), ("undo", true)]))
    #expect((bench.last.kind, bench.last.action, bench.last.flags) == (.interaction, .block, .undo))
  }

  @Test func `an impression keeps its items, its policy and its ids`() {
    var bench = Bench()
    let outcome = bench.decode(
      "events.impression",
      #"{"schema":"impression/1","event_id":"i-01","timestamp":1795219186000,"user_id":"u-42","decision_id":"d-7","policy":"lin\"ucb","model_version":17,"items":[{"content_id":"a\u0062","position":1,"score":0.5,"strategy":"x","explored":false,"propensity":0.25,"features":[1,2]},{"position":3,"content_id":"cd","explored":true}]}"#
    )
    #expect(outcome.summary == "events 1")
    let items = bench.items
    #expect(items.map { bench.ids.titles.text($0.title) } == ["ab", "cd"])
    #expect(items.map(\.position) == [1, 3])
    #expect(items.map(\.explored) == [false, true])
    #expect((items[0].propensity, items[0].score) == (0.25, 0.5))
    #expect(items[1].propensity.isNaN)
    #expect(bench.payload(.policy) == Array(#"{"policy":"lin\"ucb","model_version":17}"#.utf8))
  }

  @Test func `a decision keeps vectors, op and context`() throws {
    var bench = Bench()
    _ = bench.decode(
      "decisions",
      #"{"schema":"decision/1","decision_id":"d","user_id":"u","timestamp":1,"policy":"p","deferred":true,"context":{"device_type":"tv"},"items":[{"content_id":"a","position":1,"propensity":0.5},{"content_id":"b","position":null}],"x":"AQACAAMABAA=","x_scale":0.5}"#
    )
    #expect((bench.last.kind, bench.last.device) == (.decision, .tv))
    #expect(bench.items.map(\.position) == [1, 0])
    #expect(bench.payload(.features) == [0, 0, 0, 0x3f, 1, 0, 2, 0, 3, 0, 4, 0])
    #expect(bench.payload(.policy) == Array(#"{"policy":"p","deferred":true,"context":{"device_type":"tv"}}"#.utf8))
    #expect(bench.payload(.eventID) == Array("decisions:2:7".utf8))
    _ = bench.decode(
      "decisions", #"{"schema":"decision/1","decision_id":"d","user_id":"u","timestamp":1,"op":"cancel"}"#)
    #expect(bench.items.isEmpty)
    #expect(bench.payload(.policy) == Array(#"{"op":"cancel"}"#.utf8))
  }

  @Test func `availability, search, preference and erase`() {
    var bench = Bench()
    _ = bench.decode(
      "events.availability",
      #"{"schema":"availability/1","event_id":"a","timestamp":5,"content_id":"c","available":false,"source":"checker","checked_at":"1970-01-01T00:00:04Z","deep_link_validated":true}"#
    )
    #expect(bench.last.flags == [.checker, .deepLinkSet, .deepLink])
    #expect(bench.last.duration == 4000)
    #expect(bench.payload(.voter) == Array("checker".utf8))
    _ = bench.decode(
      "events.search",
      #"{"schema":"search/1","event_id":"a","timestamp":1,"user_id":"u","query":"d\u00e9j\u00e0","results_shown":["a"],"results_clicked":[{"content_id":"b","position":2}]}"#
    )
    #expect(bench.last.flags == .clickedNotShown)
    #expect(bench.payload(.query) == Array("d\u{e9}j\u{e0}".utf8))
    let preference =
      #"{"schema":"preference/1","event_id":"a","timestamp":1,"user_id":"u","device_id":"d","genre_scores":{"drama":0.5}}"#
    _ = bench.decode("events.preference", preference)
    #expect(bench.payload(.preference) == Array(preference.utf8))
    _ = bench.decode("control", #"{"schema":"control/1","event_id":"a","timestamp":1,"user_id":"u","op":"erase"}"#)
    #expect((bench.last.kind, bench.viewer(bench.last)) == (.erase, "u"))
  }

  @Test func `catalog and source rows`() {
    var bench = Bench()
    let outcome = bench.decode(
      "content.catalog",
      #"{"schema":"catalog/1","event_id":"k","timestamp":10,"content_id":"c","title":"T\u00e9","content_type":"movie","year":2008,"genres":["Drama","science fiction","drama"],"runtime_minutes":90,"platforms":["Netflix"],"embedding":[0.6,0.8],"cross_validation_score":0.9,"is_official_source":true}"#
    )
    var row = CatalogRow()
    row.title = "T\u{e9}"
    row.contentType = "movie"
    row.year = 2008
    row.genres = ["drama", "sci-fi"]
    row.runtimeMinutes = 90
    row.platforms = ["netflix"]
    row.embedding = [0.6, 0.8]
    row.crossValidation = 0.9
    row.isOfficial = true
    row.lastUpdated = 10
    guard case .reference(let reference) = outcome else {
      Issue.record("\(outcome)")
      return
    }
    #expect(reference == .title(id: "c", row))
    #expect(bench.decoder.options.embeddingDim == 2)
    guard case .reference(let gone) = bench.decode("content.catalog", nil, key: "c") else {
      Issue.record("kept")
      return
    }
    #expect(gone == .title(id: "c", nil))
    #expect(bench.decode("content.catalog", nil).summary == "missing_field content_id")
    #expect(bench.decode("events.watch", nil, key: "c").summary == "skipped tombstone")
    guard
      case .reference(let source) = bench.decode(
        "content.source", #"{"schema":"source/1","event_id":"s","timestamp":9,"source_id":"netflix","uptime":0.99}"#)
    else {
      Issue.record("no row")
      return
    }
    #expect(source == .source(id: "netflix", SourceRow(uptime: 0.99, official: nil, timestamp: 9)))
  }

  @Test func `the last of two members of one name counts, also inside`() {
    var bench = Bench()
    _ = bench.decode(
      "events.click",
      String(ReasonTests.click().dropLast())
        + #","context":{"mood":"light"},"context":{"viewing_companions":"date"},"user_id":"u2"}"#)
    #expect((bench.last.mood, bench.last.companions) == (0, 3))
    #expect(bench.viewer(bench.last) == "u2")
  }

  @Test func `order and blanks change nothing`() {
    var bench = Bench()
    let plain = ReasonTests.watch()
    _ = bench.decode("events.watch", plain)
    let first = bench.last
    let spaced =
      " {\n\t\"total_duration_seconds\" : 3600 , \"content_id\":\"c1\",\r\"duration_seconds\": 1.8e3,\"user_id\":\"u\\u0031\", \"timestamp\":1795219200000 ,\"event_id\":\"w-1\",\"schema\":\"watch/1\" } \n"
    #expect(bench.decode("events.watch", spaced).summary == "events 1")
    let second = bench.last
    #expect(
      (first.time, first.viewer, first.title, first.idHash) == (second.time, second.viewer, second.title, second.idHash)
    )
    #expect((first.duration, first.total) == (second.duration, second.total))
  }
}

import Events
import Testing

@testable import Learners

/// The rule of decision 37, on streams made by hand.
struct DriftTests {
  static let hour: Int64 = 3_600_000
  static let start: Int64 = 1_794_211_200_000  // a whole hour

  /// Watches of one title, `perBucket` in every five minutes of [from, to), all of one completion.
  static func watch(
    _ worker: StoryWorker, _ completion: (Int) -> Double, from: Int64, to: Int64, perBucket: Int = 20,
    alerts: inout [DriftAlert]
  ) {
    worker.reserve()
    var index = 0
    for bucket in stride(from: from, to: to, by: 300_000) {
      for k in 0..<perBucket {
        var event = Event(kind: .watch)
        event.mergeTime = bucket + Int64(k) * 1000
        event.time = event.mergeTime
        event.title = 0
        var effect = Effect()
        effect.flags = [.folded, .watch]
        effect.completion = completion(index)
        index += 1
        alerts += worker.metrics.advance(to: event.mergeTime, tally: &worker.tally)
        worker.metrics.fold(event, .empty, effect, tally: &worker.tally)
      }
    }
  }

  static func worker(_ change: (inout LearnOptions) -> Void = { _ in }) -> StoryWorker {
    var options = LearnOptions()
    change(&options)
    let worker = StoryWorker(options)
    var row = CatalogRow()
    row.genres = ["drama"]
    _ = worker.catalog.apply(.title(id: "c1", row), ids: worker.ids)
    worker.reserve()
    return worker
  }

  @Test func `a drop fires once per scope at a border and resolves when it is over`() throws {
    let worker = Self.worker()
    var alerts: [DriftAlert] = []
    let broken = Self.start + 10 * Self.hour
    Self.watch(worker, { _ in 0.8 }, from: Self.start, to: broken, alerts: &alerts)
    #expect(alerts.isEmpty)
    Self.watch(worker, { _ in 0.5 }, from: broken, to: broken + 2 * Self.hour, alerts: &alerts)
    #expect(alerts.map(\.state) == [.firing, .firing, .firing])
    #expect(alerts.map(\.scope) == ["content:c1", "genre:drama", "global"])
    // The mean of 12 buckets falls below 0.72 with the fourth of 0.5: (8 x 0.8 + 4 x 0.5) / 12 = 0.7.
    let first = try #require(alerts.first)
    #expect(first.firedAt == broken + 4 * 300_000 && first.time == first.firedAt)
    #expect(first.alertID == "relative:content:c1:completion_rate:\(first.firedAt)")
    #expect(abs(first.current - 0.7) < 1e-6 && abs(first.baseline - 0.8) < 1e-6)
    #expect(abs(first.relative - 0.125) < 1e-6 && first.direction == .degradation && first.severity == "warning")
    #expect(first.currentCount == 240)
    // Whole hours before the hour of (border - 1 h): here 9 of them.
    #expect(first.baselineEnd == Self.start + 9 * Self.hour && first.baselineCount == 9 * 240)
    #expect(first.baselineEnd - first.baselineStart == 167 * Self.hour)
    #expect(first.message == "Performance drift detected in completion_rate of content:c1: 0.7000 vs 0.8000")
    alerts = []
    Self.watch(worker, { _ in 0.8 }, from: broken + 2 * Self.hour, to: broken + 5 * Self.hour, alerts: &alerts)
    #expect(alerts.map(\.state) == [.resolved, .resolved, .resolved])
    #expect(alerts.allSatisfy { $0.reason == .recovered && $0.firedAt == first.firedAt })
    #expect(alerts.map(\.alertID).first == first.alertID)
  }

  @Test func `noise within three standard errors does not fire, and the seed's rule would`() {
    for (sigmas, fires) in [(3.0, false), (0.0, true)] {
      let worker = Self.worker { $0.drift.sigmas = sigmas }
      var alerts: [DriftAlert] = []
      let change = Self.start + 5 * Self.hour
      // Completions of 0 and 1 by turns: a spread of 0.5; then 104 of 240 watches.
      Self.watch(worker, { Double($0 % 2) }, from: Self.start, to: change, alerts: &alerts)
      Self.watch(worker, { $0 % 7 < 3 ? 1 : 0 }, from: change, to: change + Self.hour + 300_001, alerts: &alerts)
      #expect(alerts.isEmpty != fires)
    }
  }

  @Test func `an alert that cannot be judged for a day resolves at that border`() throws {
    let worker = Self.worker()
    var alerts: [DriftAlert] = []
    let broken = Self.start + 5 * Self.hour
    Self.watch(worker, { _ in 0.8 }, from: Self.start, to: broken, alerts: &alerts)
    Self.watch(worker, { _ in 0.2 }, from: broken, to: broken + Self.hour, alerts: &alerts)
    alerts = worker.metrics.advance(to: broken + 200 * Self.hour, tally: &worker.tally)
    #expect(alerts.map(\.reason) == [.unjudged, .unjudged, .unjudged])
    // Last judged with 200 watches left in the window: ten buckets, two borders after the last event's.
    #expect(alerts.first?.time == broken + Self.hour + 2 * 300_000 + 24 * Self.hour)
  }

  @Test func `one jump over many borders gives what single steps give`() {
    var results: [[DriftAlert]] = []
    for step in [300_000, 40 * Self.hour] {
      let worker = Self.worker()
      var alerts: [DriftAlert] = []
      let broken = Self.start + 5 * Self.hour
      Self.watch(worker, { _ in 0.8 }, from: Self.start, to: broken, alerts: &alerts)
      Self.watch(worker, { _ in 0.2 }, from: broken, to: broken + Self.hour, alerts: &alerts)
      var time = broken + Self.hour
      while time < broken + 80 * Self.hour {
        time += step
        alerts += worker.metrics.advance(to: time + 1, tally: &worker.tally)
      }
      #expect(worker.metrics.nextBoundary! > time)
      results.append(alerts)
    }
    #expect(results[0] == results[1] && results[0].count == 6)
  }

  @Test func `under the byte bound the title untouched for longest leaves and is counted`() {
    let worker = Self.worker { $0.drift.maxBytes = 3 * 230 }
    for id in ["c2", "c3", "c4", "c5", "c6"] { _ = worker.ids.titles.slot(id) }
    worker.reserve()
    for (index, title) in [0, 1, 2, 3, 0, 4].enumerated() {
      var event = Event(kind: .rate)
      event.mergeTime = Self.start + Int64(index)
      event.title = UInt32(title)
      event.rate = 8
      var effect = Effect()
      effect.flags = .folded
      worker.metrics.fold(event, .empty, effect, tally: &worker.tally)
    }
    #expect(worker.metrics.byteCount <= 3 * 230)
    #expect(worker.tally[.driftEvicted] > 0)
    #expect(worker.metrics.titles[4] != .max && worker.metrics.titles[1] == .max)
  }

  @Test func `click-through counts clicks and impressions within the caps`() {
    let worker = Self.worker()
    var alerts: [DriftAlert] = []
    for index in 0..<2_000 {
      let time = Self.start + Int64(index) * 5_000
      alerts += worker.metrics.advance(to: time, tally: &worker.tally)
      var event = Event(kind: .impression)
      event.mergeTime = time
      var item = ShownItem(title: 0, position: 1, explored: false)
      item.counted = true
      var bytes: [UInt8] = []
      var raw = [UInt8](repeating: 0, count: ShownItem.byteCount)
      raw.withUnsafeMutableBytes { item.write(to: $0.baseAddress!) }
      bytes.appendField(.items, raw)
      var effect = Effect()
      effect.flags = .folded
      bytes.withUnsafeMutableBytes { worker.metrics.fold(event, Payload($0), effect, tally: &worker.tally) }
      if index % 4 == 0 {
        event.kind = .click
        event.title = 0
        effect.flags = [.folded, .countedClick]
        worker.metrics.fold(event, .empty, effect, tally: &worker.tally)
      }
    }
    let node = worker.metrics.nodes.row(0).pointee
    var sum = node.series.0.current(0, .max)
    for cell in node.series.0.hours.values { sum += cell }
    #expect(sum.count == 2_000 && sum.sum == 500 && sum.mean(.ctr) == 0.25)
    #expect(alerts.isEmpty)
  }
}

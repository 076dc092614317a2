import App
import Foundation
import Telemetry

/// A worker whose figures move by themselves, with a title that breaks.
final class FakeWorker: StatusProvider {
  static let hostile = "<img src=x onerror=\"document.title='owned'\">"
  let clock = Locked(0)
  let isReady = Locked(true)

  func status(step: Int) -> WorkerStatus {
    var status = WorkerStatus()
    status.version = "0.1.0"
    status.group = "thalweg"
    status.at = 1_795_664_188_250 + Int64(step) * 1000
    status.uptimeS = 7311 + Double(step)
    status.isReady = isReady.withLock { $0 }
    status.state = status.isReady ? "live" : "catching up: 12,345 records"
    status.note = "Demo: the catalog is made up; drift windows are shortened to seconds."
    for (index, name) in ["catalog", "clicks", "impressions", "ratings", "watch"].enumerated() {
      var topic = WorkerStatus.Topic()
      topic.topic = name
      topic.eventsPerS = [0.2, 620, 3100, 88, 1540][index] * (1 + 0.25 * sin(Double(step) / 17 + Double(index)))
      topic.events = [4200, 1_204_000, 9_331_000, 81_233, 3_410_900][index] + step * Int(topic.eventsPerS)
      topic.lag = [0, 3, 41, 0, 12][index] + (step / 40 % 3 == 2 ? 900 * index : 0)
      topic.lagS = Double(topic.lag) / 4000
      status.topics.append(topic)
    }
    status.events = status.topics.reduce(0) { $0 + $1.events }
    status.eventsPerS = status.topics.reduce(0) { $0 + $1.eventsPerS }
    status.freshnessS = 0.021 + 0.01 * sin(Double(step) / 9)
    status.publishP50S = 0.0074
    status.publishP99S = 0.041
    status.viewers = 812_331 + step
    status.titles = 4371
    status.dirtyKeys = 212 + step % 50
    status.checkpoint.count = 1461 + step / 5
    status.checkpoint.ageS = Double(step % 5)
    status.checkpoint.durationS = 0.0312
    status.checkpoint.bytes = 418_332_672
    let names = [
      "The Quiet Delta", "Harbour Lights", "Nine Winters", "Salt Road", "", "Paper Comets", "Under the Weir",
      "Les Étés lents",
    ]
    for (index, name) in names.enumerated() {
      var title = WorkerStatus.Title()
      // One has no name, and an id that would like to be markup.
      title.id = name.isEmpty ? Self.hostile : "v\(1000 + index * 37)"
      title.name = name
      title.trust = 0.94 - Double(index) * 0.021
      title.trend = 318.2 / Double(index + 1) + Double(step % 7)
      title.components = [0.98, 0.91 - Double(index) * 0.02, 0.87, 0.71, 0.6 + Double(index) * 0.04]
      title.evidence = 9120 - index * 977
      status.topTrust.append(title)
    }
    status.topTrend = status.topTrust.sorted { $0.trend > $1.trend }
    status.alertsFired = 2
    status.alertsResolved = 1
    for (index, scope) in ["content:v1037", "genre:documentary"].enumerated() {
      var alert = WorkerStatus.Alert()
      alert.id = "relative:\(scope):completion_rate:1"
      alert.scope = scope
      alert.metric = "completion_rate"
      alert.baseline = 0.71
      alert.current = 0.22 + Double(index) * 0.3
      alert.firedAt = status.at - 94_000
      alert.resolvedAt = index == 0 ? nil : status.at - 4000
      status.alerts.append(alert)
    }
    status.deadLetterCount = 12
    for (reason, field, sample) in [
      ("bad_json", "", "{\"user_id\": \"u1\", <script>alert(1)</script>"),
      ("missing_field", "content_id", "{\"user_id\":\"u99\",\"timestamp\":1795664188250}"),
    ] {
      var letter = WorkerStatus.DeadLetter()
      letter.reason = reason
      letter.field = field
      letter.count = 6
      letter.topic = "watch"
      letter.partition = 2
      letter.offset = 120_331
      letter.sample = sample
      status.deadLetters.append(letter)
    }
    var viewer = WorkerStatus.Viewer()
    viewer.id = "u4711"
    viewer.n = 183 + step / 3
    for (index, name) in ["drama", "documentary", "sci-fi", "comedy", "thriller"].enumerated() {
      var genre = WorkerStatus.Genre()
      genre.name = name
      genre.value = 0.81 / Double(index + 1) + 0.05 * sin(Double(step + index) / 3)
      viewer.affinity.append(genre)
    }
    viewer.sessionCount = 31
    viewer.sessionS = 1240 + Double(step)
    viewer.last = "watched Salt Road to the end"
    status.spotlight = viewer
    return status
  }

  func summary() -> [UInt8] {
    let step = clock.withLock { now in
      now += 1
      return now
    }
    return status(step: step).json()
  }
  func ready() -> (ok: Bool, reason: String) {
    isReady.withLock { $0 ? (true, "") : (false, "catching up: 12,345 records") }
  }
  func lookup(kind: String, id: String) -> [UInt8]? {
    guard kind == "user", id == "u 1/é" || id == "u4711" else { return nil }
    let hours = (0..<24).map { "\"\($0)\":\(max(0, sin(Double($0 - 12) / 24 * 3.14)))" }.joined(separator: ",")
    return Array(
      """
      {"key":"user:\(id)","version":"000001000001000000000012","updated_at":1795664188250,"age_s":1.5,"features":{
      "n":183,"affinity_corrected":{"drama":0.81,"comedy":0.2},"hours":{\(hours)},"weekdays":{"0":0.1,"6":0.9},
      "diversity_tolerance":0.4123456,"session_count":31,"session":{"started":1795664180000,"last":1795664188250}}}
      """.utf8)
  }
}

import Foundation
import Learners
import Options
import Pipeline
import Ports
import Telemetry
import Testing

@testable import App

/// What a worker exports of its models, after it learned in-process.
@Suite(.serialized) struct ModelMetricsTests {
  private static let start: Int64 = 1_795_219_200_000

  /// Series of the exposition by name with labels.
  private static func series(_ records: [OutRecord], _ more: [String]) throws -> [String: Double] {
    let run = try SmallRun(
      topics: [
        "decisions", "events.impression", "events.click", "events.watch", "events.interaction", "content.catalog",
        "decisions.resolved",
      ], more: more)
    var host: WorkerHost?
    try run.fold(records) {
      host = $0
      return true
    }
    let metrics = WorkerMetrics(Metrics(), version: "1", commit: "c", swift: "s")
    var reporter = MetricsReporter(metrics, group: "g", inputs: [])
    let worker = try #require(host).worker
    reporter.report(worker, WorkerStatus())
    reporter.report(worker, WorkerStatus())
    let text = String(decoding: metrics.registry.exposition(), as: UTF8.self)
    return Dictionary(
      uniqueKeysWithValues: text.split(separator: "\n").filter { !$0.hasPrefix("#") }.map { line in
        let space = line.lastIndex(of: " ")!
        return (String(line[..<space]), Double(line[line.index(after: space)...])!)
      })
  }

  @Test func `sums tell their updates, condition and size, and joins their outcomes`() throws {
    let records = (0..<10).flatMap { d -> [OutRecord] in
      let time = Self.start + Int64(d) * 1000
      return [
        OutRecord(
          "decisions", "u\(d)",
          #"{"schema":"decision/1","decision_id":"d\#(d)","user_id":"u\#(d)","timestamp":\#(time),"#
            + #""items":[{"content_id":"a","position":1,"propensity":0.5},{"content_id":"b","position":2,"propensity":1}]}"#,
          at: time),
        OutRecord(
          "events.click", "u\(d)",
          #"{"schema":"click/1","event_id":"c\#(d)","timestamp":\#(time + 500),"user_id":"u\#(d)","content_id":"b","#
            + #""decision_id":"d\#(d)"}"#, at: time + 500),
      ]
    }
    let series = try Self.series(records + [Sample.watch(1, at: Self.start + 400_000)], [])
    let learned = 20.0
    #expect(series[#"thalweg_model_updates_total{policy="titles"}"#] == learned)
    #expect(series[#"thalweg_model_update_errors_total{policy="titles"}"#] == 0)
    #expect(series[#"thalweg_join_total{outcome="joined"}"#] == 10)
    #expect(series[#"thalweg_join_total{outcome="default_reward"}"#] == 10)
    #expect(series[#"thalweg_join_total{outcome="late_reward"}"#] == 0)
    #expect(series[#"thalweg_model_condition{policy="titles"}"#] ?? 0 > 1)
    #expect(series[#"thalweg_model_asymmetry{policy="titles"}"#] == 0)
    #expect(series[#"thalweg_model_solve_failures_total{policy="titles"}"#] == 0)
    #expect(series[#"thalweg_model_rebuilds_total{policy="titles"}"#] == 0)
    #expect(series[#"thalweg_model_bytes{policy="titles"}"#] ?? 0 > 100 * 101 / 2 * 8)
    #expect(series["thalweg_model_snapshots_total"] ?? 0 >= 1)
  }

  @Test func `arms of titles tell theirs, and who gave way`() throws {
    let count = 300
    let records = (0..<count).map {
      Sample.watch($0, user: "u\($0 % 7)", title: "t\($0 % 150)", completion: 0.5, at: Self.start + Int64($0) * 1000)
    }
    let series = try Self.series(
      records,
      [
        "bandit.learn_from=events", "folds=[vector, arms]", "arms.max=64",
        "bandit.layout=[bias, previous_reward, daypart]",
      ])
    let arms = try #require(series[#"thalweg_model_arms{policy="arms"}"#])
    #expect(arms > 20 && arms <= 64)
    #expect(series[#"thalweg_model_updates_total{policy="arms"}"#] == Double(count))
    #expect(series[#"thalweg_model_update_errors_total{policy="arms"}"#] == 0)
    #expect(series[#"thalweg_model_evictions_total{policy="arms"}"#] ?? 0 > 100)
    #expect(series[#"thalweg_model_rebuilds_total{policy="arms"}"#] == 0)
    // One arm was looked at: A = I + sum x x' over a few contexts with three slots of up to 1.
    let condition = try #require(series[#"thalweg_model_condition{policy="arms"}"#])
    #expect(condition > 2 && condition < 100)
    #expect(series[#"thalweg_model_asymmetry{policy="arms"}"#] ?? 1 < 1e-6)
    #expect(series[#"thalweg_model_bytes{policy="arms"}"#] ?? 0 >= arms * 6 * 4)
  }
}

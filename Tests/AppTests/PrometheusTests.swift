import Foundation
import JSON
import Net
import Ports
import Testing

@testable import App

/// Debian's Prometheus scrapes a running worker with the rules that ship.
@Suite(
  .timeLimit(.minutes(3)),
  .enabled(if: DeployTests.has("prometheus"), "prometheus is not installed (Debian package prometheus)"))
struct PrometheusTests {
  /// Of 5.6 of the conventions: what a worker exports, with its labels beside `le`.
  static let names: [(name: String, type: String, labels: String)] = [
    ("thalweg_events_consumed_total", "counter", "topic,type"),
    ("thalweg_events_rejected_total", "counter", "topic,reason"),
    ("thalweg_dead_letters_total", "counter", "topic,reason"),
    ("thalweg_event_process_duration_seconds", "histogram", "stage"),
    ("thalweg_event_to_publish_seconds", "histogram", "view"),
    ("kafka_consumergroup_group_lag", "gauge", "cluster_name,group,topic,partition"),
    ("kafka_consumergroup_group_lag_seconds", "gauge", "cluster_name,group,topic,partition"),
    ("kafka_consumergroup_group_max_lag", "gauge", "cluster_name,group"),
    ("kafka_consumergroup_group_max_lag_seconds", "gauge", "cluster_name,group"),
    ("kafka_consumergroup_group_sum_lag", "gauge", "cluster_name,group"),
    ("thalweg_consumer_lag_records", "gauge", "topic,partition"),
    ("thalweg_consumer_lag_seconds", "gauge", "topic,partition"),
    ("thalweg_consumer_status", "gauge", "group"), ("thalweg_rebalances_total", "counter", ""),
    ("thalweg_partitions_assigned", "gauge", ""), ("thalweg_revoke_duration_seconds", "histogram", ""),
    ("thalweg_checkpoint_duration_seconds", "histogram", "store"), ("thalweg_checkpoint_age_seconds", "gauge", "store"),
    ("thalweg_state_bytes", "gauge", "store"), ("thalweg_join_total", "counter", "outcome"),
    ("thalweg_pending_decisions", "gauge", ""), ("thalweg_dangling_rewards", "gauge", ""),
    ("thalweg_feature_writes_total", "counter", "view"), ("thalweg_feature_write_errors_total", "counter", "view"),
    ("thalweg_feature_write_batch_size", "histogram", "view"),
    ("thalweg_feature_freshness_seconds", "gauge", "feature_view,project"),
    ("thalweg_feature_read_total", "counter", "view,status"), ("thalweg_drift_score", "gauge", "detector,metric"),
    ("thalweg_drift_alerts_total", "counter", "detector,metric,severity"),
    ("thalweg_drift_active", "gauge", "detector,metric,severity"),
    ("thalweg_build_info", "gauge", "version,commit,swift"),
    ("thalweg_dirty_keys", "gauge", ""), ("thalweg_redis_errors_total", "counter", "code"),
    ("thalweg_kafka_errors_total", "counter", "code"),
  ]
  /// Of the same table: what answers requests for rankings exports, or learns from their rewards.
  static let others: Set<String> = [
    "model_updates_total", "model_update_errors_total", "reward_delay_seconds", "rank_requests_total",
    "rank_duration_seconds", "rank_candidates", "exploration_ratio", "policy_reward_mean", "policy_reward_ips",
  ]

  @Test func `the table of names beside the project holds no other`() throws {
    guard let text = try? String(contentsOfFile: Places.shared + "/spec/conventions.md", encoding: .utf8) else {
      return print("skipped: no conventions.md beside the project")
    }
    let start = try #require(text.range(of: "### 5.6")), stop = try #require(text.range(of: "### 5.7"))
    let rows = text[start.upperBound..<stop.lowerBound].split(separator: "\n").filter { $0.hasPrefix("| `") }
    let wanted = Set(
      rows.flatMap { $0.split(separator: "|")[0].matches(of: /olw_([a-z_]+)/).map { String($0.1) } })
    #expect(wanted.count > 30)
    let ours = Set(Self.names.map(\.name).map { $0.replacing("thalweg_", with: "") })
    #expect(wanted.subtracting(ours).subtracting(Self.others) == [])
  }

  @Test func `a scrape finds every name, moved by traffic, promtool has nothing to say, and alerts fire`() throws {
    guard let redis = LocalRedis() else { return print("skipped: no redis-server") }
    let broker = try BrokerProcess("events.watch:2,content.catalog:1,dlq.events:1,alerts.drift:1")
    let end = Int64(Date().timeIntervalSince1970 * 1000) / 3_600_000 * 3_600_000
    try broker.send([Sample.catalog("moon", at: end)] + Sample.drift(endingAt: end))
    let worker = try LiveWorker(["kafka.brokers=\(broker.address)", "redis.url=\(redis.url)", "kafka.group=prom"])
    #expect(worker.waitReady() == "ready", "\(worker.log)")
    let prometheus = try Prometheus(target: try #require(worker.url))
    #expect(prometheus.value(#"up{job="thalweg"}"#, is: 1))

    _ = try worker.get("/lookup?kind=content&id=moon")
    // Traffic with dead letters among it, until the rule has two samples to see a rate in.
    var sent = 0
    var firing: Set<String> = []
    for _ in 0..<200 where !firing.isSuperset(of: ["ThalwegDeadLetters", "ThalwegDrift"]) {
      try broker.send(
        (0..<20).map {
          $0 % 4 == 0
            ? OutRecord("events.watch", "k", "{", at: end)
            : Sample.watch(1_000_000 + sent + $0, user: "v\($0)", at: Int64(Date().timeIntervalSince1970 * 1000))
        })
      sent += 20
      usleep(300_000)
      firing = prometheus.firing()
    }
    #expect(firing.isSuperset(of: ["ThalwegDeadLetters", "ThalwegDrift"]), "\(firing) \(prometheus.log)")
    for (name, type, labels) in Self.names {
      let series = name + (type == "histogram" ? "_count" : "")
      let found = prometheus.labels(series)
      #expect(found != nil, "\(name) is not scraped")
      if let found { #expect(found == Set(labels.split(separator: ",").map(String.init)), "\(name)") }
    }
    // What traffic moves.
    for expression in [
      #"thalweg_events_consumed_total{type="watch"}"#, "thalweg_dead_letters_total", "thalweg_rebalances_total >= 0",
      "thalweg_event_to_publish_seconds_count", "thalweg_feature_writes_total",
      "thalweg_checkpoint_duration_seconds_count",
      "thalweg_feature_write_batch_size_count", #"thalweg_event_process_duration_seconds_count{stage="fold"}"#,
      #"thalweg_event_process_duration_seconds_count{stage="plan"}"#, "thalweg_drift_alerts_total",
      "thalweg_drift_active",
      #"thalweg_feature_read_total{status="present"}"#, "thalweg_state_bytes", "thalweg_partitions_assigned",
    ] {
      #expect(prometheus.isAbove0("sum(\(expression))") || expression.contains(">="), "\(expression)")
    }
    let check = Spawned.run("sh", ["-c", "curl -s '\(worker.url!)metrics' | promtool check metrics"])
    #expect(check.code == 0 && check.text == "", "\(check.text)")

    redis.stop()
    for _ in 0..<240 where !firing.contains("ThalwegRedisDown") {
      usleep(250_000)
      firing = prometheus.firing()
    }
    #expect(firing.contains("ThalwegRedisDown"), "\(firing)")
    worker.child.kill()
    for _ in 0..<240 where !firing.contains("ThalwegDown") {
      usleep(250_000)
      firing = prometheus.firing()
    }
    #expect(firing.contains("ThalwegDown"), "\(firing)")
  }
}

/// A Prometheus of the test's own, scraping every second, with our rules; only their patience (`for`) is shortened.
private final class Prometheus {
  private let process = Process()
  private let scratch = Places.Scratch()
  private let client: Client
  let port = Int.random(in: 30_000...32_000)

  init(target: String) throws {
    client = Client(address: "127.0.0.1", port: port)
    let rules = try DeployTests.text("deploy/prometheus/thalweg.rules.yaml")
    try scratch.write("rules.yaml", rules.replacing(/for: \d+m/, with: "for: 1s"))
    let address = target.dropFirst("http://".count).dropLast()
    try scratch.write(
      "prometheus.yml",
      """
      global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 500ms}
      rule_files: [rules.yaml]
      scrape_configs:
        - job_name: thalweg
          static_configs: [{targets: ["\(address)"]}]
      """)
    process.executableURL = URL(fileURLWithPath: "/usr/bin/prometheus")
    process.arguments = [
      "--config.file=\(scratch.path)/prometheus.yml", "--storage.tsdb.path=\(scratch.path)/data",
      "--web.listen-address=127.0.0.1:\(port)", "--log.level=warn",
    ]
    _ = FileManager.default.createFile(atPath: scratch.path + "/log", contents: nil)
    process.standardError = FileHandle(forWritingAtPath: scratch.path + "/log")
    process.standardOutput = FileHandle.nullDevice
    try process.run()
  }

  deinit {
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }

  var log: String { (try? scratch.read("log")) ?? "" }

  private func ask(_ path: String) -> JSONValue? {
    guard let answer = try? client.get(path), answer.status == 200 else { return nil }
    return try? JSONValue(parsing: answer.body)
  }

  private func query(_ expression: String) -> [JSONValue] {
    let words = expression.addingPercentEncoding(withAllowedCharacters: .alphanumerics)!
    return ask("/api/v1/query?query=\(words)")?["data"]?["result"]?.array ?? []
  }

  /// Waits for it.
  func value(_ expression: String, is wanted: Double) -> Bool {
    first(expression) { $0["value"]?[1]?.string.flatMap { Double($0) } == wanted ? true : nil } ?? false
  }

  /// Waits for it too: one scrape that took too long, and no series is there for a moment.
  func isAbove0(_ expression: String) -> Bool {
    first(expression) { $0["value"]?[1]?.string.flatMap { Double($0) } ?? 0 > 0 ? true : nil } ?? false
  }

  /// Names of the labels that are the worker's own; nil = there is no such series.
  func labels(_ name: String) -> Set<String>? {
    first(name) { $0["metric"]?.object.map { Set($0.map(\.key)).subtracting(["__name__", "instance", "job"]) } }
  }

  /// What is made of the first result, once something can be; nil = not within 15 seconds.
  private func first<T>(_ expression: String, _ make: (JSONValue) -> T?) -> T? {
    for _ in 0..<150 {
      if let found = query(expression).first.flatMap(make) { return found }
      usleep(100_000)
    }
    return nil
  }

  func firing() -> Set<String> {
    let alerts = ask("/api/v1/alerts")?["data"]?["alerts"]?.array ?? []
    return Set(alerts.filter { $0["state"]?.string == "firing" }.compactMap { $0["labels"]?["alertname"]?.string })
  }
}

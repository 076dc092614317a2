import Foundation
import Telemetry
import Testing

@Suite struct MetricsTests {
  @Test func `a family without labels stands at 0 from the start`() {
    let metrics = Metrics()
    _ = metrics.counter("a_total", "A.")
    #expect(text(metrics) == "# HELP a_total A.\n# TYPE a_total counter\na_total 0\n")
  }

  @Test func `label values are escaped and series sorted`() {
    let metrics = Metrics()
    let family = metrics.gauge("b_seconds", "Line\nbreak \\.", labels: ["x", "y"])
    family.with("q\"", "n\n\\").set(0.25)
    family.with("a", "b").set(-.infinity)
    #expect(
      text(metrics) == """
        # HELP b_seconds Line\\nbreak \\\\.
        # TYPE b_seconds gauge
        b_seconds{x="a",y="b"} -Inf
        b_seconds{x="q\\"",y="n\\n\\\\"} 0.25

        """)
  }

  @Test func `buckets accumulate, the sum and the count agree`() {
    let metrics = Metrics()
    let histogram = metrics.histogram("c_seconds", "C.", bounds: [0.1, 1], labels: ["v"]).with("m")
    for value in [0.05, 0.1, 0.5, 2, .nan] { histogram.observe(value) }
    histogram.observe(1, count: 3)
    #expect(
      text(metrics) == """
        # HELP c_seconds C.
        # TYPE c_seconds histogram
        c_seconds_bucket{v="m",le="0.1"} 2
        c_seconds_bucket{v="m",le="1"} 6
        c_seconds_bucket{v="m",le="+Inf"} 7
        c_seconds_sum{v="m"} 5.65
        c_seconds_count{v="m"} 7

        """)
  }

  /// Expected values by hand from Prometheus' documentation of `histogram_quantile`.
  @Test(arguments: [(0.5, 2.0), (0.25, 1.0), (1.0, 4.0), (0.75, 3.0)])
  func `a quantile is linear within its bucket`(q: Double, expected: Double) {
    let histogram = Metrics().histogram("d_seconds", "D.", bounds: [1, 2, 4]).with()
    histogram.observe(0.5)
    histogram.observe(1.5)
    histogram.observe(3, count: 2)
    #expect(abs(histogram.quantile(q)! - expected) < 1e-12)
  }

  @Test func `nothing is lost between threads`() async {
    let metrics = Metrics()
    let counter = metrics.counter("e_total", "E.")
    let gauge = metrics.gauge("e_level", "E.").with()
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<4 {
        group.addTask {
          let mine = counter.with()
          for _ in 0..<10_000 {
            mine.add()
            gauge.add(0.5)
          }
        }
      }
    }
    #expect(counter.with().value == 40_000)
    #expect(gauge.value == 20_000)
  }

  @Test func `the same name may be asked for twice, with another shape it is refused`() async {
    let metrics = Metrics()
    metrics.counter("f_total", "F.", labels: ["a"]).with("x").add(2)
    #expect(metrics.counter("f_total", "F.", labels: ["a"]).with("x").value == 2)
    await #expect(processExitsWith: .failure) {
      let metrics = Metrics()
      _ = metrics.counter("f_total", "F.", labels: ["a"])
      _ = metrics.counter("f_total", "F.", labels: ["b"])
    }
  }

  @Test(arguments: ["1a", "a-b", "", "a.b_total"])
  func `a name that no scraper takes is refused`(name: String) async {
    await #expect(processExitsWith: .failure) { [name] in _ = Metrics().gauge(name, "G.") }
  }

  @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/promtool"), "promtool is not installed"))
  func `promtool finds nothing to say about what a worker exports`() throws {
    let metrics = WorkerMetrics(Metrics(), version: "1", commit: "c", swift: "6.3")
    metrics.prepare(topic: "watch", type: "watch", reasons: ["bad_json"])
    metrics.lagRecords.with("watch", "0").set(3)
    metrics.groupLag.with("c", "g", "watch", "0").set(3)
    metrics.driftAlerts.with("page_hinkley", "completion", "high").add()
    metrics.driftActive.with("page_hinkley", "completion", "high").add(1)
    let promtool = Process()
    promtool.executableURL = URL(fileURLWithPath: "/usr/bin/promtool")
    promtool.arguments = ["check", "metrics"]
    let (input, output) = (Pipe(), Pipe())
    promtool.standardInput = input
    promtool.standardOutput = output
    promtool.standardError = output
    try promtool.run()
    input.fileHandleForWriting.write(Data(metrics.registry.exposition()))
    try input.fileHandleForWriting.close()
    let said = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    promtool.waitUntilExit()
    #expect(said == "")
    #expect(promtool.terminationStatus == 0)
  }

  @Test func `the process's own facts are read`() throws {
    let facts = try #require(ProcessFacts.read())
    #expect(facts.residentBytes > 1_000_000 && facts.threads >= 1 && facts.openFiles >= 3)
    #expect(abs(facts.startedAt - Date().timeIntervalSince1970) < 3600)
  }

  private func text(_ metrics: Metrics) -> String { String(decoding: metrics.exposition(), as: UTF8.self) }
}

import Foundation
import Telemetry
import Testing

/// What is shipped to run a worker, held against what the program does.
@Suite struct DeployTests {
  static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  static func text(_ path: String) throws -> String {
    try String(contentsOf: root.appending(path: path), encoding: .utf8)
  }

  static func has(_ program: String) -> Bool { FileManager.default.isExecutableFile(atPath: "/usr/bin/\(program)") }

  static func run(_ program: String, _ arguments: [String]) throws -> (code: Int32, text: String) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program.hasPrefix("/") ? program : "/usr/bin/\(program)")
    process.arguments = arguments
    process.currentDirectoryURL = root
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    return (process.terminationStatus, text)
  }

  /// Every name in an expression that looks like a metric of ours or of the process.
  static func metrics(in text: String) -> Set<String> {
    Set(text.matches(of: /\b(thalweg|process|kafka_consumergroup)_[a-z0-9_]+/).map { String($0.0) })
  }

  @Test func `every metric in the rules and on the dashboard is one that a worker exports`() throws {
    let worker = WorkerMetrics(Metrics(), version: "1", commit: "c", swift: "s")
    let names = Set(worker.registry.names.flatMap { [$0, $0 + "_bucket", $0 + "_sum", $0 + "_count"] })
    let rules = try Self.text("deploy/prometheus/thalweg.rules.yaml").split(separator: "\n")
      .filter { $0.contains("expr:") }.joined(separator: "\n")
    let dashboard = try Self.text("deploy/grafana/thalweg.json")
    #expect(Self.metrics(in: rules).count > 10 && Self.metrics(in: dashboard).count > 15)
    #expect(Self.metrics(in: rules).subtracting(names) == [])
    #expect(Self.metrics(in: dashboard).subtracting(names) == [])
  }

  @Test func `every alert and every warning of the log is explained`() throws {
    let guide = try Self.text("docs/OPERATING.md")
    let rules = try Self.text("deploy/prometheus/thalweg.rules.yaml")
    for alert in rules.matches(of: /alert: (\w+)/) { #expect(guide.contains("`\(alert.1)`"), "\(alert.1)") }
    let sources = Self.root.appending(path: "Sources")
    let files = FileManager.default.enumerator(at: sources, includingPropertiesForKeys: nil)!
    var count = 0
    for case let file as URL in files where file.pathExtension == "swift" {
      let source = try String(contentsOf: file, encoding: .utf8)
      for call in source.matches(of: /\.(?:warning|error)\(\s*"([^"]+)",\s*mend:/) {
        count += 1
        #expect(guide.contains("`\(call.1)`"), "\(file.lastPathComponent) warns: \(call.1)")
      }
    }
    #expect(count > 5)
  }

  @Test func `every alert has a unit test`() throws {
    let rules = try Self.text("deploy/prometheus/thalweg.rules.yaml")
    let tests = try Self.text("deploy/prometheus/thalweg.rules.test.yaml")
    for alert in rules.matches(of: /alert: (\w+)/) { #expect(tests.contains("alertname: \(alert.1)"), "\(alert.1)") }
  }

  @Test(.enabled(if: has("promtool"), "promtool is not installed (Debian package prometheus)"))
  func `promtool takes the rules, and each alert fires when it should and not before`() throws {
    let check = try Self.run("promtool", ["check", "rules", "deploy/prometheus/thalweg.rules.yaml"])
    #expect(check.code == 0, "\(check.text)")
    let test = try Self.run("promtool", ["test", "rules", "deploy/prometheus/thalweg.rules.test.yaml"])
    #expect(test.code == 0, "\(test.text)")
  }

  @Test(.enabled(if: has("systemd-analyze"), "systemd-analyze is not installed (Debian package systemd)"))
  func `the unit's exposure is below 3`() throws {
    let said = try Self.run(
      "systemd-analyze",
      ["security", "--offline=yes", "--no-pager", "--threshold=30", "deploy/systemd/thalweg.service"])
    #expect(said.code == 0, "\(said.text.suffix(300))")
    let exposure = try #require(said.text.firstMatch(of: /exposure level for thalweg.service: ([0-9.]+)/))
    #expect(Double(exposure.1)! < 3)
  }

  @Test func `manifests and dashboard pass other people's readers`() throws {
    guard Self.has("python3") else { return print("skipped: no python3") }
    let said = try Self.run("/bin/sh", ["deploy/check.sh"])
    if said.code == 77 { return print(said.text) }
    #expect(said.code == 0, "\(said.text)")
  }

  @Test func `the package holds what the guide speaks of, and its sums are right`() throws {
    guard Self.has("dpkg-deb"), Self.has("dpkg-shlibdeps"), Self.has("strip") else {
      return print("skipped: no dpkg-dev")
    }
    let folder = Places.Scratch()
    let program = "THALWEG_PROGRAM=" + Child.program
    let built = try Self.run(
      "env", [program, "THALWEG_SHLIBDEPS=--ignore-missing-info", "deploy/deb/build.sh", folder.path])
    #expect(built.code == 0, "\(built.text)")
    let package = try #require(built.text.split(separator: "\n").last.map(String.init))
    let contents = try Self.run("dpkg-deb", ["-c", package]).text
    for path in [
      "usr/bin/thalweg", "lib/systemd/system/thalweg.service", "etc/thalweg/worker.yaml",
      "usr/share/man/man1/thalweg.1.gz",
      "usr/share/bash-completion/completions/thalweg", "usr/share/thalweg/topics/events.watch.json",
      "usr/share/doc/thalweg/OPERATING.md",
    ] {
      #expect(contents.contains("./\(path)\n"), "\(path)")
    }
    #expect(!contents.split(separator: "\n").contains { !$0.contains("root/root") })
    let sums = try Self.run(
      "sh",
      [
        "-c",
        "dpkg-deb -R '\(package)' '\(folder.path)/x' && cd '\(folder.path)/x' && md5sum -c --quiet DEBIAN/md5sums && cat DEBIAN/md5sums",
      ])
    #expect(
      sums.code == 0 && sums.text.contains("usr/bin/thalweg") && !sums.text.contains("etc/"), "\(sums.text.suffix(300))"
    )
    let settings = try String(contentsOfFile: folder.path + "/x/etc/thalweg/worker.yaml", encoding: .utf8)
    #expect(settings.contains("\nstate_dir: /var/lib/thalweg\n"))
  }

  /// Minutes: a release build and a Debian of its own. `THALWEG_TEST_DEB=1 make test ARGS="--filter DeployTests"`, as root.
  @Test(
    .enabled(
      if: ProcessInfo.processInfo.environment["THALWEG_TEST_DEB"] != nil, "THALWEG_TEST_DEB is not set (minutes)"),
    .timeLimit(.minutes(30)))
  func `the package installs, starts, upgrades, removes and purges cleanly`() throws {
    let said = try Self.run("make", ["check-deb"])
    #expect(said.code == 0 && said.text.contains("deb: good"), "\(said.text.suffix(1000))")
  }

  @Test func `the ports of unit, manifests and settings agree`() throws {
    let port = try #require(
      try Self.text("Sources/App/Settings/Settings+Outside.swift").firstMatch(of: /var port = (\d+)/)?.1)
    for path in ["deploy/Containerfile", "deploy/kubernetes/thalweg.yaml", "docs/OPERATING.md"] {
      #expect(try Self.text(path).contains(port), "\(path)")
    }
  }
}

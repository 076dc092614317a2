import App
import Foundation
import JSON
import Net
import Telemetry
import Testing

@Suite struct AdminServerTests {
  let worker = FakeWorker()
  let metrics = Metrics()

  func serve(_ change: (inout AdminServer.Settings) -> Void = { _ in }) throws -> (AdminServer, Client) {
    var settings = AdminServer.Settings()
    settings.port = 0
    settings.intervalMs = 20
    settings.version = Array("{\"version\":\"0.1.0\"}".utf8)
    settings.configuration = "redis:\n  password: ***\n"
    change(&settings)
    let server = try AdminServer(settings, metrics: metrics, provider: worker)
    return (server, Client(address: "127.0.0.1", port: server.port))
  }

  @Test func `every route answers as it says`() throws {
    metrics.counter("a_total", "A.").with().add(3)
    let (server, client) = try serve()
    defer { server.close() }
    func get(_ target: String) throws -> (Int, String) {
      let answer = try client.get(target)
      return (answer.status, String(decoding: answer.body, as: UTF8.self))
    }
    #expect(try get("/live") == (200, "live\n"))
    #expect(try get("/ready") == (200, "ready\n"))
    #expect(try get("/metrics") == (200, "# HELP a_total A.\n# TYPE a_total counter\na_total 3\n"))
    #expect(try get("/version") == (200, "{\"version\":\"0.1.0\"}"))
    #expect(try get("/debug/config").1.contains("password: ***"))
    #expect(try get("/endpoints").1.contains("/lookup\n"))
    #expect(try get("/").1.contains("<h2 id=\"rate-h\">Events</h2>"))
    #expect(try get("/nothing").0 == 404)
    #expect(try get("/../etc/passwd").0 == 404)
    #expect(try get("/lookup?kind=user&id=u%201%2F%C3%A9").0 == 200)
    #expect(try get("/lookup?kind=user&id=nobody").0 == 404)
    #expect(try get("/lookup?kind=cat&id=1").0 == 400)
    #expect(try get("/lookup?kind=user").0 == 400)
    let lag = try JSONValue(parsing: get("/lag").1)
    #expect(lag["topics"]?.array?.count == 5 && lag["lag"]?.int == 56)
  }

  @Test func `not ready is 503 with the reason`() throws {
    let (server, client) = try serve()
    defer { server.close() }
    worker.isReady.withLock { $0 = false }
    let answer = try client.get("/ready")
    #expect(answer.status == 503 && String(decoding: answer.body, as: UTF8.self) == "catching up: 12,345 records\n")
    #expect(try client.get("/live").status == 200)
  }

  @Test func `a summary reads back as the status it was made of`() throws {
    let status = worker.status(step: 7)
    #expect(WorkerStatus(try JSONValue(parsing: status.json())) == status)
    #expect(WorkerStatus(try JSONValue(parsing: WorkerStatus().json())) == WorkerStatus())
    #expect(WorkerStatus(.object([])) == WorkerStatus())
  }

  @Test func `the stream sends a summary each interval and ends with the server`() throws {
    var messages: [String] = []
    // Half a second is time for 25; a loaded machine gets more.
    for seconds in [0.5, 2, 8, 20] where messages.count < 5 {
      let (server, client) = try serve()
      DispatchQueue.global().asyncAfter(deadline: .now() + seconds) { server.close() }
      let body = String(decoding: try client.get("/events").body, as: UTF8.self)
      messages = body.components(separatedBy: "\n\n").filter { $0.hasPrefix("data: ") }
    }
    #expect(messages.count >= 5)
    let times = try messages.map { WorkerStatus(try JSONValue(parsing: String($0.dropFirst(6)))).at }
    #expect(Set(times).count >= 5)
  }

  @Test func `the history holds what was sampled`() async throws {
    let (server, client) = try serve()
    defer { server.close() }
    var history = JSONValue.null
    for _ in 0..<300 where history["samples"]?.array?.count ?? 0 < 5 {
      try await Task.sleep(for: .milliseconds(100))
      history = try JSONValue(parsing: client.get("/history").body)
    }
    #expect((history["samples"]?.array?.count ?? 0) >= 5)
    // What the made-up worker says of this topic: 12 behind, now and then 3600 more.
    let lag = try #require(history["samples"]?[0]?["topics"]?["watch"]?[1]?.int)
    #expect([12, 3612].contains(lag))
  }

  @Test func `only GET, and on loopback only by names nobody else can claim`() throws {
    let (server, _) = try serve()
    defer { server.close() }
    func status(_ method: String, host: String) throws -> Int? {
      let curl = Process()
      curl.executableURL = URL(fileURLWithPath: "/usr/bin/curl")
      curl.arguments = [
        "-s", "-o", "/dev/null", "-w", "%{http_code}", "-X", method, "-H", "Host: \(host)", server.url + "live",
      ]
      let pipe = Pipe()
      curl.standardOutput = pipe
      try curl.run()
      curl.waitUntilExit()
      return Int(String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self))
    }
    guard FileManager.default.isExecutableFile(atPath: "/usr/bin/curl") else { return print("skipped: no curl") }
    #expect(try status("GET", host: "localhost:1") == 200)
    #expect(try status("GET", host: "[::1]") == 200)
    #expect(try status("GET", host: "rebind.example") == 421)
    #expect(try status("POST", host: "localhost") == 405)
    #expect(try status("DELETE", host: "localhost") == 405)
  }
}

import Foundation
import JSON
import KafkaPort
import Net
import Ports

/// A worker as a process of its own, with its admin port.
final class LiveWorker {
  let child: Child
  let scratch: Places.Scratch
  let settings: [String]
  private let logPath: String

  /// - Parameters:
  ///   - assignments: Its settings; a free admin port and a state folder of its own are added.
  ///   - scratch: Where its state is; a later worker that is given the same goes on from there.
  init(_ assignments: [String], config: String? = nil, scratch: Places.Scratch = Places.Scratch()) throws {
    self.scratch = scratch
    settings = assignments + ["state_dir=\(scratch.path)/state", "admin.port=0", "log.format=json"]
    let words = (config.map { ["--config", $0] } ?? []) + settings.flatMap { ["--set", $0] }
    logPath = scratch.path + "/worker-\(UUID().uuidString).log"
    child = try Child(["worker"] + words, errors: logPath)
  }

  struct Gone: Error { var log: String }

  /// What it has logged so far.
  var log: String { (try? String(contentsOfFile: logPath, encoding: .utf8)) ?? "" }

  /// Base of its admin port, as its log names it.
  lazy var url: String? = wait(60) {
    self.log.split(separator: "\n").lazy.compactMap { line in
      (try? JSONValue(parsing: String(line)))?["url"]?.string
    }.first
  }

  func get(_ target: String) throws -> (status: Int, text: String) {
    guard let url, let client = Client(url: url) else { throw Gone(log: log) }
    let answer = try client.get(target)
    return (answer.status, String(decoding: answer.body, as: UTF8.self))
  }

  /// Waits until `/ready` says yes; the last answer otherwise.
  func waitReady(_ seconds: Double = 60) -> String? {
    wait(seconds) { (try? self.get("/ready"))?.status == 200 ? "ready" : nil }
  }

  /// Value of a series of `/metrics`; nil = there is none.
  func metric(_ series: String) -> Double? {
    guard let text = try? get("/metrics").text else { return nil }
    return text.split(separator: "\n").first { $0.hasPrefix(series + " ") }
      .flatMap { Double($0.dropFirst(series.count + 1)) }
  }

  /// Ends it in order; its exit code.
  func stop() -> Int32 {
    child.send(SIGTERM)
    return child.end()
  }

  func wait<T>(_ seconds: Double, _ look: () -> T?) -> T? {
    let end = Date().addingTimeInterval(seconds)
    repeat {
      if let found = look() { return found }
      if !child.isRunning { return nil }
      usleep(50_000)
    } while Date() < end
    return nil
  }
}

/// The in-process broker in a process of its own.
final class BrokerProcess {
  let child: Child
  let address: String

  init(_ topics: String) throws {
    child = try Child(["__mock-broker", "--topics", topics])
    guard let line = child.firstLine() else { throw LiveWorker.Gone(log: "no broker") }
    address = line
  }

  func send(_ records: [OutRecord]) throws {
    let outlet = try KafkaOutlet(KafkaConfig(brokers: address, group: "t", joinsGroup: false))
    for record in records { try outlet.send(record) }
    guard outlet.flush(timeoutMs: 20_000) else { throw LiveWorker.Gone(log: "not taken") }
    outlet.close()
  }
}

/// Records of our own envelope for tests.
enum Sample {
  static func watch(
    _ n: Int, user: String = "ann", title: String = "moon", completion: Double = 1, at time: Int64
  ) -> OutRecord {
    OutRecord(
      "events.watch", user,
      "{\"schema\":\"watch/1\",\"event_id\":\"w-\(n)\",\"timestamp\":\(time),\"user_id\":\"\(user)\","
        + "\"content_id\":\"\(title)\",\"completion_rate\":\(completion)}", at: time)
  }

  static func catalog(_ id: String, title: String? = nil, at time: Int64) -> OutRecord {
    OutRecord(
      "content.catalog", id,
      "{\"schema\":\"catalog/1\",\"event_id\":\"k-\(id)\",\"timestamp\":\(time),\"content_id\":\"\(id)\","
        + "\"title\":\"\(title ?? id)\",\"content_type\":\"movie\",\"genres\":[\"drama\"]}", at: time)
  }

  /// Twelve hours of one title watched to 0.8, then two to 0.3, six times a minute: its completion rate drifts.
  static func drift(endingAt end: Int64) -> [OutRecord] {
    let hour: Int64 = 3_600_000
    var records: [OutRecord] = []
    for (index, time) in stride(from: end - 14 * hour, to: end, by: 10_000).enumerated() {
      records.append(watch(index, user: "u\(index % 40)", completion: time < end - 2 * hour ? 0.8 : 0.3, at: time))
    }
    return records
  }
}

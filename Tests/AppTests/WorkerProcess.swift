import Foundation
import JSON
import Net

/// The program as a process of its own, with its log and its admin port within reach.
final class WorkerProcess: @unchecked Sendable {
  /// A line of the log.
  struct Line {
    let json: JSONValue
    var message: String { json["message"]?.string ?? "" }
    var mend: String { json["mend"]?.string ?? "" }
    subscript(_ field: String) -> String { json[field]?.string ?? json[field]?.int64.map(String.init) ?? "" }
  }

  private let process = Process()
  private let input = Pipe()
  private let log: Drain
  private let answers: Drain

  /// - Parameter settings: `name=value` each.
  init(_ verb: [String], _ settings: [String]) throws {
    let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    process.executableURL = URL(fileURLWithPath: own).deletingLastPathComponent().appendingPathComponent("thalweg")
    process.arguments = verb + settings.flatMap { ["--set", $0] }
    process.standardInput = input
    // What steers the tests is no setting of the program.
    process.environment = ProcessInfo.processInfo.environment.filter {
      !["THALWEG_FAULT_SECONDS", "THALWEG_FULL_KILLS", "THALWEG_TEST_KAFKA"].contains($0.key)
    }
    let (errors, output) = (Pipe(), Pipe())
    process.standardError = errors
    process.standardOutput = output
    try process.run()
    log = Drain(errors)
    answers = Drain(output)
  }

  deinit { if process.isRunning { end(SIGKILL) } }

  var identifier: Int32 { process.processIdentifier }
  var isRunning: Bool { process.isRunning }
  /// Everything it said that is no log line: what it ended with.
  var words: String {
    text.split(separator: "\n").filter { !$0.hasPrefix("{") }.joined(separator: "\n")
  }
  var text: String { log.text }
  var output: String { answers.text }
  var lines: [Line] {
    text.split(separator: "\n").filter { $0.hasPrefix("{") }.compactMap {
      try? Line(json: JSONValue(parsing: String($0)))
    }
  }
  func lines(_ message: String) -> [Line] { lines.filter { $0.message == message } }

  /// Asks ten times a second; false = not within the time, or it ended.
  @discardableResult
  func wait(_ seconds: Double = 20, until isSo: (WorkerProcess) throws -> Bool) rethrows -> Bool {
    let end = Date().addingTimeInterval(seconds)
    while Date() < end {
      if try isSo(self) { return true }
      guard process.isRunning else { return try isSo(self) }
      usleep(50_000)
    }
    return false
  }

  @discardableResult
  func end(_ signal: Int32 = SIGTERM) -> Int32 {
    kill(process.processIdentifier, signal)
    return code
  }
  var code: Int32 {
    process.waitUntilExit()
    log.finish()
    answers.finish()
    return process.terminationStatus
  }

  // MARK: Its admin port

  private var client: Client? {
    lines("admin server").first?.json["url"]?.string.flatMap { Client(url: $0) }
  }
  func get(_ path: String) -> (status: Int, text: String) {
    guard let answer = try? client?.get(path) else { return (0, "") }
    return (answer.status, String(decoding: answer.body, as: UTF8.self))
  }
  var events: Int { (try? JSONValue(parsing: self.get("/summary").text))?["events"]?.int ?? -1 }
  var ready: (status: Int, text: String) { self.get("/ready") }
  /// Sum over the series that begin so; nil = there is none.
  func metric(_ name: String) -> Double? {
    let values = get("/metrics").text.split(separator: "\n").filter { $0.hasPrefix(name) }.compactMap {
      $0.split(separator: " ").last.flatMap { Double($0) }
    }
    return values.isEmpty ? nil : values.reduce(0, +)
  }
  var residentMB: Int {
    let status = (try? String(contentsOfFile: "/proc/\(process.processIdentifier)/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS") }
    return (line.flatMap { Int($0.filter(\.isNumber)) } ?? 0) / 1024
  }
}

/// Reads a pipe to its end on a thread of its own.
private final class Drain: @unchecked Sendable {
  private let lock = NSLock()
  private let done = DispatchSemaphore(value: 0)
  private var data = Data()
  private var isAtEnd = false

  init(_ pipe: Pipe) {
    let handle = pipe.fileHandleForReading
    Thread.detachNewThread { [self] in
      while true {
        let chunk = handle.availableData
        guard !chunk.isEmpty else { break }
        lock.withLock { data += chunk }
      }
      lock.withLock { isAtEnd = true }
      done.signal()
    }
  }

  var text: String { lock.withLock { String(decoding: data, as: UTF8.self) } }

  /// Waits until everything was read of a process that has ended.
  func finish() {
    guard !lock.withLock({ isAtEnd }) else { return }
    if done.wait(timeout: .now() + 5) == .success { done.signal() }
  }
}

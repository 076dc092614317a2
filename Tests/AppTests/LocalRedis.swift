import Foundation

/// A redis-server of the test's own on a free loopback port; ended by its process id.
final class LocalRedis {
  let port: Int
  private let scratch = Places.Scratch()
  private var process = Process()

  /// nil = there is no redis-server here.
  init?() {
    port = Int.random(in: 20_000...29_999)
    guard start() else { return nil }
  }

  /// Starts it (again, empty); true once it answers.
  @discardableResult
  func start() -> Bool {
    guard !process.isRunning else { return true }
    process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [
      "redis-server", "--port", "\(port)", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir",
      scratch.path,
    ]
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    guard (try? process.run()) != nil else { return false }
    for _ in 0..<500 {
      if cli("PING") == "PONG" { return true }
      usleep(20_000)
    }
    return false
  }

  func stop() {
    guard process.isRunning else { return }
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }

  deinit { stop() }

  /// It takes connections and answers nothing while this is true.
  var isPaused = false {
    didSet { kill(process.processIdentifier, isPaused ? SIGSTOP : SIGCONT) }
  }

  var url: String { "redis://127.0.0.1:\(port)" }

  @discardableResult
  func cli(_ words: String...) -> String { Spawned.run("redis-cli", ["-p", "\(port)"] + words).text }
}

/// Another program, waited for.
enum Spawned {
  /// - Returns: Its exit code and all it wrote, without the last line's end.
  static func run(_ program: String, _ words: [String]) -> (code: Int32, text: String) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [program] + words
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    guard (try? process.run()) != nil else { return (127, "\(program) cannot be started") }
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: data, as: UTF8.self).trimmingCharacters(in: .newlines))
  }
}

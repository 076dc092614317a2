import Foundation

/// The program as a process of its own; its input stays open as long as this object lives.
final class Child {
  private let process = Process()
  private let input = Pipe()
  private let answers = Pipe()
  private var errors: FileHandle?

  /// - Parameters:
  ///   - errors: File that its log is appended to; nil = nowhere.
  ///   - mixed: The log comes with the answers instead.
  init(_ arguments: [String], errors path: String? = nil, mixed: Bool = false) throws {
    process.executableURL = URL(fileURLWithPath: Self.program)
    process.arguments = arguments
    process.standardInput = input
    process.standardOutput = answers
    if let path {
      if !FileManager.default.fileExists(atPath: path) { try Data().write(to: URL(fileURLWithPath: path)) }
      errors = FileHandle(forWritingAtPath: path)
      errors?.seekToEndOfFile()
    }
    if mixed { process.standardError = answers } else { process.standardError = errors ?? FileHandle.nullDevice }
    try process.run()
  }

  deinit { if process.isRunning { kill() } }

  /// The program that was built with these tests.
  static let program: String = {
    let own = try! FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    return URL(fileURLWithPath: own).deletingLastPathComponent().appendingPathComponent("thalweg").path
  }()

  var pid: Int32 { process.processIdentifier }
  var isRunning: Bool { process.isRunning }

  func firstLine() -> String? {
    var line = Data()
    while let byte = try? answers.fileHandleForReading.read(upToCount: 1), !byte.isEmpty, byte[0] != 10 { line += byte }
    return line.isEmpty ? nil : String(decoding: line, as: UTF8.self)
  }

  func output() -> Data { answers.fileHandleForReading.readDataToEndOfFile() }

  @discardableResult
  func end() -> Int32 {
    process.waitUntilExit()
    return process.terminationStatus
  }

  /// Its exit code; nil = it still runs after so many seconds.
  func end(within seconds: Double) -> Int32? {
    let until = Date().addingTimeInterval(seconds)
    while process.isRunning, Date() < until { usleep(2_000) }
    return process.isRunning ? nil : process.terminationStatus
  }

  func send(_ signal: Int32) { Glibc.kill(process.processIdentifier, signal) }

  func kill() {
    Glibc.kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }
}

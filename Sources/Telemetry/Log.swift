import CSys
import Glibc
import Synchronization

/// How much matters; the process logs its level and everything above.
public enum LogLevel: UInt8, Sendable, Comparable, CaseIterable {
  case debug, info, warning, error
  public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
  public var name: String {
    switch self {
    case .debug: "debug"
    case .info: "info"
    case .warning: "warning"
    case .error: "error"
    }
  }
  public init?(name: String) {
    guard let level = Self.allCases.first(where: { $0.name == name }) else { return nil }
    self = level
  }
}

/// A field's value.
public enum LogValue: Sendable, Equatable, ExpressibleByStringLiteral, ExpressibleByIntegerLiteral,
  ExpressibleByFloatLiteral, ExpressibleByBooleanLiteral
{
  case text(String)
  case integer(Int)
  case real(Double)
  case flag(Bool)
  public init(stringLiteral value: String) { self = .text(value) }
  public init(integerLiteral value: Int) { self = .integer(value) }
  public init(floatLiteral value: Double) { self = .real(value) }
  public init(booleanLiteral value: Bool) { self = .flag(value) }
}

/// Lines for people and machines on standard error: text on a terminal, one JSON object a line elsewhere.
///
/// Below its level a call costs 3 ns and evaluates no field. Each line is one `write(2)`. A message is a
/// literal: it can be searched for, and it is the key of the rate limit (`burst` lines per `windowMs`; the next
/// line admitted says how many were suppressed). A warning or error names its mend. A blocked descriptor
/// blocks the caller, so shard threads count and leave the words to others.
public final class Log: Sendable {
  public enum Format: String, Sendable, CaseIterable { case auto, text, json }

  /// The process's log.
  public static let shared = Log()

  public typealias Fields = KeyValuePairs<StaticString, LogValue>

  private let levelNow: Atomic<UInt8>
  private let json: Atomic<Bool>
  private let descriptor: Int32
  private let burst: Int
  private let windowMs: Int64
  private let clock: @Sendable () -> Int64
  private let admitted = Locked([UInt: Window]())

  private struct Window {
    var start: Int64
    var lines: Int
    var suppressed: Int
  }

  public init(
    level: LogLevel = .info, format: Format = .auto, descriptor: Int32 = 2, burst: Int = 10, windowMs: Int64 = 10_000,
    clock: @escaping @Sendable () -> Int64 = { csys_wall_ms() }
  ) {
    levelNow = Atomic(level.rawValue)
    self.descriptor = descriptor
    json = Atomic(Self.isJSON(format, descriptor))
    self.burst = burst
    self.windowMs = windowMs
    self.clock = clock
  }

  /// Takes what the configuration says; may be called again on a reload.
  public func configure(level: LogLevel, format: Format) {
    levelNow.store(level.rawValue, ordering: .relaxed)
    json.store(Self.isJSON(format, descriptor), ordering: .relaxed)
  }

  public var level: LogLevel { LogLevel(rawValue: levelNow.load(ordering: .relaxed))! }

  public func debug(_ message: StaticString, _ fields: @autoclosure () -> Fields = [:]) {
    if admits(.debug) { emit(.debug, message, nil, fields()) }
  }
  public func info(_ message: StaticString, _ fields: @autoclosure () -> Fields = [:]) {
    if admits(.info) { emit(.info, message, nil, fields()) }
  }
  /// Something an operator should look at; `mend` says what can be done.
  public func warning(_ message: StaticString, mend: StaticString, _ fields: @autoclosure () -> Fields = [:]) {
    if admits(.warning) { emit(.warning, message, mend, fields()) }
  }
  /// Something that stopped or will stop the work; `mend` says what can be done.
  public func error(_ message: StaticString, mend: StaticString, _ fields: @autoclosure () -> Fields = [:]) {
    if admits(.error) { emit(.error, message, mend, fields()) }
  }

  @inline(__always) private func admits(_ level: LogLevel) -> Bool {
    level.rawValue >= levelNow.load(ordering: .relaxed)
  }

  private func emit(_ level: LogLevel, _ message: StaticString, _ mend: StaticString?, _ fields: Fields) {
    let now = clock()
    guard let suppressed = admit(message, at: now) else { return }
    let line = LogLine(level: level, wallMs: now, message: message, mend: mend, suppressed: suppressed)
    let bytes = json.load(ordering: .relaxed) ? line.json(fields) : line.text(fields)
    var sent = 0
    while sent < bytes.count {
      let count = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress! + sent, bytes.count - sent) }
      if count < 0 && errno == EINTR { continue }
      if count <= 0 { return }
      sent += count
    }
  }

  /// How many lines of this message were held back before this one; nil = this one is held back too.
  private func admit(_ message: StaticString, at now: Int64) -> Int? {
    let key = UInt(bitPattern: message.utf8Start)
    return admitted.withLock { admitted in
      var window = admitted[key] ?? Window(start: now, lines: 0, suppressed: 0)
      if now - window.start >= windowMs || now < window.start {
        window.start = now
        window.lines = 0
      }
      defer { admitted[key] = window }
      if window.lines >= burst {
        window.suppressed += 1
        return nil
      }
      window.lines += 1
      defer { window.suppressed = 0 }
      return window.suppressed
    }
  }

  private static func isJSON(_ format: Format, _ descriptor: Int32) -> Bool {
    switch format {
    case .json: true
    case .text: false
    case .auto: isatty(descriptor) == 0
    }
  }
}

import Glibc
public import Options

/// How a verb answers.
public enum OutputForm: String, Choice { case table, json }

/// Stdout of a verb: buffered lines that end the process quietly when nobody reads on (`thalweg ... | head`).
///
/// One thread uses it. Logs never go here.
public final class Output {
  public let form: OutputForm
  /// Whether a person looks at it.
  public let isTerminal: Bool
  /// Whether colour may be used: a terminal, not `dumb`, no NO_COLOR, no `--no-color`.
  public let hasColor: Bool
  private let descriptor: Int32
  private var buffer: [UInt8] = []
  private var captured: [UInt8]?

  public init(form: OutputForm = .table, color: Bool = true, environment: [String: String] = [:], descriptor: Int32 = 1)
  {
    self.form = form
    self.descriptor = descriptor
    let term = environment["TERM"] ?? ""
    isTerminal = isatty(descriptor) == 1 && !term.isEmpty && term != "dumb"
    hasColor = color && isTerminal && environment["NO_COLOR", default: ""].isEmpty
  }

  /// Keeps everything in memory, for tests.
  public init(capturing form: OutputForm) {
    self.form = form
    descriptor = -1
    isTerminal = false
    hasColor = false
    captured = []
  }

  deinit { flush() }

  /// What was written, when capturing.
  public var text: String { String(decoding: (captured ?? []) + buffer, as: UTF8.self) }
  public var isJSON: Bool { form == .json }

  /// Columns of the terminal, 80 where there is none.
  public var width: Int {
    var size = winsize()
    guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
    return Int(size.ws_col)
  }

  public func write(_ text: String) {
    buffer += Array(text.utf8)
    if buffer.count > 16_384 { flush() }
  }

  /// One line. On a terminal it is seen at once.
  public func line(_ text: String = "") {
    write(text + "\n")
    if isTerminal { flush() }
  }

  /// Columns as wide as their widest cell but at most 40, two spaces apart; the last is not padded, and a longer
  /// cell pushes its own line only.
  public func table(_ header: [String], _ rows: [[String]]) {
    var widths = header.map(\.count)
    for row in rows {
      for (at, cell) in row.enumerated() where at < widths.count && cell.count <= 40 {
        widths[at] = max(widths[at], cell.count)
      }
    }
    for row in [header] + rows {
      var text = ""
      for (at, cell) in row.enumerated() {
        text += cell
        if at < row.count - 1 { text += String(repeating: " ", count: max(0, widths[at] - cell.count) + 2) }
      }
      line(text)
    }
  }

  /// Hands everything to the kernel. A reader that is gone ends the process as SIGPIPE would.
  public func flush() {
    if captured != nil {
      captured! += buffer
      buffer.removeAll()
      return
    }
    var at = 0
    while at < buffer.count {
      let count = buffer.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress! + at, $0.count - at) }
      if count > 0 {
        at += count
      } else if errno == EPIPE {
        _exit(141)
      } else if errno != EINTR && errno != EAGAIN {
        break
      }
    }
    buffer.removeAll(keepingCapacity: true)
  }
}

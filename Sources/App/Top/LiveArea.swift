import Glibc

/// The lines at the bottom of a terminal that are drawn over and over; ordinary lines go above them.
///
/// Each drawing is one write, inside the marks that make a terminal show it at once. End it before the process
/// ends, else the cursor stays hidden; ``restore`` is what a signal's last words need.
public final class LiveArea {
  /// Shows the cursor again.
  public static let restore = "\u{1b}[?25h"
  private let descriptor: Int32
  private var drawn = 0
  private var isHidden = false

  public init(descriptor: Int32 = 1) { self.descriptor = descriptor }

  deinit { end() }

  /// Rows and columns of the terminal; 24 by 80 where none is told.
  public static func size(_ descriptor: Int32 = 1) -> (rows: Int, columns: Int) {
    var size = winsize()
    guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else { return (24, 80) }
    return (Int(size.ws_row), Int(size.ws_col))
  }

  /// Replaces what was drawn. More lines than the terminal has would scroll, so pass at most `rows - 1`.
  public func draw(_ lines: [String]) {
    var text = start()
    for line in lines { text += line + "\u{1b}[K\n" }
    text += "\u{1b}[J\u{1b}[?2026l"
    drawn = lines.count
    put(text)
  }

  /// Writes lines that stay, above what is drawn; call ``draw(_:)`` after it.
  public func above(_ lines: [String]) {
    var text = start()
    for line in lines { text += line + "\u{1b}[K\n" }
    text += "\u{1b}[J\u{1b}[?2026l"
    drawn = 0
    put(text)
  }

  /// Leaves the last drawing where it stands.
  public func end() {
    if isHidden { put(Self.restore) }
    isHidden = false
    drawn = 0
  }

  private func start() -> String {
    var text = "\u{1b}[?2026h"
    if !isHidden {
      isHidden = true
      text += "\u{1b}[?25l"
    }
    return drawn > 0 ? text + "\u{1b}[\(drawn)F" : text
  }

  private func put(_ text: String) {
    let bytes = Array(text.utf8)
    var at = 0
    while at < bytes.count {
      let count = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress! + at, bytes.count - at) }
      if count > 0 { at += count } else if errno == EPIPE { _exit(141) } else if errno != EINTR { return }
    }
  }
}

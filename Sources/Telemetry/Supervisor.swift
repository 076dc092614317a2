import CSys
import Glibc

/// Tells systemd how the process fares, when systemd asked for it (`Type=notify`, `WatchdogSec=`).
public struct Supervisor: Sendable {
  private let socket: String?
  /// How often to call ``alive()``: half of what the unit allows; nil = no watchdog.
  public let watchdogIntervalMs: Int?

  public init(environment: (String) -> String? = { name in getenv(name).map { String(cString: $0) } }) {
    socket = environment("NOTIFY_SOCKET")
    let isMine = environment("WATCHDOG_PID").flatMap { Int32($0) }.map { $0 == getpid() } ?? true
    watchdogIntervalMs = isMine ? environment("WATCHDOG_USEC").flatMap { Int($0) }.map { max(1, $0 / 2000) } : nil
  }

  /// The work has begun.
  public func ready() { send("READY=1") }
  /// The process is on its way out and will end by itself.
  public func stopping() { send("STOPPING=1") }
  public func alive() { send("WATCHDOG=1") }
  /// One line that `systemctl status` shows.
  public func status(_ text: String) {
    send("STATUS=" + String(text.unicodeScalars.map { $0.value < 0x20 ? " " : Character($0) }))
  }

  private func send(_ text: String) {
    guard let socket else { return }
    _ = csys_notify(socket, text, Int32(text.utf8.count))
  }
}

import CSys
import Glibc
import Telemetry

/// A running HTTP/1.1 server: one thread, one address.
///
/// ``drain()`` lets what was begun end, ``join()`` waits for it.
public final class Server: Sendable {
  public let address: String
  /// The port it listens on, also when 0 was asked for.
  public let port: Int
  private let mailbox: Mailbox
  private let done = Locked(false)

  /// Listens on a numeric address and begins to serve.
  ///
  /// - Throws: When the address is taken, not ours or not numeric.
  public init(address: String, port: Int, limits: Limits, app: any App) throws(NetError) {
    guard let wanted = UInt16(exactly: port) else { throw NetError("not a port: \(port)") }
    let listener = csys_listen(address, wanted, limits.backlog)
    if listener < 0 { throw NetError("cannot listen on \(address):\(port)", -listener) }
    self.address = address
    self.port = Int(csys_bound_port(listener))
    let loop: Loop
    do throws(NetError) { loop = try Loop(listener: listener, app: app, limits: limits) } catch {
      closeDescriptor(listener)
      throw error
    }
    mailbox = loop.mailbox
    Running { [self, loop = Unchecked(loop)] in
      loop.value.run()
      done.withLock { $0 = true }
    }.detach()
  }

  /// Ends streams, closes the listener, answers what was begun and then closes; forced after the limit.
  public func drain() { mailbox.post(.drain) }

  /// Waits until a drain has ended; false = not within the time.
  public func join(timeoutMs: Int) -> Bool {
    let end = csys_monotonic_ns() + Int64(timeoutMs) * 1_000_000
    while !done.withLock({ $0 }) {
      if csys_monotonic_ns() > end { return false }
      usleep(2000)
    }
    return true
  }
}

/// Hands a value to the one thread that owns it from then on.
struct Unchecked<Value>: @unchecked Sendable {
  let value: Value
  init(_ value: Value) { self.value = value }
}

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
    Thread.start { [self, loop = Unchecked(loop)] in
      loop.value.run()
      done.withLock { $0 = true }
    }
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

/// Runs a body on a thread of its own, which nobody joins.
public func startThread(_ body: @escaping @Sendable () -> Void) { Thread.start(body) }

/// A detached thread with a name-free body.
enum Thread {
  private final class Body {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
  }

  static func start(_ body: @escaping @Sendable () -> Void) {
    var thread = pthread_t()
    // The box is owned by the new thread, which releases it.
    let box = Unmanaged.passRetained(Body(body)).toOpaque()
    let code = pthread_create(
      &thread, nil,
      { box in
        Unmanaged<Body>.fromOpaque(box!).takeRetainedValue().run()
        return nil
      }, box)
    precondition(code == 0, "the system gives no thread")
    pthread_detach(thread)
  }
}

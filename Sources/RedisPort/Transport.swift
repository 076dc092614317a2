import CSys
import CTLS
import Glibc
import Ports

/// One connection to a server, plain or TLS, which never waits but where a deadline is given.
///
/// One thread at a time; may be handed from one to another. After any error it is to be thrown away, since
/// nobody knows which replies are still to come.
final class Transport: @unchecked Sendable {
  private let descriptor: Int32
  private let address: RedisAddress
  private var session: OpaquePointer?
  /// Something was received: the other side speaks our language.
  private var hasHeard = false

  /// Resolves, connects and shakes hands; deadline in monotonic ns. Resolving has no deadline of its own.
  init(_ address: RedisAddress, deadline: Int64) throws(PortError) {
    self.address = address
    descriptor = try Self.connect(address, deadline)
    // Everything is set by now: should this throw, `deinit` frees and closes.
    if address.usesTLS { try shakeHands(deadline) }
  }

  deinit {
    if let session {
      SSL_shutdown(session)
      SSL_free(session)
    }
    Glibc.close(descriptor)
  }

  /// Bytes taken; 0 = not now.
  func send(_ bytes: UnsafeRawBufferPointer) throws(PortError) -> Int {
    guard let start = bytes.baseAddress, !bytes.isEmpty else { return 0 }
    if let session {
      ERR_clear_error()
      let count = SSL_write(session, start, Int32(clamping: bytes.count))
      return count > 0 ? Int(count) : try wouldBlock(session, count)
    }
    let count = Glibc.send(descriptor, start, bytes.count, Int32(MSG_NOSIGNAL))
    return count >= 0 ? count : try wouldBlock()
  }

  /// Bytes received; 0 = none there now. The end of the connection is an error.
  func receive(_ buffer: UnsafeMutableRawBufferPointer) throws(PortError) -> Int {
    if let session {
      ERR_clear_error()
      let count = SSL_read(session, buffer.baseAddress, Int32(clamping: buffer.count))
      return count > 0 ? Int(count) : try wouldBlock(session, count)
    }
    let count = Glibc.recv(descriptor, buffer.baseAddress, buffer.count, 0)
    if count == 0 { throw lost("closed the connection" + hint) }
    if count > 0 { hasHeard = true }
    return count > 0 ? count : try wouldBlock()
  }

  /// Waits until there is something to read, or room to write; throws at the deadline.
  func wait(toWrite: Bool, until deadline: Int64) throws(PortError) {
    guard Self.wait(descriptor, toWrite: toWrite, until: deadline) else { throw lost("did not answer in time") }
  }

  private func lost(_ what: String) -> PortError {
    PortError(code: "redis-connection", isRetriable: true, message: "\(address.masked) \(what)")
  }

  private func wouldBlock() throws(PortError) -> Int {
    let number = errno
    if number == EAGAIN || number == EINTR { return 0 }
    throw lost("was lost: \(String(cString: strerror(number)))" + hint)
  }

  private var hint: String { address.usesTLS || hasHeard ? "" : " (does it expect TLS, rediss://?)" }

  private func wouldBlock(_ session: OpaquePointer, _ result: Int32) throws(PortError) -> Int {
    switch SSL_get_error(session, result) {
    case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: return 0
    case SSL_ERROR_ZERO_RETURN: throw lost("closed the connection")
    case SSL_ERROR_SYSCALL: throw lost("was lost: \(errno == 0 ? "closed" : String(cString: strerror(errno)))")
    default: throw lost("was lost: \(Self.reason())")
    }
  }

  private func shakeHands(_ deadline: Int64) throws(PortError) {
    let context = try TLSContext.make(caFile: address.caFile)
    defer { SSL_CTX_free(context) }
    session = SSL_new(context)
    guard let session else { throw lost("cannot be reached: OpenSSL has no memory") }
    if Self.isNumeric(address.host) {
      X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), address.host)
    } else {
      SSL_set1_host(session, address.host)
      // SSL_set_tlsext_host_name is a macro: control 55, type 0 = host name.
      _ = address.host.withCString { name in
        SSL_ctrl(session, SSL_CTRL_SET_TLSEXT_HOSTNAME, 0, UnsafeMutableRawPointer(mutating: name))
      }
    }
    SSL_set_fd(session, descriptor)
    while true {
      ERR_clear_error()
      let result = SSL_connect(session)
      if result == 1 { return }
      let code = SSL_get_error(session, result)
      if code == SSL_ERROR_WANT_READ || code == SSL_ERROR_WANT_WRITE {
        guard Self.wait(descriptor, toWrite: code == SSL_ERROR_WANT_WRITE, until: deadline) else {
          throw lost("did not answer the TLS handshake: is it a port without TLS (redis://)?")
        }
        continue
      }
      let verified = SSL_get_verify_result(session)
      if verified != X509_V_OK {
        throw lost("shows a certificate we do not accept: \(String(cString: X509_verify_cert_error_string(verified)))")
      }
      let reason = Self.reason()
      throw lost(
        "refused the TLS handshake (\(reason.isEmpty ? "connection closed" : reason)): is it a port without TLS?")
    }
  }

  private static func reason() -> String {
    let code = ERR_get_error()
    guard code != 0, let text = ERR_reason_error_string(code) else { return "" }
    return String(cString: text)
  }

  private static func isNumeric(_ host: String) -> Bool {
    var four = in_addr()
    var six = in6_addr()
    return inet_pton(AF_INET, host, &four) == 1 || inet_pton(AF_INET6, host, &six) == 1
  }

  private static func connect(_ address: RedisAddress, _ deadline: Int64) throws(PortError) -> Int32 {
    func unreachable(_ what: String) -> PortError {
      PortError(code: "redis-connection", isRetriable: true, message: "\(address.masked) cannot be reached: \(what)")
    }
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    let resolved = getaddrinfo(address.host, "\(address.port)", &hints, &list)
    guard resolved == 0 else { throw unreachable(String(cString: gai_strerror(resolved))) }
    defer { freeaddrinfo(list) }
    var reason = "no address"
    var entry = list
    while let candidate = entry?.pointee {
      entry = candidate.ai_next
      let type = candidate.ai_socktype | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
      let descriptor = socket(candidate.ai_family, type, candidate.ai_protocol)
      guard descriptor >= 0 else {
        reason = String(cString: strerror(errno))
        continue
      }
      var on: Int32 = 1
      setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
      var number = Glibc.connect(descriptor, candidate.ai_addr, candidate.ai_addrlen) == 0 ? 0 : errno
      if number == EINPROGRESS {
        if wait(descriptor, toWrite: true, until: deadline) {
          var size = socklen_t(MemoryLayout<Int32>.size)
          getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &number, &size)
        } else {
          number = ETIMEDOUT
        }
      }
      if number == 0 { return descriptor }
      reason = String(cString: strerror(number))
      Glibc.close(descriptor)
    }
    throw unreachable(reason)
  }

  private static func wait(_ descriptor: Int32, toWrite: Bool, until deadline: Int64) -> Bool {
    while true {
      let left = (deadline - csys_monotonic_ns()) / 1_000_000
      guard left > 0 else { return false }
      var entry = pollfd(fd: descriptor, events: Int16(toWrite ? POLLIN | POLLOUT : POLLIN), revents: 0)
      let ready = poll(&entry, 1, Int32(clamping: left))
      if ready > 0 { return true }
      if ready < 0 && errno != EINTR { return false }
    }
  }
}

/// What a TLS session starts from: TLS 1.2 at least, certificates verified.
enum TLSContext {
  static func make(caFile: String?) throws(PortError) -> OpaquePointer {
    guard let context = SSL_CTX_new(TLS_client_method()) else {
      throw PortError(code: "redis-tls", message: "OpenSSL cannot begin a TLS client")
    }
    // Functions of these names are macros over SSL_CTX_ctrl.
    SSL_CTX_ctrl(context, SSL_CTRL_SET_MIN_PROTO_VERSION, Int(TLS1_2_VERSION), nil)
    let mode = SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER
    SSL_CTX_ctrl(context, SSL_CTRL_MODE, Int(mode), nil)
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nil)
    // OpenSSL writes without MSG_NOSIGNAL: a connection that breaks must not end the process.
    ignoreSIGPIPE
    let loaded =
      caFile.map { SSL_CTX_load_verify_locations(context, $0, nil) } ?? SSL_CTX_set_default_verify_paths(context)
    guard loaded == 1 else {
      SSL_CTX_free(context)
      throw PortError(code: "redis-tls", message: "the authorities' file \(caFile ?? "of the system") cannot be read")
    }
    return context
  }

  private static let ignoreSIGPIPE: Void = {
    var current = sigaction()
    sigaction(SIGPIPE, nil, &current)
    if current.__sigaction_handler.sa_handler == nil { signal(SIGPIPE, SIG_IGN) }
  }()
}

import CSys
import Glibc
import Synchronization
import Telemetry

/// One listener, one epoll set, one thread: reads requests, hands them to the app, writes answers.
///
/// Connections are named by a number (generation << 32 | slot) that is never used twice, so a late answer or a
/// stale notice misses. There are no timers per connection: a sweep each 250 ms looks at who is due.
final class Loop {
  let app: any App
  let limits: Limits
  let mailbox: Mailbox
  private let epoll: Int32
  private var listener: Int32
  private var spare: Int32
  private var slots: [Connection?] = []
  private var free: [Int] = []
  private var generation: UInt64 = 0
  private var live = 0
  private var perPeer: [Peer: Int] = [:]
  private var bodyReserved = 0
  private var advancing: Connection?
  private var scratch = [UInt8](repeating: 0, count: 65_536)
  private var now: Int64 = csys_monotonic_ns() / 1_000_000
  private var sweptMs: Int64 = 0
  private var isListening = true
  private var drainByMs: Int64?
  private var date = ""
  private var dateSecond: Int64 = -1

  private static let listenerID = UInt64.max
  private static let mailboxID = UInt64.max - 1

  init(listener: Int32, app: any App, limits: Limits) throws(NetError) {
    self.app = app
    self.limits = limits
    self.listener = listener
    mailbox = try Mailbox(streamBytesMax: limits.streamBytesMax)
    epoll = csys_epoll_create()
    spare = open("/dev/null", O_RDONLY | O_CLOEXEC)
    if epoll < 0 { throw NetError("cannot make an epoll set", -epoll) }
    _ = csys_epoll_set(epoll, listener, UInt32(CSYS_IN), Self.listenerID, 1)
    _ = csys_epoll_set(epoll, mailbox.descriptor, UInt32(CSYS_IN), Self.mailboxID, 1)
  }

  /// Runs until drained.
  func run() {
    csys_name_thread("net")
    var notices = [csys_event](repeating: csys_event(), count: 256)
    while !(drainByMs != nil && live == 0) {
      let count = csys_epoll_wait(epoll, &notices, 256, 250)
      now = csys_monotonic_ns() / 1_000_000
      for notice in notices.prefix(Int(max(0, count))) {
        switch notice.data {
        case Self.listenerID: acceptAll()
        case Self.mailboxID: readMail()
        default: if let connection = connection(notice.data) { serve(connection, notice.events) }
        }
      }
      if now - sweptMs >= 250 { sweep() }
    }
    if listener >= 0 { closeDescriptor(listener) }
    if spare >= 0 { closeDescriptor(spare) }
    closeDescriptor(epoll)
  }

  private func connection(_ id: UInt64) -> Connection? {
    let slot = Int(id & 0xffff_ffff)
    guard slot < slots.count, let connection = slots[slot], connection.id == id else { return nil }
    return connection
  }

  // MARK: Accepting

  private func acceptAll() {
    for _ in 0..<64 {
      var peer = Peer()
      let descriptor = withUnsafeMutableBytes(of: &peer) {
        csys_accept(listener, $0.bindMemory(to: UInt8.self).baseAddress)
      }
      if descriptor == -EMFILE || descriptor == -ENFILE { return outOfDescriptors() }
      if descriptor == -ECONNABORTED || descriptor == -EINTR { continue }
      if descriptor < 0 { return }
      guard makeRoom(for: peer) else {
        closeDescriptor(descriptor)
        continue
      }
      perPeer[peer, default: 0] += 1
      live += 1
      let slot = free.popLast() ?? slots.count
      if slot == slots.count { slots.append(nil) }
      generation += 1
      let connection = Connection(
        descriptor: descriptor, id: generation << 32 | UInt64(slot), peer: peer, limits: limits,
        dueMs: now + limits.headMs)
      slots[slot] = connection
      connection.interest = UInt32(CSYS_IN)
      _ = csys_epoll_set(epoll, descriptor, connection.interest, connection.id, 1)
    }
  }

  /// True = one more may come. Where the table is full, whoever owes us a request and would be cut soonest goes: a
  /// crowd that never finishes its requests keeps nobody out.
  private func makeRoom(for peer: Peer) -> Bool {
    let isFull = live >= limits.connectionCountMax
    guard isFull || perPeer[peer, default: 0] >= limits.perAddressMax else { return true }
    var soonest: Connection?
    for case let connection? in slots where isFull || connection.peer == peer {
      guard [.head, .body, .linger].contains(connection.phase), connection.dueMs < soonest?.dueMs ?? .max else {
        continue
      }
      soonest = connection
    }
    guard let soonest else { return false }
    drop(soonest)
    return true
  }

  /// Takes one client off the queue with the spare descriptor and lets the others wait for the next sweep, so
  /// that a full table costs no processor time.
  private func outOfDescriptors() {
    if spare >= 0 {
      closeDescriptor(spare)
      var peer = Peer()
      let descriptor = withUnsafeMutableBytes(of: &peer) {
        csys_accept(listener, $0.bindMemory(to: UInt8.self).baseAddress)
      }
      if descriptor >= 0 { closeDescriptor(descriptor) }
      spare = open("/dev/null", O_RDONLY | O_CLOEXEC)
    }
    isListening = false
    _ = csys_epoll_set(epoll, listener, 0, Self.listenerID, 0)
  }

  // MARK: One connection

  private func serve(_ connection: Connection, _ events: UInt32) {
    if events & UInt32(CSYS_ERR | CSYS_HUP) != 0 { return drop(connection) }
    if events & UInt32(CSYS_RDHUP) != 0 && connection.phase == .stream { return drop(connection) }
    if events & UInt32(CSYS_OUT) != 0 { flush(connection) }
    if events & UInt32(CSYS_IN) != 0, self.connection(connection.id) != nil { receive(connection) }
  }

  private func receive(_ connection: Connection) {
    let count = read(connection.descriptor, &scratch, scratch.count)
    if count < 0 && (errno == EAGAIN || errno == EINTR) { return }
    if count <= 0 { return drop(connection) }
    switch connection.phase {
    case .head:
      if connection.parser.isIdle { connection.dueMs = now + limits.headMs }
      fallthrough
    case .body:
      connection.parser.append(scratch[0..<count])
      advance(connection)
    case .stream, .linger:
      connection.lingered += count
      if connection.lingered > limits.lingerBytesMax { drop(connection) }
    case .busy, .write, .closed: return
    }
  }

  /// Takes requests out of what arrived, one at a time: the next waits until this one is answered.
  private func advance(_ connection: Connection) {
    advancing = connection
    defer { advancing = nil }
    while connection.phase == .head || connection.phase == .body {
      switch connection.parser.step() {
      case .more:
        if connection.phase == .body && connection.head.expectsContinue && !connection.sentContinue {
          connection.sentContinue = true
          connection.queue("HTTP/1.1 100 Continue\r\n\r\n".utf8)
          flush(connection)
        }
        return watch(connection)
      case .refused(let refusal):
        answer(connection, .text(refusal.status, Response.reason(refusal.status) + "\n"), closing: true)
      case .head(let head):
        connection.head = head
        connection.sentContinue = false
        switch app.admit(head) {
        case .refuse(let response):
          // A body may follow that nobody reads.
          answer(connection, response, closing: head.isChunked || head.contentLength != 0)
        case .take(let most):
          let reserve = head.contentLength ?? most
          if reserve > most {
            answer(connection, .text(413, "the body may have \(most) bytes\n"), closing: true)
          } else if bodyReserved + reserve > limits.bodyBytesTotalMax {
            answer(connection, .text(503, "too many bodies at once; try again\n"), closing: true)
          } else {
            connection.parser.bodyBytesMax = most
            connection.bodyReserved = reserve
            bodyReserved += reserve
            connection.phase = .body
            connection.dueMs = now + limits.bodyMs
          }
        }
      case .body(let body):
        connection.phase = .busy
        connection.dueMs = .max
        let responder = Responder(id: connection.id, mailbox: mailbox, isHead: connection.head.method == "HEAD")
        app.handle(Request(head: connection.head, body: body), responder)
        watch(connection)
      }
    }
  }

  private func answer(_ connection: Connection, _ response: Response, closing: Bool) {
    connection.closesAfterAnswer = closing || !connection.head.keepsAlive || drainByMs != nil
    release(connection)
    let isHead = connection.head.method == "HEAD"
    connection.queue(
      response.wire(.counted, withBody: !isHead, keepsAlive: !connection.closesAfterAnswer, date: dateNow()))
    connection.phase = .write
    connection.dueMs = now + limits.writeMs
    flush(connection)
  }

  /// Writes what it can; at the end of an answer goes on to the next request, or ends the connection.
  private func flush(_ connection: Connection) {
    while connection.outWaiting > 0 {
      let count = connection.out.withUnsafeBytes {
        send(
          connection.descriptor, $0.baseAddress! + connection.outAt, connection.outWaiting, Int32(MSG_NOSIGNAL)
        )
      }
      if count < 0 && errno == EINTR { continue }
      if count < 0 && errno == EAGAIN { return watch(connection) }
      if count <= 0 { return drop(connection) }
      connection.outAt += count
      if let stream = connection.stream {
        stream.waiting.wrappingSubtract(min(count, stream.waiting.load(ordering: .relaxed)), ordering: .relaxed)
        connection.dueMs = now + limits.streamStallMs
      }
    }
    switch connection.phase {
    case .write where connection.closesAfterAnswer: finish(connection)
    case .write:
      connection.phase = .head
      connection.dueMs = now + (connection.parser.isIdle ? limits.idleMs : limits.headMs)
      // A client that pipelines is served by the loop in `advance`, not by ever deeper calls.
      if advancing !== connection { advance(connection) }
    case .stream where connection.streamEnds: finish(connection)
    case .stream:
      connection.dueMs = .max
      watch(connection)
    default: watch(connection)
    }
  }

  /// Nothing more will be sent; what the client still sends is swallowed for a while, since closing over unread
  /// input would reset the connection and could destroy the answer.
  private func finish(_ connection: Connection) {
    shutdown(connection.descriptor, Int32(SHUT_WR))
    connection.stream?.close()
    connection.stream = nil
    connection.phase = .linger
    connection.lingered = 0
    connection.dueMs = now + limits.lingerMs
    watch(connection)
  }

  private func watch(_ connection: Connection) {
    var events: UInt32 = connection.outWaiting > 0 ? UInt32(CSYS_OUT) : 0
    switch connection.phase {
    case .head, .body, .linger: events |= UInt32(CSYS_IN)
    case .stream: events |= UInt32(CSYS_IN | CSYS_RDHUP)
    case .busy, .write: break
    case .closed: return
    }
    if events == connection.interest { return }
    connection.interest = events
    _ = csys_epoll_set(epoll, connection.descriptor, events, connection.id, 0)
  }

  private func release(_ connection: Connection) {
    bodyReserved -= connection.bodyReserved
    connection.bodyReserved = 0
  }

  private func drop(_ connection: Connection, reset: Bool = false) {
    let slot = Int(connection.id & 0xffff_ffff)
    guard slots[slot] === connection else { return }
    release(connection)
    connection.stream?.close()
    if reset { csys_reset_on_close(connection.descriptor) }
    closeDescriptor(connection.descriptor)
    slots[slot] = nil
    connection.phase = .closed
    free.append(slot)
    live -= 1
    let left = perPeer[connection.peer, default: 1] - 1
    perPeer[connection.peer] = left == 0 ? nil : left
  }

  // MARK: Messages and time

  private func readMail() {
    for message in mailbox.take() {
      switch message {
      case .answer(let id, let response):
        guard let connection = connection(id), connection.phase == .busy else { continue }
        answer(connection, response, closing: false)
      case .stream(let id, let response, let stream):
        guard let connection = connection(id), connection.phase == .busy else {
          stream.close()
          continue
        }
        begin(stream, on: connection, with: response)
      case .write(let id, let bytes):
        guard let connection = connection(id), connection.phase == .stream else { continue }
        if connection.outWaiting == 0 { connection.dueMs = now + limits.streamStallMs }
        if connection.head.minor == 1 {
          connection.queue("\(String(bytes.count, radix: 16))\r\n".utf8)
          connection.queue(bytes)
          connection.queue("\r\n".utf8)
        } else {
          connection.queue(bytes)
        }
        flush(connection)
      case .end(let id):
        if let connection = connection(id), connection.phase == .stream { endStream(connection) }
      case .cut(let id): if let connection = connection(id) { drop(connection, reset: true) }
      case .drain: beginDrain()
      }
    }
  }

  private func begin(_ stream: ByteStream, on connection: Connection, with response: Response) {
    release(connection)
    connection.stream = stream
    connection.phase = .stream
    connection.closesAfterAnswer = true
    let framing: Response.Framing = connection.head.minor == 1 ? .chunked : .untilClose
    connection.queue(response.wire(framing, withBody: false, keepsAlive: false, date: dateNow()))
    if drainByMs != nil { return endStream(connection) }
    flush(connection)
  }

  private func endStream(_ connection: Connection) {
    connection.stream?.close()
    connection.streamEnds = true
    if connection.head.minor == 1 { connection.queue("0\r\n\r\n".utf8) }
    connection.dueMs = now + limits.writeMs
    flush(connection)
  }

  private func beginDrain() {
    guard drainByMs == nil else { return }
    drainByMs = now + limits.drainMs
    closeDescriptor(listener)
    listener = -1
    for case let connection? in slots {
      switch connection.phase {
      case .stream: endStream(connection)
      case .head where connection.parser.isIdle: connection.dueMs = min(connection.dueMs, now + 500)
      default: continue
      }
    }
  }

  private func sweep() {
    sweptMs = now
    if !isListening && listener >= 0 {
      isListening = true
      _ = csys_epoll_set(epoll, listener, UInt32(CSYS_IN), Self.listenerID, 0)
    }
    let isForced = drainByMs.map { now >= $0 } ?? false
    for case let connection? in slots where isForced || now >= connection.dueMs {
      switch connection.phase {
      case .head where connection.parser.isIdle && !isForced: drop(connection)
      case .head where !isForced, .body where !isForced:
        answer(connection, .text(408, "the request did not arrive in time\n"), closing: true)
      default: drop(connection, reset: connection.phase != .linger)
      }
    }
  }

  private func dateNow() -> String {
    let ms = csys_wall_ms()
    if ms / 1000 != dateSecond {
      dateSecond = ms / 1000
      date = HTTPDate.text(ms)
    }
    return date
  }
}

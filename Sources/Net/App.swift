import CSys
import Synchronization
import Telemetry

/// What stands behind a server. Both calls come on the loop's thread and must not block.
public protocol App: Sendable {
  /// Before the body is read: its limit for this route, or the answer that refuses the request.
  func admit(_ head: RequestHead) -> Admission
  /// A whole request. Answer at once, or keep the responder and answer from any thread, once.
  func handle(_ request: Request, _ responder: Responder)
}

public enum Admission: Sendable {
  case take(bodyBytesMax: Int)
  case refuse(Response)
}

/// Answers one request, from any thread, once. It does not hold the connection: an answer to a client that is
/// gone is dropped.
public final class Responder: Sendable {
  private let id: UInt64
  private let mailbox: Mailbox
  private let used = Atomic<Bool>(false)
  private let isHead: Bool

  init(id: UInt64, mailbox: Mailbox, isHead: Bool) {
    self.id = id
    self.mailbox = mailbox
    self.isHead = isHead
  }

  public func send(_ response: Response) {
    if used.exchange(true, ordering: .relaxed) { return }
    mailbox.post(.answer(id, response))
  }

  /// Begins an answer without an end; write to the stream returned.
  public func stream(_ response: Response) -> ByteStream {
    let stream = ByteStream(id: id, mailbox: mailbox)
    if used.exchange(true, ordering: .relaxed) || isHead { stream.close() }
    if isHead { mailbox.post(.answer(id, response)) } else { mailbox.post(.stream(id, response, stream)) }
    return stream
  }

  deinit {
    if !used.load(ordering: .relaxed) { mailbox.post(.answer(id, .text(500, "no answer\n"))) }
  }
}

/// The open end of a streamed answer; any thread may write.
public final class ByteStream: Sendable {
  private let id: UInt64
  private let mailbox: Mailbox
  private let closed = Atomic<Bool>(false)
  let waiting = Atomic<Int>(0)

  init(id: UInt64, mailbox: Mailbox) {
    self.id = id
    self.mailbox = mailbox
  }

  /// Queues bytes; false = the client is gone or too slow, and no later write will arrive.
  public func write(_ bytes: [UInt8]) -> Bool {
    if closed.load(ordering: .relaxed) { return false }
    if bytes.isEmpty { return true }
    if waiting.wrappingAdd(bytes.count, ordering: .relaxed).newValue > mailbox.streamBytesMax {
      close()
      mailbox.post(.cut(id))
      return false
    }
    mailbox.post(.write(id, bytes))
    return true
  }

  public func end() {
    if !closed.exchange(true, ordering: .relaxed) { mailbox.post(.end(id)) }
  }

  func close() { closed.store(true, ordering: .relaxed) }
}

/// Messages from other threads to a loop.
final class Mailbox: Sendable {
  enum Message {
    case answer(UInt64, Response)
    case stream(UInt64, Response, ByteStream)
    case write(UInt64, [UInt8])
    case end(UInt64)
    case cut(UInt64)
    case drain
  }
  private let queue = Locked([Message]())
  let descriptor: Int32
  let streamBytesMax: Int

  init(streamBytesMax: Int) throws(NetError) {
    descriptor = csys_eventfd()
    self.streamBytesMax = streamBytesMax
    if descriptor < 0 { throw NetError("cannot make an eventfd", -descriptor) }
  }

  deinit { closeDescriptor(descriptor) }

  func post(_ message: Message) {
    let isFirst = queue.withLock { queue in
      queue.append(message)
      return queue.count == 1
    }
    if isFirst { csys_eventfd_signal(descriptor) }
  }

  /// Everything that was posted, in order.
  func take() -> [Message] {
    csys_eventfd_clear(descriptor)
    return queue.withLock { queue in
      defer { queue = [] }
      return queue
    }
  }
}

/// One client. It belongs to the loop's thread and never leaves it.
final class Connection {
  enum Phase {
    /// Waiting for a request, or within its head.
    case head
    case body
    /// The app owes the answer.
    case busy
    /// The answer is on its way out.
    case write
    case stream
    /// Everything is sent; what still arrives is swallowed.
    case linger
    case closed
  }

  let descriptor: Int32
  let id: UInt64
  let peer: Peer
  var phase = Phase.head
  var parser: RequestParser
  var head = RequestHead()
  /// Bytes on their way out, and how far they are.
  var out: [UInt8] = []
  var outAt = 0
  var stream: ByteStream?
  var streamEnds = false
  var closesAfterAnswer = false
  var sentContinue = false
  var bodyReserved = 0
  var lingered = 0
  /// When patience ends, on the monotonic clock.
  var dueMs: Int64
  var interest: UInt32 = 0

  init(descriptor: Int32, id: UInt64, peer: Peer, limits: Limits, dueMs: Int64) {
    self.descriptor = descriptor
    self.id = id
    self.peer = peer
    self.dueMs = dueMs
    parser = RequestParser(limits)
  }

  var outWaiting: Int { out.count - outAt }

  func queue(_ bytes: some Collection<UInt8>) {
    if outAt == out.count {
      out.removeAll(keepingCapacity: out.capacity <= 16_384)
      outAt = 0
    }
    out.append(contentsOf: bytes)
  }
}

/// Who a client is, for counting: an IPv4 address, or the /64 of an IPv6 address.
struct Peer: Hashable {
  var high: UInt64 = 0
  var low: UInt64 = 0
}

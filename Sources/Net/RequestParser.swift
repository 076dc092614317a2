/// Turns bytes, cut anywhere, into requests. A plain value: the same bytes give the same steps however they
/// were cut, which the tests rely on.
///
/// Feed it with ``append(_:)`` and call ``step()`` until it wants ``Step/more``. After ``Step/head(_:)`` set
/// ``bodyBytesMax`` as the route allows, then go on. After a refusal it says the same for ever.
public struct RequestParser {
  public enum Step: Equatable {
    case more
    case head(RequestHead)
    case body([UInt8])
    case refused(Refusal)
  }
  private enum State: Equatable {
    case head
    case counted(remaining: Int)
    case chunkSize
    case chunkData(remaining: Int)
    case chunkEnd
    case trailer
    case refused(Refusal)
  }

  /// Most bytes of the body of the request whose head was just returned.
  public var bodyBytesMax = 0
  private let limits: Limits
  private var state = State.head
  private var bytes: [UInt8] = []
  private var at = 0
  /// Bytes of the current line or head that were looked at already.
  private var seen = 0
  private var body: [UInt8] = []
  private var trailerBytes = 0

  public init(_ limits: Limits) { self.limits = limits }

  /// Nothing of a request has arrived yet.
  public var isIdle: Bool { state == .head && at == bytes.count }

  public mutating func append(_ chunk: some Collection<UInt8>) {
    if at == bytes.count {
      bytes.removeAll(keepingCapacity: bytes.capacity <= 16_384)
      at = 0
    } else if at > 65_536 {
      bytes.removeFirst(at)
      at = 0
    }
    bytes.append(contentsOf: chunk)
  }

  public mutating func step() -> Step {
    do throws(Refusal) { return try advance() } catch {
      state = .refused(error)
      bytes = []
      body = []
      at = 0
      return .refused(error)
    }
  }

  private mutating func advance() throws(Refusal) -> Step {
    while true {
      switch state {
      case .refused(let refusal): throw refusal
      case .head:
        guard let end = try headEnd() else { return .more }
        let head = try HeadParser.parse(bytes[at..<(end - 2)], limits).get()
        consume(to: end)
        body = []
        trailerBytes = 0
        bodyBytesMax = 0
        state = head.contentLength.map { .counted(remaining: $0) } ?? .chunkSize
        return .head(head)
      case .counted(let remaining):
        if body.count + remaining > bodyBytesMax { throw Refusal(413) }
        if !take(remaining) { return .more }
        return finish()
      case .chunkSize:
        guard let line = try line(most: limits.trailerBytesMax) else { return .more }
        let size = try Self.chunkSize(line)
        if size > bodyBytesMax - body.count { throw Refusal(413) }
        state = size == 0 ? .trailer : .chunkData(remaining: size)
      case .chunkData(let remaining):
        if !take(remaining) { return .more }
        state = .chunkEnd
      case .chunkEnd:
        guard let line = try line(most: 2) else { return .more }
        if !line.isEmpty { throw Refusal(400) }
        state = .chunkSize
      case .trailer:
        guard let line = try line(most: limits.trailerBytesMax - trailerBytes) else { return .more }
        if line.isEmpty { return finish() }
        trailerBytes += line.count + 2
        let field = try HeadParser.field(line)
        if ["content-length", "transfer-encoding", "host", "expect"].contains(field.name) { throw Refusal(400) }
      }
    }
  }

  private mutating func finish() -> Step {
    state = .head
    defer { body = [] }
    return .body(body)
  }

  /// Index after the empty line; nil = not there yet. A control byte or a lone CR or LF is refused as soon as it
  /// is seen.
  private mutating func headEnd() throws(Refusal) -> Int? {
    var index = at + seen
    while index < bytes.count {
      let byte = bytes[index]
      if byte < 0x20 || byte == 0x7f {
        switch byte {
        case UInt8(ascii: "\n"):
          guard index > at, bytes[index - 1] == UInt8(ascii: "\r") else { throw Refusal(400) }
          let length = index + 1 - at
          if length == 2 { throw Refusal(400) }
          if length > limits.headBytesMax { throw Refusal(431) }
          if bytes[index - 2] == UInt8(ascii: "\n") { return index + 1 }
        case UInt8(ascii: "\r"):
          if index + 1 < bytes.count && bytes[index + 1] != UInt8(ascii: "\n") { throw Refusal(400) }
        case UInt8(ascii: "\t"): break
        default: throw Refusal(400)
        }
      }
      index += 1
    }
    if bytes.count - at > limits.headBytesMax { throw Refusal(431) }
    // A CR at the end is looked at again, with what follows it.
    seen = bytes.last == UInt8(ascii: "\r") && bytes.count > at ? bytes.count - at - 1 : bytes.count - at
    return nil
  }

  /// A line without its CR LF; nil = not there yet.
  private mutating func line(most: Int) throws(Refusal) -> ArraySlice<UInt8>? {
    var index = at + seen
    while index < bytes.count {
      if index - at >= most + 2 { throw Refusal(400) }
      switch bytes[index] {
      case UInt8(ascii: "\n"):
        guard index > at, bytes[index - 1] == UInt8(ascii: "\r") else { throw Refusal(400) }
        let line = bytes[at..<(index - 1)]
        consume(to: index + 1)
        return line
      case UInt8(ascii: "\r"):
        if index + 1 < bytes.count && bytes[index + 1] != UInt8(ascii: "\n") { throw Refusal(400) }
      case UInt8(ascii: "\t"): break
      case 0..<0x20, 0x7f: throw Refusal(400)
      default: break
      }
      index += 1
    }
    seen = bytes.last == UInt8(ascii: "\r") && bytes.count > at ? bytes.count - at - 1 : bytes.count - at
    return nil
  }

  /// Moves up to `remaining` bytes into the body; false = some are missing.
  private mutating func take(_ remaining: Int) -> Bool {
    let count = min(remaining, bytes.count - at)
    body.append(contentsOf: bytes[at..<(at + count)])
    consume(to: at + count)
    if count == remaining { return true }
    switch state {
    case .counted: state = .counted(remaining: remaining - count)
    default: state = .chunkData(remaining: remaining - count)
    }
    return false
  }

  private mutating func consume(to index: Int) {
    at = index
    seen = 0
  }

  /// 1 to 8 hexadecimal digits, then nothing or an extension, which is dropped.
  private static func chunkSize(_ line: ArraySlice<UInt8>) throws(Refusal) -> Int {
    let digits = line.prefix { $0 != UInt8(ascii: ";") }
    guard (1...8).contains(digits.count) else { throw Refusal(400) }
    var size = 0
    for byte in digits {
      guard let digit = hexDigit(byte) else { throw Refusal(400) }
      size = size << 4 | Int(digit)
    }
    return size
  }
}

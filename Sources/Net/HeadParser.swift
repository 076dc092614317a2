/// Reads the head of a request: the request line and its fields, each rule as strict as the standard allows,
/// because what two parsers read differently is how requests are smuggled.
///
/// Takes the bytes before the empty line; their line ends were checked by the caller (only CR LF).
/// - SeeAlso: RFC 9112 sections 2, 3, 5, 6; RFC 9110 section 5.
struct HeadParser {
  private let limits: Limits
  private var head = RequestHead()
  private var hosts = 0
  private var lengths = 0
  private var codings = 0

  /// The head, or the status it is refused with.
  static func parse(_ bytes: ArraySlice<UInt8>, _ limits: Limits) -> Result<RequestHead, Refusal> {
    var parser = HeadParser(limits: limits)
    do throws(Refusal) {
      try parser.read(bytes)
      return .success(parser.head)
    } catch {
      return .failure(error)
    }
  }

  private init(limits: Limits) { self.limits = limits }

  private mutating func read(_ bytes: ArraySlice<UInt8>) throws(Refusal) {
    var lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    if lines.last?.isEmpty == true { lines.removeLast() }
    for index in lines.indices where lines[index].last == UInt8(ascii: "\r") { lines[index].removeLast() }
    guard let first = lines.first else { throw Refusal(400) }
    try requestLine(first)
    if lines.count - 1 > limits.fieldCountMax { throw Refusal(431) }
    for line in lines.dropFirst() {
      let field = try Self.field(line)
      try heed(field)
      head.fields.append(field)
    }
    if hosts > 1 || (hosts == 0 && head.minor == 1) { throw Refusal(400) }
    if codings > 0 && (lengths > 0 || head.minor == 0) { throw Refusal(400) }
  }

  private mutating func requestLine(_ line: ArraySlice<UInt8>) throws(Refusal) {
    let parts = line.split(separator: 0x20, omittingEmptySubsequences: false)
    guard parts.count == 3, !parts[0].isEmpty, parts[0].allSatisfy(Self.isToken) else { throw Refusal(400) }
    let (method, target, version) = (parts[0], parts[1], parts[2])
    switch version.count {
    case 8 where version.elementsEqual("HTTP/1.1".utf8): head.minor = 1
    case 8 where version.elementsEqual("HTTP/1.0".utf8):
      head.minor = 0
      head.keepsAlive = false
    case 8 where version.starts(with: "HTTP/".utf8) && Self.isVersion(version.dropFirst(5)): throw Refusal(505)
    default: throw Refusal(400)
    }
    if target.count > limits.targetBytesMax { throw Refusal(414) }
    let isAsterisk = target.elementsEqual("*".utf8) && method.elementsEqual("OPTIONS".utf8)
    guard target.first == UInt8(ascii: "/") || isAsterisk else { throw Refusal(400) }
    guard target.allSatisfy({ $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "#") }) else { throw Refusal(400) }
    head.method = String(decoding: method, as: UTF8.self)
    head.target = String(decoding: target, as: UTF8.self)
  }

  /// One `name: value`; also used for trailers.
  static func field(_ line: ArraySlice<UInt8>) throws(Refusal) -> RequestHead.Field {
    guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > line.startIndex,
      line[..<colon].allSatisfy(isToken)
    else { throw Refusal(400) }
    var value = line[(colon + 1)...]
    while let first = value.first, first == 0x20 || first == 0x09 { value.removeFirst() }
    while let last = value.last, last == 0x20 || last == 0x09 { value.removeLast() }
    guard value.allSatisfy({ ($0 >= 0x20 && $0 != 0x7f) || $0 == 0x09 }) else { throw Refusal(400) }
    let name = line[..<colon].map { $0 >= 0x41 && $0 <= 0x5a ? $0 | 0x20 : $0 }
    return RequestHead.Field(
      name: String(decoding: name, as: UTF8.self), value: String(decoding: value, as: UTF8.self))
  }

  private mutating func heed(_ field: RequestHead.Field) throws(Refusal) {
    switch field.name {
    case "host":
      hosts += 1
      guard !field.value.isEmpty, field.value.utf8.allSatisfy(Self.isHostByte) else { throw Refusal(400) }
    case "content-length":
      lengths += 1
      let digits = field.value.utf8
      guard lengths == 1, (1...18).contains(digits.count), digits.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }),
        let length = Int(field.value)
      else { throw Refusal(400) }
      head.contentLength = length
    case "transfer-encoding":
      codings += 1
      guard codings == 1 else { throw Refusal(400) }
      guard field.value.lowercased() == "chunked" else { throw Refusal(501) }
      head.contentLength = nil
    case "expect":
      guard field.value.lowercased() == "100-continue" else { throw Refusal(417) }
      head.expectsContinue = head.minor == 1
    case "connection":
      for option in field.value.lowercased().split(separator: ",") {
        switch option.drop(while: { $0 == " " || $0 == "\t" }).prefix(while: { $0 != " " && $0 != "\t" }) {
        case "close": head.keepsAlive = false
        case "keep-alive" where head.minor == 0: head.keepsAlive = true
        default: continue
        }
      }
    default: return
    }
  }

  static func isToken(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
    case UInt8(ascii: "0")...UInt8(ascii: "9"): true
    default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
    }
  }

  private static func isHostByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
    case UInt8(ascii: "0")...UInt8(ascii: "9"): true
    default: "-._~:[]%".utf8.contains(byte)
    }
  }

  private static func isVersion(_ text: ArraySlice<UInt8>) -> Bool {
    let bytes = Array(text)
    func digit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }
    return bytes.count == 3 && digit(bytes[0]) && bytes[1] == UInt8(ascii: ".") && digit(bytes[2])
  }
}

/// The status a request is refused with; the connection ends after it.
public struct Refusal: Error, Equatable, Sendable {
  public var status: Int
  public init(_ status: Int) { self.status = status }
}

/// Everything of a request before its body. Field names are in lower case; the path is as it was sent.
public struct RequestHead: Sendable, Equatable {
  public struct Field: Sendable, Equatable {
    public var name: String
    public var value: String
  }
  public var method = ""
  public var target = ""
  /// 0 or 1 of HTTP/1.x.
  public var minor = 1
  public var fields: [Field] = []
  /// nil when the body is chunked.
  public var contentLength: Int? = 0
  public var keepsAlive = true
  public var expectsContinue = false
  public init() {}

  public var isChunked: Bool { contentLength == nil }
  public var path: Substring { target.prefix { $0 != "?" } }
  public var host: String { self["host"] ?? "" }

  /// Value of a field that stands once; the first of several.
  public subscript(name: String) -> String? { fields.first { $0.name == name }?.value }

  /// One value of the query, percent-decoded; nil when missing or not decodable to UTF-8.
  public func query(_ name: String) -> String? {
    guard let mark = target.firstIndex(of: "?") else { return nil }
    for pair in target[target.index(after: mark)...].split(separator: "&") {
      let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      if Self.decoded(parts[0]) == name { return parts.count == 2 ? Self.decoded(parts[1]) : "" }
    }
    return nil
  }

  /// Percent-decodes; `+` is a blank. nil for a broken escape, a NUL or what is not UTF-8.
  public static func decoded(_ text: some StringProtocol) -> String? {
    var bytes: [UInt8] = []
    var rest = text.utf8.makeIterator()
    while let byte = rest.next() {
      switch byte {
      case UInt8(ascii: "+"): bytes.append(0x20)
      case UInt8(ascii: "%"):
        guard let high = rest.next().flatMap(hexDigit), let low = rest.next().flatMap(hexDigit) else { return nil }
        bytes.append(high << 4 | low)
      default: bytes.append(byte)
      }
    }
    return bytes.contains(0) ? nil : String(validating: bytes, as: UTF8.self)
  }
}

/// A whole request.
public struct Request: Sendable {
  public var head: RequestHead
  public var body: [UInt8]
}

/// Value of an ASCII hexadecimal digit.
func hexDigit(_ byte: UInt8) -> UInt8? {
  switch byte {
  case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
  case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
  case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
  default: nil
  }
}

/// An answer. Length, date and connection fields are added when it is sent.
public struct Response: Sendable {
  public var status: Int
  public var fields: [(name: String, value: String)]
  public var body: [UInt8]

  public init(_ status: Int, fields: [(name: String, value: String)] = [], body: [UInt8] = []) {
    self.status = status
    self.fields = fields
    self.body = body
  }

  public static func text(_ status: Int, _ text: String) -> Response {
    Response(status, fields: [("Content-Type", "text/plain; charset=utf-8")], body: Array(text.utf8))
  }

  public static func json(_ body: [UInt8], status: Int = 200) -> Response {
    Response(
      status, fields: [("Content-Type", "application/json"), ("Cache-Control", "no-store")], body: body)
  }

  public static func reason(_ status: Int) -> String {
    switch status {
    case 200: "OK"
    case 201: "Created"
    case 204: "No Content"
    case 304: "Not Modified"
    case 400: "Bad Request"
    case 401: "Unauthorized"
    case 403: "Forbidden"
    case 404: "Not Found"
    case 405: "Method Not Allowed"
    case 408: "Request Timeout"
    case 413: "Content Too Large"
    case 414: "URI Too Long"
    case 415: "Unsupported Media Type"
    case 417: "Expectation Failed"
    case 421: "Misdirected Request"
    case 429: "Too Many Requests"
    case 431: "Request Header Fields Too Large"
    case 500: "Internal Server Error"
    case 501: "Not Implemented"
    case 503: "Service Unavailable"
    case 505: "HTTP Version Not Supported"
    default: "Unknown"
    }
  }

  /// How the client knows where the body ends.
  enum Framing { case counted, chunked, untilClose }

  /// The bytes on the wire.
  func wire(_ framing: Framing, withBody: Bool, keepsAlive: Bool, date: String) -> [UInt8] {
    var head = "HTTP/1.1 \(status) \(Self.reason(status))\r\nDate: \(date)\r\n"
    for (name, value) in fields {
      // A value of ours that quotes a client must not begin a new line.
      let safe = value.unicodeScalars.filter { $0.value >= 0x20 && $0.value != 0x7f }
      head += "\(name): \(String(String.UnicodeScalarView(safe)))\r\n"
    }
    switch framing {
    case .counted: head += "Content-Length: \(body.count)\r\n"
    case .chunked: head += "Transfer-Encoding: chunked\r\n"
    case .untilClose: break
    }
    if !keepsAlive { head += "Connection: close\r\n" }
    var bytes = Array(head.utf8)
    bytes.append(contentsOf: "\r\n".utf8)
    if withBody { bytes.append(contentsOf: body) }
    return bytes
  }
}

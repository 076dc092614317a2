public import Ports

/// Where a Redis server is and how to sign in.
///
/// Reads `redis://user:password@host:port/db`, `rediss://…` for TLS, plain `host:port`, and Feast's
/// `host:port,db=0,ssl=true,password=…`.
public struct RedisAddress: Sendable, Equatable {
  public var host = "127.0.0.1"
  public var port: UInt16 = 6379
  public var database = 0
  public var user: String?
  public var password: String?
  public var usesTLS = false
  /// PEM file of the authorities to trust; nil = the system's.
  public var caFile: String?

  public init(_ text: String) throws(PortError) {
    if let end = text.firstRange(of: "://") {
      try readURL(scheme: text[..<end.lowerBound].lowercased(), rest: text[end.upperBound...])
    } else {
      try readList(text)
    }
  }

  /// The address as it may be logged: without user and password.
  public var masked: String {
    (usesTLS ? "rediss" : "redis") + "://" + (host.contains(":") ? "[\(host)]" : host) + ":\(port)/\(database)"
  }

  private mutating func readURL(scheme: String, rest: Substring) throws(PortError) {
    switch scheme {
    case "redis": break
    case "rediss": usesTLS = true
    case _ where scheme.contains("sentinel"): throw Self.sentinel
    case _ where scheme.contains("cluster"): throw Self.cluster
    default: throw Self.error("redis.url begins with \(scheme)://, which is none of redis:// and rediss://")
    }
    var rest = rest
    if let query = rest.firstIndex(of: "?") {
      for pair in rest[rest.index(after: query)...].split(separator: "&") { try readSetting(pair) }
      rest = rest[..<query]
    }
    if let slash = rest.firstIndex(of: "/") {
      let path = rest[rest.index(after: slash)...]
      if !path.isEmpty { database = try Self.number(path, "database", 0...65535) }
      rest = rest[..<slash]
    }
    if let at = rest.lastIndex(of: "@") {
      let signIn = rest[..<at]
      rest = rest[rest.index(after: at)...]
      if let colon = signIn.firstIndex(of: ":") {
        let name = try Self.unescaped(signIn[..<colon])
        user = name.isEmpty ? nil : name
        password = try Self.unescaped(signIn[signIn.index(after: colon)...])
      } else {
        user = try Self.unescaped(signIn)
      }
    }
    if rest.contains(",") { throw Self.cluster }
    try readHost(rest)
  }

  private mutating func readList(_ text: String) throws(PortError) {
    let parts = text.split(separator: ",", omittingEmptySubsequences: true)
    guard let first = parts.first else { throw Self.error("redis.url is empty") }
    for part in parts.dropFirst() {
      guard part.contains("=") else { throw Self.cluster }
      try readSetting(part)
    }
    try readHost(first)
  }

  private mutating func readHost(_ text: Substring) throws(PortError) {
    var text = text
    if text.hasPrefix("["), let end = text.firstIndex(of: "]") {
      host = String(text[text.index(after: text.startIndex)..<end])
      text = text[text.index(after: end)...]
      guard text.isEmpty || text.hasPrefix(":") else { throw Self.error("redis.url: nothing but :port may follow ]") }
    } else {
      let colon = text.firstIndex(of: ":") ?? text.endIndex
      host = String(text[..<colon])
      text = text[colon...]
    }
    guard !host.isEmpty else { throw Self.error("redis.url names no host") }
    if text.count > 1 { port = UInt16(try Self.number(text.dropFirst(), "port", 1...65535)) }
  }

  private mutating func readSetting(_ pair: Substring) throws(PortError) {
    let equals = pair.firstIndex(of: "=") ?? pair.endIndex
    let name = pair[..<equals].lowercased()
    let value = String(pair[equals...].dropFirst())
    switch name {
    case "db": database = try Self.number(value[...], "database", 0...65535)
    case "ssl": usesTLS = value.lowercased() == "true" || value == "1"
    case "username": user = value.isEmpty ? nil : value
    case "password": password = value
    case "ssl_ca_certs": caFile = value
    default:
      throw Self.error("redis.url has the setting \(name), known are db, ssl, username, password and ssl_ca_certs")
    }
  }

  private static func number(_ text: Substring, _ what: String, _ range: ClosedRange<Int>) throws(PortError) -> Int {
    guard let number = Int(text), range.contains(number) else {
      throw error("redis.url: \(what) is not a number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  /// Undoes percent escapes; the text itself is in no message, since it may be a password.
  private static func unescaped(_ text: Substring) throws(PortError) -> String {
    var bytes: [UInt8] = []
    var rest = text.utf8[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      guard rest.count >= 2, let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) else {
        throw error("redis.url: a % in user or password is not followed by two hexadecimal digits")
      }
      bytes.append(value)
      rest = rest.dropFirst(2)
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  static let cluster = error(
    "Redis Cluster is not supported yet: give redis.url one server that is not part of a cluster")
  static let sentinel = error(
    "Redis Sentinel is not supported yet: give redis.url the primary itself, or a name that follows it")

  private static func error(_ message: String) -> PortError { PortError(code: "redis-url", message: message) }
}

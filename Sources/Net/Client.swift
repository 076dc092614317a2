import CSys
import Glibc

/// A small HTTP/1.1 client for our own servers on numeric addresses: one request, one connection.
public struct Client: Sendable {
  public var address: String
  public var port: Int
  public var timeoutMs: Int

  public init(address: String, port: Int, timeoutMs: Int = 3000) {
    self.address = address
    self.port = port
    self.timeoutMs = timeoutMs
  }

  /// Reads `http://127.0.0.1:9464`; `localhost` stands for 127.0.0.1. nil = not such an address.
  public init?(url: String, timeoutMs: Int = 3000) {
    guard url.hasPrefix("http://") else { return nil }
    let place = url.dropFirst(7).prefix { $0 != "/" }
    guard let colon = place.lastIndex(of: ":"), let port = Int(place[place.index(after: colon)...]),
      (1...65535).contains(port)
    else { return nil }
    var host = place[..<colon]
    if host.hasPrefix("[") && host.hasSuffix("]") { host = host.dropFirst().dropLast() }
    self.init(address: host == "localhost" ? "127.0.0.1" : String(host), port: port, timeoutMs: timeoutMs)
  }

  /// Status and body. Reads until the server closes, at most 16 MiB.
  public func get(_ target: String) throws(NetError) -> (status: Int, body: [UInt8]) {
    guard let wanted = UInt16(exactly: port) else { throw NetError("not a port: \(port)") }
    let descriptor = csys_connect(address, wanted, Int32(timeoutMs))
    if descriptor < 0 { throw NetError("cannot reach \(address):\(port)", -descriptor) }
    defer { closeDescriptor(descriptor) }
    let host = address.contains(":") ? "[\(address)]" : address
    let request = Array("GET \(target) HTTP/1.0\r\nHost: \(host):\(port)\r\n\r\n".utf8)
    var sent = 0
    while sent < request.count {
      let count = request.withUnsafeBytes {
        send(descriptor, $0.baseAddress! + sent, request.count - sent, Int32(MSG_NOSIGNAL))
      }
      if count <= 0 { throw NetError("\(address):\(port) took no request", errno) }
      sent += count
    }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = recv(descriptor, &chunk, chunk.count, 0)
      if count < 0 { throw NetError("\(address):\(port) did not answer in time", errno) }
      if count == 0 { break }
      bytes.append(contentsOf: chunk[0..<count])
      if bytes.count > 16 << 20 { throw NetError("\(address):\(port) answered more than 16 MiB") }
    }
    guard let end = Self.headEnd(bytes), bytes.count > 12, bytes.starts(with: "HTTP/1.".utf8),
      let status = Int(String(decoding: bytes[9..<12], as: UTF8.self))
    else { throw NetError("\(address):\(port) does not speak HTTP") }
    return (status, Array(bytes[end...]))
  }

  private static func headEnd(_ bytes: [UInt8]) -> Int? {
    guard bytes.count >= 4 else { return nil }
    for index in 3..<bytes.count where bytes[index] == 10 && bytes[index - 2] == 10 && bytes[index - 1] == 13 {
      return index + 1
    }
    return nil
  }
}

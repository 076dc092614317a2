import CSys
import Glibc
import Options

/// A bare connection to Redis: whole requests out, replies counted. What a bench compares the store's own writer with,
/// and what a probe polls with; nothing of the worker uses it.
final class RawRedis {
  private let descriptor: Int32
  private var buffer = [UInt8](repeating: 0, count: 1 << 18)
  private var at = 0
  private var end = 0

  init(_ address: String) throws {
    let parts = address.split(separator: ":")
    let host = parts.first.map(String.init) ?? ""
    guard parts.count == 2, let port = UInt16(parts[1]) else {
      throw Failure(ExitCode.misuse, "--redis takes HOST:PORT, not \(address)")
    }
    descriptor = csys_connect(host == "localhost" ? "127.0.0.1" : host, port, 2000)
    guard descriptor >= 0 else { throw Failure(ExitCode.unavailable, "Redis at \(address) does not answer") }
    var on: Int32 = 1
    setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
  }

  deinit { Glibc.close(descriptor) }

  func send(_ bytes: UnsafeRawBufferPointer) throws {
    var sent = 0
    while sent < bytes.count {
      let count = Glibc.send(descriptor, bytes.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw Failure(ExitCode.unavailable, "Redis closed the connection") }
      sent += count
    }
  }

  func send(_ command: [String]) throws { try Self.request(command).withUnsafeBytes { try send($0) } }

  static func request(_ command: [String]) -> [UInt8] {
    var bytes = Array("*\(command.count)\r\n".utf8)
    for word in command { bytes += Array("$\(word.utf8.count)\r\n\(word)\r\n".utf8) }
    return bytes
  }

  /// The next bulk or simple reply; nil = there is no such value. Waits. Arrays are read element by element.
  func reply() throws -> [UInt8]? {
    let head = try line()
    guard let kind = head.first else { return nil }
    guard kind == UInt8(ascii: "$") else { return Array(head.dropFirst()) }
    let count = Int(String(decoding: head.dropFirst(), as: UTF8.self)) ?? -1
    guard count >= 0 else { return nil }
    var value: [UInt8] = []
    while value.count < count + 2 {
      if at == end { try fill() }
      let taken = min(end - at, count + 2 - value.count)
      value += buffer[at..<(at + taken)]
      at += taken
    }
    value.removeLast(2)
    return value
  }

  private func line() throws -> [UInt8] {
    var line: [UInt8] = []
    while true {
      if at == end { try fill() }
      let byte = buffer[at]
      at += 1
      if byte == 13 { continue }
      if byte == 10 { return line }
      line.append(byte)
    }
  }

  private func fill() throws {
    while true {
      let count = recv(descriptor, &buffer, buffer.count, 0)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw Failure(ExitCode.unavailable, "Redis closed the connection or is silent") }
      (at, end) = (0, count)
      return
    }
  }
}

import CSys
import Ports

/// A signed-in connection used question by question, with a deadline: for opening a store and for reading.
///
/// Not for one thread alone, but for one at a time.
final class RedisConnection: @unchecked Sendable {
  let transport: Transport
  private let reader = ReplyReader()
  /// Bytes of replies to one question beyond which the server is not believed.
  private static let replyBytesMax = 512 << 20

  /// Connects, signs in, chooses the database, and refuses servers of a cluster and sentinels.
  init(_ address: RedisAddress, timeoutMs: Int) throws(PortError) {
    let deadline = csys_monotonic_ns() + Int64(timeoutMs) * 1_000_000
    transport = try Transport(address, deadline: deadline)
    if let password = address.password {
      let signIn = ["AUTH"] + (address.user.map { [$0] } ?? []) + [password]
      if case .error(let text) = try ask(signIn, until: deadline) {
        throw PortError(
          code: "redis-auth", isRetriable: true, message: "\(address.masked) refuses to sign us in: \(text)")
      }
    }
    if case .error(let text) = try ask(["SELECT", "\(address.database)"], until: deadline) {
      throw PortError(
        code: "redis-auth", isRetriable: true,
        message: "\(address.masked) does not let us in: \(text)")
    }
    // A user without the right to INFO is not asked further.
    let info = [try ask(["INFO", "cluster"], until: deadline), try ask(["INFO", "server"], until: deadline)]
    if info[0].text?.contains("cluster_enabled:1") == true { throw RedisAddress.cluster }
    if info[1].text?.contains("redis_mode:sentinel") == true { throw RedisAddress.sentinel }
  }

  func ask(_ command: [String], timeoutMs: Int) throws(PortError) -> Reply {
    try ask(command, until: csys_monotonic_ns() + Int64(timeoutMs) * 1_000_000)
  }

  private func ask(_ command: [String], until deadline: Int64) throws(PortError) -> Reply {
    var request = Array("*\(command.count)\r\n".utf8)
    for argument in command {
      request += Array("$\(argument.utf8.count)\r\n".utf8)
      request += Array(argument.utf8)
      request += [13, 10]
    }
    var sent = 0
    var received = 0
    var buffer = [UInt8](repeating: 0, count: 65536)
    while true {
      if sent < request.count { sent += try send(request, from: sent) }
      let count = try receive(&buffer)
      if count > 0 {
        received += count
        guard received <= Self.replyBytesMax else {
          throw PortError(code: "redis-protocol", message: "a reply to \(command[0]) is over 512 MiB")
        }
        buffer.withUnsafeBytes { reader.feed(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
        if let reply = try reader.next() { return reply }
      } else {
        try transport.wait(toWrite: sent < request.count, until: deadline)
      }
    }
  }

  private func send(_ request: [UInt8], from start: Int) throws(PortError) -> Int {
    let outcome: Result<Int, PortError> = request.withUnsafeBytes { bytes in
      do throws(PortError) {
        return .success(try transport.send(UnsafeRawBufferPointer(rebasing: bytes[start...])))
      } catch { return .failure(error) }
    }
    return try outcome.get()
  }

  private func receive(_ buffer: inout [UInt8]) throws(PortError) -> Int {
    let outcome: Result<Int, PortError> = buffer.withUnsafeMutableBytes { bytes in
      do throws(PortError) { return .success(try transport.receive(bytes)) } catch { return .failure(error) }
    }
    return try outcome.get()
  }
}

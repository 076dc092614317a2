public import Ports

/// Reads features from Redis, question by question; connects when first asked and again after an error.
public final class RedisReader: FeatureReader {
  private let address: RedisAddress
  private let prefix: String
  private let timeoutMs: Int
  private var connection: RedisConnection?

  public init(_ address: RedisAddress, prefix: String = "", timeoutMs: Int = 2000) {
    self.address = address
    self.prefix = prefix
    self.timeoutMs = timeoutMs
  }

  public func hash(_ key: String) throws(PortError) -> [(name: String, value: [UInt8])]? {
    let items = try list(["HGETALL", prefix + key])
    guard !items.isEmpty else { return nil }
    return stride(from: 0, to: items.count - 1, by: 2).map { at in
      (String(decoding: items[at], as: UTF8.self), items[at + 1])
    }
  }

  public func top(_ key: String, count: Int) throws(PortError) -> [(member: String, score: Double)] {
    guard count > 0 else { return [] }
    let items = try list(["ZREVRANGE", prefix + key, "0", "\(count - 1)", "WITHSCORES"])
    return stride(from: 0, to: items.count - 1, by: 2).map { at in
      (String(decoding: items[at], as: UTF8.self), Double(String(decoding: items[at + 1], as: UTF8.self)) ?? 0)
    }
  }

  public func keys(prefix: String, limit: Int) throws(PortError) -> [String] {
    let pattern = (self.prefix + prefix).map { "*?[]\\".contains($0) ? "\\\($0)" : "\($0)" }.joined() + "*"
    var keys: Set<String> = []
    var cursor = "0"
    repeat {
      guard case .array(let page) = try ask(["SCAN", cursor, "MATCH", pattern, "COUNT", "1000"]), page.count == 2,
        let next = page[0].text, case .array(let found) = page[1]
      else { throw PortError(code: "redis-protocol", message: "\(address.masked) answers SCAN with something else") }
      cursor = next
      for case let key? in found.map(\.text) { keys.insert(String(key.dropFirst(self.prefix.count))) }
    } while cursor != "0" && keys.count < limit
    return Array(keys.prefix(limit))
  }

  private func list(_ command: [String]) throws(PortError) -> [[UInt8]] {
    guard case .array(let items) = try ask(command) else { return [] }
    return items.map { item in if case .bulk(let bytes) = item { bytes } else { [] } }
  }

  private func ask(_ command: [String]) throws(PortError) -> Reply {
    do throws(PortError) {
      let current: RedisConnection
      if let connection { current = connection } else { current = try RedisConnection(address, timeoutMs: timeoutMs) }
      connection = current
      let reply = try current.ask(command, timeoutMs: timeoutMs)
      if case .error(let text) = reply {
        throw PortError(code: "redis-refused", message: "\(address.masked) refuses \(command[0]): \(text)")
      }
      return reply
    } catch {
      connection = nil
      throw error
    }
  }
}

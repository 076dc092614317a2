import CSys
public import Ports

/// What a Redis says of itself, for an operator.
public struct RedisFacts: Sendable, Equatable {
  public var version = ""
  /// `noeviction`, `allkeys-lru` and the like; empty = the user may not ask.
  public var evictionPolicy = ""
  public var usedBytes = 0
  /// 0 = no limit.
  public var maxBytes = 0
  public var isReplica = false
  /// Its clock minus ours, half the round trip taken off.
  public var skewMs = 0
  public var roundTripMs = 0.0
  public init() {}

  /// Signs in and asks.
  public static func read(_ address: RedisAddress, timeoutMs: Int) throws(PortError) -> RedisFacts {
    let connection = try RedisConnection(address, timeoutMs: timeoutMs)
    var facts = RedisFacts()
    for section in ["server", "memory", "replication"] {
      for line in try connection.ask(["INFO", section], timeoutMs: timeoutMs).text?.split(separator: "\r\n") ?? [] {
        guard let colon = line.firstIndex(of: ":") else { continue }
        let value = String(line[line.index(after: colon)...])
        switch line[..<colon] {
        case "redis_version": facts.version = value
        case "maxmemory_policy": facts.evictionPolicy = value
        case "used_memory": facts.usedBytes = Int(value) ?? 0
        case "maxmemory": facts.maxBytes = Int(value) ?? 0
        case "role": facts.isReplica = value == "slave"
        default: continue
        }
      }
    }
    let before = csys_monotonic_ns()
    if case .array(let time) = try connection.ask(["TIME"], timeoutMs: timeoutMs), time.count == 2,
      let seconds = time[0].text.flatMap({ Int($0) }), let micros = time[1].text.flatMap({ Int($0) })
    {
      let trip = Double(csys_monotonic_ns() - before) / 1e6
      facts.roundTripMs = trip
      facts.skewMs = seconds * 1000 + micros / 1000 - Int(csys_wall_ms()) + Int(trip / 2)
    }
    return facts
  }
}

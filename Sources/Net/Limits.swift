/// What a server bears from its clients. Sizes in bytes, times in ms.
public struct Limits: Sendable {
  public var headBytesMax = 16_384
  public var fieldCountMax = 100
  public var targetBytesMax = 8192
  /// Chunk extensions and trailers each; they are read and dropped.
  public var trailerBytesMax = 4096
  /// Of all requests together that are being received.
  public var bodyBytesTotalMax = 64 << 20
  /// From the connection's or request's first byte to the end of its head.
  public var headMs: Int64 = 10_000
  /// To receive a body.
  public var bodyMs: Int64 = 20_000
  public var idleMs: Int64 = 60_000
  /// For the client to take an answer.
  public var writeMs: Int64 = 20_000
  /// A stream whose client takes nothing for so long, or that has so many bytes waiting, is cut.
  public var streamStallMs: Int64 = 20_000
  public var streamBytesMax = 262_144
  /// After an answer that ends the connection, what still arrives is swallowed, so that the answer is not lost.
  public var lingerMs: Int64 = 2000
  public var lingerBytesMax = 2 << 20
  public var connectionCountMax = 10_000
  public var perAddressMax = 256
  public var backlog: Int32 = 4096
  public var drainMs: Int64 = 10_000
  public init() {}

  /// A server for a few people and probes: small heads, short patience, 256 connections.
  public static var admin: Limits {
    var limits = Limits()
    limits.headBytesMax = 8192
    limits.targetBytesMax = 4096
    limits.idleMs = 15_000
    limits.connectionCountMax = 256
    limits.perAddressMax = 256
    limits.backlog = 256
    return limits
  }
}

import CHiredis
import Ports

/// A reply of the server.
enum Reply: Equatable {
  case status(String)
  case error(String)
  case integer(Int64)
  case bulk([UInt8])
  case null
  case array([Reply])

  var text: String? {
    switch self {
    case .bulk(let bytes): String(decoding: bytes, as: UTF8.self)
    case .status(let text): text
    default: nil
    }
  }
}

/// Puts replies together from the bytes that arrive, with hiredis' reader.
struct ReplyReader: ~Copyable {
  private let reader: UnsafeMutablePointer<redisReader>

  init() {
    guard let reader = redisReaderCreate() else { preconditionFailure("hiredis has memory for a reader") }
    self.reader = reader
  }

  deinit { redisReaderFree(reader) }

  func feed(_ bytes: UnsafeRawBufferPointer) {
    redisReaderFeed(reader, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count)
  }

  /// The next whole reply; nil = more bytes are needed.
  func next() throws(PortError) -> Reply? {
    var object: UnsafeMutableRawPointer?
    guard redisReaderGetReply(reader, &object) == REDIS_OK else {
      let message = withUnsafeBytes(of: reader.pointee.errstr) {
        String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
      }
      throw PortError(
        code: "redis-protocol", isRetriable: true,
        message: "this is no Redis server, or it expects TLS (rediss://): \(message)")
    }
    guard let object else { return nil }
    defer { freeReplyObject(object) }
    return Self.reply(object.assumingMemoryBound(to: redisReply.self).pointee)
  }

  private static func reply(_ raw: redisReply) -> Reply {
    func bytes() -> [UInt8] { Array(UnsafeRawBufferPointer(start: raw.str, count: Int(raw.len))) }
    switch raw.type {
    case REDIS_REPLY_STRING: return .bulk(bytes())
    case REDIS_REPLY_STATUS: return .status(String(decoding: bytes(), as: UTF8.self))
    case REDIS_REPLY_ERROR: return .error(String(decoding: bytes(), as: UTF8.self))
    case REDIS_REPLY_INTEGER: return .integer(raw.integer)
    case REDIS_REPLY_ARRAY:
      return .array((0..<Int(raw.elements)).map { at in raw.element[at].map { reply($0.pointee) } ?? .null })
    default: return .null
    }
  }
}

import CTLS
import Telemetry

/// Viewer ids replaced by HMAC-SHA-256 under `privacy.key`: the first 128 bits as 32 hexadecimal digits.
///
/// The worker replaces ids where events are decoded, so state, store, dumps and alerts know nothing else; readers
/// apply the same to the ids they are asked for. The key is set once and its context used again for every id.
///
/// - Complexity: about 0.5 us an id.
final class Pseudonyms: Sendable {
  static let length = 32
  private struct Context: @unchecked Sendable { let mac: OpaquePointer }
  private let context: Locked<Context>

  init(key: String) {
    let algorithm = EVP_MAC_fetch(nil, "HMAC", nil)
    defer { EVP_MAC_free(algorithm) }
    guard let algorithm, let mac = EVP_MAC_CTX_new(algorithm) else { preconditionFailure("OpenSSL knows no HMAC") }
    // Parameters keep pointers: both texts must live as long as they do.
    let (name, value): (StaticString, StaticString) = ("digest", "SHA256")
    let status = name.withUTF8Buffer { name in
      value.withUTF8Buffer { value in
        var parameters = [
          OSSL_PARAM_construct_utf8_string(
            UnsafeRawPointer(name.baseAddress!).assumingMemoryBound(to: CChar.self),
            UnsafeMutableRawPointer(mutating: value.baseAddress!).assumingMemoryBound(to: CChar.self), 0),
          OSSL_PARAM_construct_end(),
        ]
        var key = Array(key.utf8)
        return EVP_MAC_init(mac, &key, key.count, &parameters)
      }
    }
    precondition(status == 1, "OpenSSL knows no SHA-256")
    context = Locked(Context(mac: mac))
  }

  deinit { context.withLock { EVP_MAC_CTX_free($0.mac) } }

  /// Writes the pseudonym of an id, ``length`` bytes.
  func write(_ id: UnsafeRawBufferPointer, to out: UnsafeMutablePointer<UInt8>) {
    let digits = StaticString("0123456789abcdef").utf8Start
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 32) { digest in
      var count = 0
      context.withLock { context in
        EVP_MAC_init(context.mac, nil, 0, nil)
        EVP_MAC_update(context.mac, id.baseAddress?.assumingMemoryBound(to: UInt8.self), id.count)
        EVP_MAC_final(context.mac, digest.baseAddress, &count, 32)
      }
      for i in 0..<16 {
        out[2 * i] = digits[Int(digest[i] >> 4)]
        out[2 * i + 1] = digits[Int(digest[i] & 15)]
      }
    }
  }

  func callAsFunction(_ id: String) -> String {
    var id = id
    return id.withUTF8 { bytes in
      String(unsafeUninitializedCapacity: Self.length) {
        write(UnsafeRawBufferPointer(bytes), to: $0.baseAddress!)
        return Self.length
      }
    }
  }
}

extension Settings {
  /// nil = ids stay as they are.
  func pseudonyms() -> Pseudonyms? { privacy.key.isEmpty ? nil : Pseudonyms(key: privacy.key.value) }
}

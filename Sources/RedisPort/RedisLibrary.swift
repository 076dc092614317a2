import CHiredis
import CTLS

/// The libraries under the connection to Redis that this process runs with.
public enum RedisLibrary {
  /// Of the headers it was built with: the library itself does not tell.
  public static var hiredis: String { "\(HIREDIS_MAJOR).\(HIREDIS_MINOR).\(HIREDIS_PATCH)" }
  public static var openSSL: String { String(cString: OpenSSL_version(OPENSSL_VERSION_STRING)) }
}

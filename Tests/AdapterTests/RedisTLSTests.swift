import Foundation
import Ports
import RedisPort
import Testing

@Suite struct RedisTLSTests {
  private func address(_ server: RedisServer, _ scheme: String, host: String = "127.0.0.1", ca: String?) throws
    -> RedisAddress
  {
    var address = try RedisAddress("\(scheme)://\(host):\(server.port)")
    address.caFile = ca
    return address
  }

  private func refusal(_ address: RedisAddress) -> String {
    var options = RedisStore.Options()
    options.connectTimeoutMs = 1500
    let store = RedisStore(address, options: options)
    do throws(PortError) {
      _ = try store.open(group: "g")
      return "opened"
    } catch { return error.message }
  }

  @Test func `a large batch goes through TLS and is read back`() throws {
    let certificates = try Certificates()
    let server = try RedisServer(certificates: certificates)
    let address = try address(server, "rediss", ca: certificates.authority)
    let store = RedisStore(address)
    #expect(try store.open(group: "g") == nil)
    let value = String(repeating: "x", count: 500)
    let large = batch(1) { batch in
      for number in 0..<20_000 {
        batch.begin(.put, key: "user:\(number)")
        batch.field("a", value)
      }
    }
    #expect(store.submit(large))
    let progress = settle(store)
    #expect(progress.confirmed == 1 && progress.error == nil)
    #expect(try fields(RedisReader(address), "user:19999")?["a"] == value)
  }

  @Test func `what does not fit is refused with a sentence each`() throws {
    let certificates = try Certificates()
    let stranger = try Certificates()
    let secure = try RedisServer(certificates: certificates)
    let plain = try RedisServer()
    #expect(refusal(try address(secure, "rediss", ca: stranger.authority)).contains("a certificate we do not accept"))
    #expect(
      refusal(try address(secure, "rediss", host: "localhost", ca: certificates.authority)).contains(
        "hostname mismatch"))
    #expect(refusal(try address(secure, "rediss", ca: "/nowhere.pem")).contains("file /nowhere.pem cannot be read"))
    #expect(refusal(try address(secure, "redis", ca: nil)).contains("TLS"))
    #expect(refusal(try address(plain, "rediss", ca: certificates.authority)).contains("port without TLS"))
  }
}

import JSON
import Ports
import Testing

@testable import App

/// `privacy.key`: no viewer id leaves the decoder.
@Suite(.serialized, .timeLimit(.minutes(5))) struct PrivacyTests {
  /// hmac.new(b"geheim", b"ann", sha256).hexdigest()[:32] of Python.
  private let ann = "c70e939d1adf382f4101f4c7d962bc17"

  @Test func `a pseudonym is the first half of the HMAC`() {
    let pseudonyms = Pseudonyms(key: "geheim")
    #expect(pseudonyms("ann") == ann)
    #expect(pseudonyms("bob") == "25966090b42fb5188b5932661631a793")
    #expect(pseudonyms("ann") == ann)
  }

  @Test func `the store knows pseudonyms only, features get takes either`() throws {
    let run = try SmallRun(topics: ["events.watch", "control"], more: ["privacy.key=geheim"])
    func watch(_ user: String, _ at: Int64) -> OutRecord {
      OutRecord(
        "events.watch", user,
        "{\"schema\":\"watch/1\",\"event_id\":\"w-\(user)\",\"timestamp\":\(at),\"user_id\":\"\(user)\",\"content_id\":\"moon\",\"completion_rate\":1}",
        at: at)
    }
    try run.fold([
      watch("ann", 1_795_230_000_000), watch("bob", 1_795_230_000_001),
      OutRecord(
        "control", "bob",
        #"{"schema":"control/1","event_id":"e-1","timestamp":1795230000002,"op":"erase","user_id":"bob"}"#,
        at: 1_795_230_000_002),
    ])
    let loaded = Settings.load(file: nil, environment: [:], assignments: run.assignments)
    let reader = try WorkerHost.reader(loaded.settings)
    #expect(try reader.keys(prefix: "user:", limit: 9) == ["user:" + ann])
    #expect(try run.features("user:ann")["features"]?["n"]?.int64 == 1)
    #expect(try run.features("user:" + ann)["features"]?["n"]?.int64 == 1)
    #expect(try run.ask("features", "get", "user:bob").code == 1)
  }

  @Test func `another key is another configuration`() {
    let one = Settings.load(file: nil, environment: [:], assignments: ["privacy.key=a"]).fingerprint()
    let two = Settings.load(file: nil, environment: [:], assignments: ["privacy.key=b"]).fingerprint()
    #expect(one != two)
  }
}

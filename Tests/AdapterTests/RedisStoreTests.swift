import Foundation
import Ports
import RedisPort
import Testing

@Suite struct RedisAddressTests {
  @Test func `urls, plain addresses and Feast's form are read`() throws {
    var expected = try RedisAddress("127.0.0.1:6379")
    #expect(try RedisAddress("redis://127.0.0.1") == expected)
    #expect(try RedisAddress("127.0.0.1") == expected)
    expected.host = "r.example"
    expected.port = 7000
    expected.database = 3
    expected.user = "w"
    expected.password = "a:b@c"
    expected.usesTLS = true
    #expect(try RedisAddress("rediss://w:a:b%40c@r.example:7000/3") == expected)
    #expect(try RedisAddress("r.example:7000,db=3,ssl=true,username=w,password=a:b@c") == expected)
    #expect(try RedisAddress("redis://:secret@h/0").user == nil)
    #expect(try RedisAddress("redis://[::1]:6380").host == "::1")
    #expect(try RedisAddress("redis://[::1]:6380").port == 6380)
  }

  @Test(arguments: [
    ("redis+cluster://h:1", "Redis Cluster"), ("h:1,h:2", "Redis Cluster"), ("redis://h:1,h:2/0", "Redis Cluster"),
    ("redis-sentinel://h:1", "Redis Sentinel"), ("http://h", "http://"), ("redis://h:99999", "port"),
    ("redis://h/x", "database"), ("", "empty"), ("redis://", "no host"), ("h:1,speed=9", "speed"),
    ("redis://a:%zz@h", "hexadecimal"),
  ])
  func `what cannot be used is refused with a sentence`(text: String, word: String) {
    let error = #expect(throws: PortError.self) { try RedisAddress(text) }
    #expect(error?.message.contains(word) == true, "\(String(describing: error))")
  }

  @Test func `the masked form shows no password`() throws {
    #expect(try RedisAddress("rediss://me:secret@h:1/2").masked == "rediss://h:1/2")
  }
}

@Suite struct RedisStoreTests {
  private func store(_ server: RedisServer, _ change: (inout RedisStore.Options) -> Void = { _ in }) -> RedisStore {
    var options = RedisStore.Options()
    options.prefix = "p:"
    change(&options)
    return RedisStore(server.address, options: options)
  }

  private func row(_ key: String, _ value: String) -> (inout FeatureBatch) -> Void {
    { batch in
      batch.begin(.put, key: key)
      batch.field("a", value)
    }
  }

  /// A server emptied behind the back of a store that wrote one row as of turn 5.
  private func emptied() throws -> (RedisServer, RedisStore) {
    let server = try RedisServer()
    let store = store(server)
    _ = try store.open(group: "g")
    #expect(store.submit(batch(5, row("user:u", "1"))))
    #expect(settle(store).confirmed == 1)
    try server.cli("FLUSHALL")
    return (server, store)
  }

  /// What the store hears once it is connected again.
  private func awaitMark(_ store: RedisStore) -> StoreMark? {
    for _ in 0..<5000 {
      if let mark = store.pump().mark { return mark }
      usleep(1000)
    }
    return nil
  }

  @Test func `a server that restarts and forgets everything says so by its mark`() throws {
    let server = try RedisServer()
    let store = store(server)
    _ = try store.open(group: "g")
    #expect(store.submit(batch(5, row("user:u", "1"))))
    #expect(settle(store).confirmed == 1)
    server.stop()
    let lost = store.pump()
    #expect(lost.lost)
    #expect(!store.submit(batch(6)))
    try server.start()
    let mark = settle(store).mark ?? awaitMark(store)
    #expect(mark == StoreMark(group: "g", version: .zero))
    #expect(store.submit(batch(6, row("user:u", "2"))))
    #expect(settle(store).confirmed == 1)
    #expect(try server.cli("HGET", "p:user:u", "a") == "2")
  }

  @Test func `a server emptied behind our back is noticed at the next batch`() throws {
    let (server, store) = try emptied()
    #expect(store.submit(batch(6, row("user:v", "1"))))
    let progress = settle(store)
    #expect(progress.confirmed == 0)
    #expect(progress.lost)
    #expect(progress.mark == StoreMark(group: "g", version: .zero))
    #expect(try server.cli("DBSIZE") == "0")
    #expect(store.submit(batch(6, row("user:u", "1"))))
    #expect(settle(store).confirmed == 1)
  }

  @Test func `only fields that changed are sent, and a row that is gone is said to be`() throws {
    let server = try RedisServer()
    let store = store(server)
    _ = try store.open(group: "g")
    func write(
      _ turn: UInt64, _ values: [String?], _ operation: FeatureBatch.Operation = .put
    ) -> StoreProgress {
      #expect(
        store.submit(
          batch(turn) { batch in
            batch.begin(operation, key: "user:u")
            for (number, value) in values.enumerated() {
              if let value { batch.field("f\(number)", value) } else { batch.keptField() }
            }
          }))
      return settle(store)
    }
    let first = ["0", "1", "2", "3", "4", "5"]
    #expect(write(1, first).incomplete == 0)
    // Somebody's own value stands where ours says the same, until the row is renewed.
    try server.cli("HSET", "p:user:u", "f1", "theirs")
    #expect(write(2, ["0", "1", "2", "3", "4", "changed"]).incomplete == 0)
    #expect(try server.cli("HMGET", "p:user:u", "f0", "f1", "f5") == "0\ntheirs\nchanged")
    #expect(try server.cli("HGET", "p:user:u", "v").hasSuffix("2"))
    for turn in UInt64(3)...16 { #expect(write(turn, first).incomplete == 0) }
    #expect(try server.cli("HMGET", "p:user:u", "f0", "f1", "f5") == "0\ntheirs\n5")
    #expect(write(17, first, .renew).incomplete == 0)
    #expect(try server.cli("HMGET", "p:user:u", "f0", "f1", "f5") == "0\n1\n5")
    // A row taken away is known by the answer, and whole again with the next write.
    try server.cli("DEL", "p:user:u")
    #expect(write(18, first).incomplete == 1)
    #expect(write(19, first).incomplete == 0)
    #expect(try server.cli("HLEN", "p:user:u") == "7")
    // As is one that the worker itself deleted.
    #expect(store.submit(batch(20) { $0.begin(.delete, key: "user:u") }))
    #expect(settle(store).confirmed == 1)
    #expect(write(21, first).incomplete == 0)
    #expect(try server.cli("HLEN", "p:user:u") == "7")
    // What a shorter write said in between counts.
    #expect(write(22, ["0", "short"]).incomplete == 0)
    #expect(write(23, first).incomplete == 0)
    #expect(try server.cli("HGET", "p:user:u", "f1") == "1")
    // Kept fields stay, whatever is known of the row; what they say next is written.
    #expect(write(24, [nil, nil, nil, nil, "new", nil]).incomplete == 0)
    #expect(try server.cli("HMGET", "p:user:u", "f0", "f4") == "0\nnew")
    #expect(write(25, ["zero", nil, nil, nil, "new", nil]).incomplete == 0)
    #expect(try server.cli("HMGET", "p:user:u", "f0", "f4", "f5") == "zero\nnew\n5")
    #expect(write(26, ["short"]).confirmed == 1)
    #expect(write(27, [nil, "one", nil, nil, nil, nil]).incomplete == 0)
    #expect(write(28, first).incomplete == 0)
    #expect(try server.cli("HMGET", "p:user:u", "f0", "f1", "f4") == "0\n1\n4")
    // A row of which only some fields are sent is known to be gone too.
    try server.cli("DEL", "p:user:u")
    #expect(write(29, ["0", nil, nil, nil, nil, nil]).incomplete == 1)
  }

  @Test func `what is sent ahead counts once it is submitted`() throws {
    let server = try RedisServer()
    let store = store(server)
    _ = try store.open(group: "g")
    for turn in UInt64(1)...20 {
      #expect(store.submit(batch(2 * turn - 1, row("user:u", "\(turn)"))))
      let next = batch(2 * turn) { batch in
        for i in 0..<500 { row("user:\(i)", "\(turn)")(&batch) }
      }
      store.prepare(next)
      #expect(settle(store).confirmed == 1)
      #expect(try server.cli("HGET", "p:user:u", "a") == "\(turn)")
      #expect(try server.cli("HGET", "p:user:499", "a") == (turn == 1 ? "" : "\(turn - 1)"))
      #expect(store.submit(next))
      let progress = settle(store)
      #expect(progress.confirmed == 1)
      #expect(progress.error == nil)
      #expect(try server.cli("HGET", "p:user:499", "a") == "\(turn)")
    }
  }

  @Test func `what was sent ahead of a batch that does not count is forgotten with it`() throws {
    let (server, store) = try emptied()
    #expect(store.submit(batch(6, row("user:v", "1"))))
    store.prepare(batch(7, row("user:w", "1")))
    let progress = settle(store)
    #expect(progress.confirmed == 0)
    #expect(progress.lost)
    #expect(progress.mark ?? awaitMark(store) == StoreMark(group: "g", version: .zero))
    #expect(try server.cli("DBSIZE") == "0")
    #expect(store.submit(batch(8, row("user:u", "2"))))
    #expect(settle(store).confirmed == 1)
    #expect(try server.cli("EXISTS", "p:user:w") == "0")
  }

  @Test func `a batch whose answer was lost is there after all, and the mark says so`() throws {
    let server = try RedisServer()
    let store = store(server) { $0.stallMs = 100 }
    _ = try store.open(group: "g")
    server.freeze()
    #expect(store.submit(batch(5, row("user:u", "1"))))
    var lost = StoreProgress()
    for _ in 0..<1000 where !lost.lost {
      lost = store.pump()
      usleep(1000)
    }
    #expect(lost.error?.message.contains("has not answered for 100 ms") == true)
    server.thaw()
    let mark = awaitMark(store)
    #expect(mark?.version.turn == 5)
  }

  @Test func `a server that is away at the start is waited for`() throws {
    let server = try RedisServer()
    server.stop()
    let store = store(server)
    let error = #expect(throws: PortError.self) { try store.open(group: "g") }
    #expect(error?.isRetriable == true)
    #expect(error?.message.contains("cannot be reached: Connection refused") == true)
    try server.start()
    let mark = awaitMark(store)
    #expect(mark == StoreMark(group: "g", version: .zero))
    #expect(store.submit(batch(1, row("user:u", "1"))))
    #expect(settle(store).confirmed == 1)
  }

  @Test func `while a server is frozen neither submit nor pump waits`() throws {
    let server = try RedisServer()
    let store = store(server)
    _ = try store.open(group: "g")
    server.freeze()
    let large = batch(1) { batch in
      for number in 0..<40_000 { row("user:\(number)", String(repeating: "x", count: 200))(&batch) }
    }
    let begin = Date()
    #expect(store.submit(large))
    for _ in 0..<100 { _ = store.pump() }
    #expect(Date().timeIntervalSince(begin) < 1)
    #expect(store.inFlight == 1)
    server.thaw()
    #expect(settle(store).confirmed == 1)
    #expect(try server.cli("DBSIZE") == "40001")
  }

  @Test func `a hash lives for its TTL, renewed at each write, the mark for ever`() throws {
    let server = try RedisServer()
    let store = store(server) { $0.ttlSeconds = 100 }
    _ = try store.open(group: "g")
    #expect(store.submit(batch(1, row("user:u", "1"))))
    #expect(settle(store).confirmed == 1)
    #expect((90...100).contains(Int(try server.cli("TTL", "p:user:u"))!))
    #expect(try server.cli("TTL", "p:meta:writer") == "-1")
  }

  @Test func `a key that is no hash is named, the rest of the batch stands`() throws {
    let server = try RedisServer()
    try server.cli("SET", "p:user:bad", "text")
    let store = store(server)
    _ = try store.open(group: "g")
    #expect(
      store.submit(
        batch(1) { batch in
          row("user:bad", "1")(&batch)
          row("user:good", "1")(&batch)
        }))
    let progress = settle(store)
    #expect(progress.confirmed == 1)
    #expect(progress.error?.message.contains("refused 1 writes of a batch, the first with: WRONGTYPE") == true)
    #expect(try server.cli("HGET", "p:user:good", "a") == "1")
  }

  @Test func `a server out of memory refuses the batch whole, and it is sent again`() throws {
    let server = try RedisServer()
    let store = store(server)
    _ = try store.open(group: "g")
    try server.cli("CONFIG", "SET", "maxmemory", "1")
    #expect(store.submit(batch(1, row("user:u", "1"))))
    var progress = store.pump()
    for _ in 0..<1000 where !progress.lost {
      progress = store.pump()
      usleep(1000)
    }
    #expect(progress.error?.message.contains("OOM") == true)
    try server.cli("CONFIG", "SET", "maxmemory", "0")
    let mark = awaitMark(store)
    #expect(mark?.version == .zero)
    #expect(store.submit(batch(1, row("user:u", "1"))))
    #expect(settle(store).confirmed == 1)
  }

  @Test func `users and passwords are checked, a cluster is refused`() throws {
    let server = try RedisServer()
    try server.cli("ACL", "SETUSER", "w", "on", ">pw", "~p:*", "+@all")
    let right = RedisStore(
      try RedisAddress("redis://w:pw@127.0.0.1:\(server.port)"),
      options: {
        var o = RedisStore.Options(); o.prefix = "p:"; return o
      }())
    #expect(try right.open(group: "g") == nil)
    let wrong = RedisStore(try RedisAddress("redis://w:no@127.0.0.1:\(server.port)"))
    let error = #expect(throws: PortError.self) { try wrong.open(group: "g") }
    #expect(error?.message.contains("refuses to sign us in: WRONGPASS") == true)
    #expect(error?.message.contains("no@") == false)
    // Its bus would take the port 10,000 higher, which need not exist.
    let cluster = try RedisServer(["--cluster-enabled", "yes", "--cluster-port", "\(RedisServer.freePort())"])
    var patient = RedisStore.Options()
    patient.connectTimeoutMs = 30_000  // a loaded machine takes its time to answer
    let refused = #expect(throws: PortError.self) { try RedisStore(cluster.address, options: patient).open(group: "g") }
    #expect(refused?.message.contains("Redis Cluster is not supported yet") == true)
  }
}

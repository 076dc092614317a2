import Foundation
import MemoryPort
import Ports
import RedisPort
import SQLitePort
import Testing

/// One place features are kept, and how to reach it: several writers, a reader, an accident.
final class StorePlace {
  enum Kind: CaseIterable, Sendable { case memory, sqlite, redis }
  let kind: Kind
  let scratch = Scratch()
  let shelf = MemoryStore.Shelf()
  let server: RedisServer?

  init(_ kind: Kind) throws {
    self.kind = kind
    server = kind == .redis ? try RedisServer() : nil
  }

  func writer() -> any FeatureStore {
    switch kind {
    case .memory: return MemoryStore(shelf: shelf)
    case .sqlite: return SQLiteStore(path: scratch.file("features.db"))
    case .redis:
      var options = RedisStore.Options()
      options.prefix = "t:"
      return RedisStore(server!.address, options: options)
    }
  }

  func reader() throws -> any FeatureReader {
    switch kind {
    case .memory: MemoryStore(shelf: shelf)
    case .sqlite: try SQLiteReader(path: scratch.file("features.db"))
    case .redis: RedisReader(server!.address, prefix: "t:")
    }
  }
}

/// Pumps until all is confirmed or something else is to be said.
func settle(_ store: any FeatureStore, seconds: Double = 10) -> StoreProgress {
  var all = StoreProgress()
  let end = Date().addingTimeInterval(seconds)
  repeat {
    let progress = store.pump()
    all.confirmed += progress.confirmed
    all.incomplete += progress.incomplete
    all.lost = all.lost || progress.lost
    all.mark = progress.mark ?? all.mark
    all.error = progress.error ?? all.error
    if all.mark != nil || (all.error != nil && all.error?.isRetriable == false) { break }
    if !all.lost && store.inFlight == 0 { break }
    usleep(200)
  } while Date() < end
  return all
}

func batch(_ turn: UInt64, epoch: UInt32 = 1, lineage: UInt32 = 1, _ write: (inout FeatureBatch) -> Void = { _ in })
  -> FeatureBatch
{
  var batch = FeatureBatch(version: Version(lineage: lineage, epoch: epoch, turn: turn))
  write(&batch)
  return batch
}

func fields(_ reader: any FeatureReader, _ key: String) throws -> [String: String]? {
  try reader.hash(key).map { fields in
    Dictionary(uniqueKeysWithValues: fields.map { ($0.name, String(decoding: $0.value, as: UTF8.self)) })
  }
}

@Suite struct FeatureStoreTests {
  private func put(_ key: String, _ values: [(String, String)]) -> (inout FeatureBatch) -> Void {
    { batch in
      batch.begin(.put, key: key)
      for (name, value) in values { batch.field(name, value) }
    }
  }

  private func write(_ store: any FeatureStore, _ batch: FeatureBatch) -> StoreProgress {
    #expect(store.submit(batch))
    return settle(store)
  }

  @Test(arguments: StorePlace.Kind.allCases)
  func `a fresh store has no mark, and what is put is read with its version`(kind: StorePlace.Kind) throws {
    let place = try StorePlace(kind)
    let store = place.writer()
    #expect(try store.open(group: "g") == nil)
    let progress = write(store, batch(7, put("user:u1", [("watches", "3"), ("empty", ""), ("ü", "é\r\n$5\r\n")])))
    #expect(progress.confirmed == 1)
    #expect(progress.error == nil)
    #expect(store.inFlight == 0)
    let reader = try place.reader()
    let row = try fields(reader, "user:u1")
    #expect(row == ["watches": "3", "empty": "", "ü": "é\r\n$5\r\n", "v": "000001000001000000000007"])
    #expect(try reader.hash("user:nobody") == nil)
    #expect(try reader.keys(prefix: "user:", limit: 10) == ["user:u1"])
    store.close()
    #expect(
      try place.writer().open(group: "g") == StoreMark(group: "g", version: Version(lineage: 1, epoch: 1, turn: 7)))
  }

  @Test(arguments: StorePlace.Kind.allCases)
  func `newer fields replace older ones, others stay`(kind: StorePlace.Kind) throws {
    let place = try StorePlace(kind)
    let store = place.writer()
    _ = try store.open(group: "g")
    _ = write(store, batch(1, put("content:c", [("a", "1"), ("b", "1")])))
    _ = write(store, batch(2, put("content:c", [("b", "2"), ("c", "2")])))
    let both = batch(3) { batch in
      put("content:d", [("a", "old")])(&batch)
      put("content:d", [("a", "new")])(&batch)
    }
    _ = write(store, both)
    let reader = try place.reader()
    #expect(try fields(reader, "content:c") == ["a": "1", "b": "2", "c": "2", "v": "000001000001000000000002"])
    #expect(try fields(reader, "content:d") == ["a": "new", "v": "000001000001000000000003"])
  }

  @Test(arguments: StorePlace.Kind.allCases)
  func `a deleted key is gone, whatever it was`(kind: StorePlace.Kind) throws {
    let place = try StorePlace(kind)
    let store = place.writer()
    _ = try store.open(group: "g")
    _ = write(
      store,
      batch(1) { batch in
        put("user:u", [("a", "1")])(&batch)
        batch.begin(.sortedSet, key: "trend:all")
        batch.field("c", "1")
      })
    _ = write(
      store,
      batch(2) { batch in
        batch.begin(.delete, key: "user:u")
        batch.begin(.delete, key: "trend:all")
        batch.begin(.delete, key: "user:never")
      })
    let reader = try place.reader()
    #expect(try reader.hash("user:u") == nil)
    #expect(try reader.top("trend:all", count: 5).isEmpty)
  }

  @Test(arguments: StorePlace.Kind.allCases)
  func `a sorted set is replaced whole and read from the top`(kind: StorePlace.Kind) throws {
    let place = try StorePlace(kind)
    let store = place.writer()
    _ = try store.open(group: "g")
    func set(_ members: [(String, String)]) -> (inout FeatureBatch) -> Void {
      { batch in
        batch.begin(.sortedSet, key: "top:trust")
        for (member, score) in members { batch.field(member, score) }
      }
    }
    _ = write(store, batch(1, set([("a", "0.5"), ("b", "0.75"), ("gone", "1")])))
    _ = write(store, batch(2, set([("a", "0.5"), ("b", "0.25"), ("c", "-3"), ("d", "0.5")])))
    let reader = try place.reader()
    let top = try reader.top("top:trust", count: 3)
    #expect(top.map(\.member) == ["d", "a", "b"])
    #expect(top.map(\.score) == [0.5, 0.5, 0.25])
    #expect(try fields(reader, "meta:top:trust") == ["v": "000001000001000000000002"])
    _ = write(store, batch(3, set([])))
    #expect(try reader.top("top:trust", count: 3).isEmpty)
  }

  @Test(arguments: StorePlace.Kind.allCases)
  func `a stream takes entries and notes its version`(kind: StorePlace.Kind) throws {
    let place = try StorePlace(kind)
    let store = place.writer()
    _ = try store.open(group: "g")
    let progress = write(
      store,
      batch(4) { batch in
        for number in 0..<3 {
          batch.begin(.append, key: "alerts")
          batch.field("event", "\(number)")
        }
      })
    #expect(progress.confirmed == 1 && progress.error == nil)
    #expect(try fields(place.reader(), "meta:alerts") == ["v": "000001000001000000000004"])
    switch kind {
    case .memory: #expect(place.shelf.contents.streams[Array("alerts".utf8)]?.count == 3)
    case .sqlite:
      #expect(try shell("sqlite3", place.scratch.file("features.db"), "SELECT count(*) FROM stream") == "3\n")
    case .redis: #expect(try place.server!.cli("XLEN", "t:alerts") == "3")
    }
  }

  @Test(arguments: StorePlace.Kind.allCases)
  func `a raw row carries no version`(kind: StorePlace.Kind) throws {
    let place = try StorePlace(kind)
    let store = place.writer()
    _ = try store.open(group: "g")
    _ = write(
      store,
      batch(1) { batch in
        batch.begin(.putRaw, key: "t:raw")
        batch.field("x", "1")
      })
    #expect(try fields(place.reader(), kind == .redis ? "raw" : "t:raw") == ["x": "1"])
  }

  @Test(arguments: StorePlace.Kind.allCases)
  func `a late batch of an earlier writer is refused and changes nothing`(kind: StorePlace.Kind) throws {
    let place = try StorePlace(kind)
    let zombie = place.writer()
    _ = try zombie.open(group: "g")
    _ = write(zombie, batch(5, put("user:u", [("a", "zombie")])))
    let successor = place.writer()
    let mark = try successor.open(group: "g")
    #expect(mark?.version.turn == 5)
    _ = write(successor, batch(6, epoch: 2, put("user:u", [("a", "successor")])))
    let late = write(zombie, batch(7, put("user:u", [("a", "late")])))
    #expect(late.confirmed == 0)
    #expect(late.error?.code == "store-fenced")
    #expect(late.error?.isRetriable == false)
    #expect(try fields(place.reader(), "user:u") == ["a": "successor", "v": "000001000002000000000006"])
    #expect(write(successor, batch(7, epoch: 2, put("user:u", [("a", "on")]))).confirmed == 1)
  }

  @Test(arguments: StorePlace.Kind.allCases)
  func `a batch older than the mark is refused on a fresh connection too`(kind: StorePlace.Kind) throws {
    let place = try StorePlace(kind)
    let first = place.writer()
    _ = try first.open(group: "g")
    _ = write(first, batch(9, lineage: 3, put("user:u", [("a", "new")])))
    first.close()
    let second = place.writer()
    _ = try second.open(group: "g")
    #expect(write(second, batch(100, lineage: 2, put("user:u", [("a", "old")]))).error?.code == "store-fenced")
    #expect(try fields(place.reader(), "user:u")?["a"] == "new")
  }

  @Test(arguments: StorePlace.Kind.allCases)
  func `another group is refused with a sentence that names both`(kind: StorePlace.Kind) throws {
    let place = try StorePlace(kind)
    let first = place.writer()
    _ = try first.open(group: "ours")
    _ = write(first, batch(1, put("user:u", [("a", "1")])))
    let error = #expect(throws: PortError.self) { try place.writer().open(group: "theirs") }
    #expect(error?.code == "store-group")
    #expect(error?.isRetriable == false)
    #expect(error?.message.contains("belongs to group ours, not theirs") == true)
  }

  @Test(arguments: [StorePlace.Kind.sqlite, .redis])
  func `versions never go back for a reader that polls`(kind: StorePlace.Kind) throws {
    let place = try StorePlace(kind)
    let store = place.writer()
    _ = try store.open(group: "g")
    _ = write(store, batch(0, put("user:u", [("n", "0")])))
    let poller = Poller(try place.reader())
    for turn in UInt64(1)...300 { _ = write(store, batch(turn, put("user:u", [("n", "\(turn)")]))) }
    let seen = poller.stop()
    #expect(seen.count > 1)
    #expect(seen == seen.sorted())
    #expect(poller.torn == 0)
  }

  @Test func `a damaged file of features is set aside and a new one begun`() throws {
    let place = try StorePlace(.sqlite)
    let path = place.scratch.file("features.db")
    try Data((0..<30_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ 7) }).write(to: URL(fileURLWithPath: path))
    let store = place.writer()
    #expect(try store.open(group: "g") == nil)
    _ = write(store, batch(1, put("user:u", [("n", "1")])))
    #expect(try fields(try place.reader(), "user:u")?["n"] == "1")
    #expect(FileManager.default.fileExists(atPath: path + ".corrupt-1"))
  }

  @Test func `a file of features that cannot be opened is tried again every second`() throws {
    let scratch = Scratch()
    let store = SQLiteStore(path: scratch.file("later/features.db"))
    let error = #expect(throws: PortError.self) { try store.open(group: "g") }
    #expect(error?.isRetriable == true)
    try FileManager.default.createDirectory(atPath: scratch.file("later"), withIntermediateDirectories: true)
    var mark: StoreMark?
    for _ in 0..<1000 where mark == nil {
      mark = store.pump().mark
      usleep(10_000)
    }
    #expect(mark == StoreMark(group: "g", version: .zero))
    #expect(write(store, batch(1, put("user:u", [("n", "1")]))).confirmed == 1)
  }

  @Test(arguments: StorePlace.Kind.allCases)
  func `only so much is taken over before it is confirmed`(kind: StorePlace.Kind) throws {
    let place = try StorePlace(kind)
    let store = place.writer()
    #expect(!store.submit(batch(1)))
    _ = try store.open(group: "g")
    var taken = 0
    for turn in UInt64(1)...5 where store.submit(batch(turn, put("user:u", [("n", "\(turn)")]))) { taken += 1 }
    #expect((1...2).contains(taken))
    #expect(settle(store).confirmed == taken)
  }
}

/// Reads one row again and again on a thread of its own.
private final class Poller: @unchecked Sendable {
  private let lock = NSLock()
  private var isStopping = false
  private var seen: [String] = []
  private let done = DispatchSemaphore(value: 0)
  /// Rows whose fields were not written together.
  private(set) var torn = 0

  init(_ reader: any FeatureReader) {
    nonisolated(unsafe) let reader = reader
    Thread.detachNewThread { [self] in
      while !lock.withLock({ isStopping }) {
        guard let row = try? fields(reader, "user:u"), let version = row["v"], let number = row["n"] else { continue }
        if Int(version.suffix(12)) != Int(number) { torn += 1 }
        if seen.last != version { seen.append(version) }
      }
      done.signal()
    }
    usleep(20_000)
  }

  /// Versions in the order they were seen, repetitions aside.
  func stop() -> [String] {
    lock.withLock { isStopping = true }
    done.wait()
    return seen
  }
}

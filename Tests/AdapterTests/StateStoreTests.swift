import Foundation
import MemoryPort
import Ports
import SQLitePort
import Testing

/// What a load yields, to be compared whole.
private struct Loaded: Equatable {
  var rows: [String: [UInt8]] = [:]
  var manifest: [UInt8] = []

  init(_ state: any StateStore) throws(StateFault) {
    var rows: [String: [UInt8]] = [:]
    manifest = try state.load { table, slot, body in rows["\(table) \(slot)"] = Array(body) }
    self.rows = rows
  }
  init(rows: [String: [UInt8]], manifest: String) {
    self.rows = rows
    self.manifest = Array(manifest.utf8)
  }
}

private func snapshot(_ rows: [(StateTable, UInt32, String?)], _ manifest: String) -> Snapshot {
  var snapshot = Snapshot()
  for (table, slot, body) in rows {
    if let body { snapshot.append(table, slot) { $0 += Array(body.utf8) } } else { snapshot.delete(table, slot) }
  }
  snapshot.manifest = Array(manifest.utf8)
  return snapshot
}

private func bulk(rows: UInt32, bytes: Int, salt: UInt8, _ manifest: String) -> Snapshot {
  var snapshot = Snapshot()
  for slot in 0..<rows {
    snapshot.append(.viewer, slot) { body in
      for at in 0..<bytes { body.append(UInt8(truncatingIfNeeded: Int(slot) &* 31 &+ at) ^ salt) }
    }
  }
  snapshot.manifest = Array(manifest.utf8)
  return snapshot
}

@Suite struct StateStoreTests {
  enum Kind: CaseIterable { case memory, sqlite }

  /// A store and how to open it again after the first was let go.
  private func make(_ kind: Kind, _ scratch: Scratch) throws -> () throws -> any StateStore {
    switch kind {
    case .memory:
      let state = MemoryState()
      return { state }
    case .sqlite: return { try SQLiteState(path: scratch.file("state.db")) }
    }
  }

  @Test(arguments: Kind.allCases)
  func `what was saved is loaded again, by another process too`(kind: Kind) throws {
    let scratch = Scratch()
    let open = try make(kind, scratch)
    var state = try open()
    #expect(throws: StateFault.empty) { try Loaded(state) }
    _ = try state.save(snapshot([(.viewer, 3, "three"), (.title, 3, "other"), (.ring, 0, "r")], "one"))
    let written = try state.save(
      snapshot([(.viewer, 3, "drei"), (.viewer, 4_000_000_000, "far"), (.ring, 0, nil)], "two"))
    #expect(written == 4 + 3 + 3)
    state.close()
    state = try open()
    let expected = Loaded(
      rows: ["viewer 3": Array("drei".utf8), "viewer 4000000000": Array("far".utf8), "title 3": Array("other".utf8)],
      manifest: "two")
    #expect(try Loaded(state) == expected)
    _ = try state.save(snapshot([], "three"))
    #expect(try Loaded(state).manifest == Array("three".utf8))
  }

  @Test(arguments: Kind.allCases)
  func `the last of several rows for one slot wins`(kind: Kind) throws {
    let scratch = Scratch()
    let state = try make(kind, scratch)()
    _ = try state.save(snapshot([(.viewer, 1, "a"), (.viewer, 1, "b"), (.title, 2, "x"), (.title, 2, nil)], "m"))
    #expect(try Loaded(state) == Loaded(rows: ["viewer 1": Array("b".utf8)], manifest: "m"))
  }

  @Test func `a save without a load before it keeps the sums right`() throws {
    let scratch = Scratch()
    var state = try SQLiteState(path: scratch.file("state.db"))
    _ = try state.save(snapshot([(.viewer, 1, "a"), (.viewer, 2, "b")], "one"))
    state.close()
    state = try SQLiteState(path: scratch.file("state.db"))
    _ = try state.save(snapshot([(.viewer, 2, "c")], "two"))
    state.close()
    state = try SQLiteState(path: scratch.file("state.db"))
    #expect(try Loaded(state).rows.count == 2)
  }

  @Test(arguments: [false, true])
  func `a flipped byte anywhere is noticed or changes nothing`(inLog: Bool) throws {
    let scratch = Scratch()
    let path = scratch.file("state.db")
    var small = SQLiteState.Options()
    small.pageSize = 4096
    let state = try SQLiteState(path: path, options: small)
    _ = try state.save(bulk(rows: 300, bytes: 600, salt: 0, "before"))
    let before = try Loaded(state)
    if !inLog { state.close() }
    let reopened = inLog ? state : try SQLiteState(path: path)
    if inLog { _ = try reopened.save(snapshot([(.viewer, 7, "changed")], "after")) }
    let after = try Loaded(reopened)
    if !inLog { reopened.close() }
    let damaged = scratch.file("damaged.db") + (inLog ? "-wal" : "")
    scratch.copy("state.db", to: "damaged.db")
    let whole = try Data(contentsOf: URL(fileURLWithPath: damaged))
    var noticed = 0
    for at in stride(from: 0, to: whole.count, by: inLog ? 4099 : 2039) {
      scratch.copy("state.db", to: "damaged.db")
      var bytes = whole
      bytes[at] ^= 0x10
      try bytes.write(to: URL(fileURLWithPath: damaged))
      do throws(any Error) {
        let victim = try SQLiteState(path: scratch.file("damaged.db"))
        defer { victim.close() }
        let loaded = try Loaded(victim)
        // A damaged log ends where the damage begins: then an earlier save stands, whole.
        #expect(loaded == after || (inLog && loaded == before), "byte \(at)")
      } catch {
        noticed += 1
        if case .corrupt(let sentence) = error as? StateFault { #expect(sentence.contains("set aside as")) }
      }
    }
    #expect(noticed > 0)
  }

  @Test(arguments: [0.1, 0.5, 0.9, 0.999])
  func `a file cut short is set aside and a new one begun`(share: Double) throws {
    let scratch = Scratch()
    let path = scratch.file("state.db")
    var state = try SQLiteState(path: path)
    _ = try state.save(bulk(rows: 300, bytes: 600, salt: 0, "m"))
    state.close()
    let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as! Int
    truncate(path, Int(Double(size) * share))
    state = try SQLiteState(path: path)
    let fault = #expect(throws: StateFault.self) { try Loaded(state) }
    guard case .corrupt = fault else {
      Issue.record("\(String(describing: fault))")
      return
    }
    #expect(FileManager.default.fileExists(atPath: path + ".corrupt-1"))
    #expect(throws: StateFault.empty) { try Loaded(state) }
    _ = try state.save(snapshot([(.viewer, 1, "new")], "new"))
    #expect(try Loaded(state) == Loaded(rows: ["viewer 1": Array("new".utf8)], manifest: "new"))
  }

  @Test func `a row kept from an earlier save, or gone, is noticed though its own checksum is right`() throws {
    let scratch = Scratch()
    for sql in [
      "UPDATE viewer SET sum = (SELECT sum FROM old), body = (SELECT body FROM old) WHERE slot = 1",
      "DELETE FROM viewer WHERE slot = 2",
    ] {
      let path = scratch.file("\(abs(sql.hashValue)).db")
      let state = try SQLiteState(path: path)
      _ = try state.save(snapshot([(.viewer, 1, "a"), (.viewer, 2, "b")], "one"))
      try shell("sqlite3", path, "CREATE TABLE old AS SELECT * FROM viewer WHERE slot = 1")
      _ = try state.save(snapshot([(.viewer, 1, "c")], "two"))
      state.close()
      try shell("sqlite3", path, sql)
      let fault = #expect(throws: StateFault.self) { try Loaded(SQLiteState(path: path)) }
      guard case .corrupt(let sentence) = fault else {
        Issue.record("\(String(describing: fault))")
        continue
      }
      #expect(sentence.contains("rows are missing, or older than the manifest"))
    }
  }

  @Test func `a full disk keeps the checkpoint before, and saving resumes with space`() throws {
    let scratch = Scratch()
    var options = SQLiteState.Options()
    options.maxPageCount = 40
    options.pageSize = 16384
    let state = try SQLiteState(path: scratch.file("state.db"), options: options)
    _ = try state.save(bulk(rows: 300, bytes: 600, salt: 0, "fits"))
    let before = try Loaded(state)
    let fault = #expect(throws: StateFault.self) { try state.save(bulk(rows: 3000, bytes: 600, salt: 1, "too big")) }
    guard case .io(let sentence) = fault else {
      Issue.record("\(String(describing: fault))")
      return
    }
    #expect(sentence.contains("the disk is full"))
    #expect(try Loaded(state) == before)
    _ = try state.save(snapshot([(.viewer, 0, "small")], "small"))
    #expect(try Loaded(state).manifest == Array("small".utf8))
    #expect(try Loaded(state).rows.count == 300)
  }

  @Test func `an I/O error while saving keeps the checkpoint before`() async {
    // In a process of its own, since the bound on file sizes is one of the process.
    await #expect(processExitsWith: .success) {
      let scratch = Scratch()
      signal(SIGXFSZ, SIG_IGN)
      let state = try SQLiteState(path: scratch.file("state.db"))
      _ = try state.save(bulk(rows: 300, bytes: 600, salt: 0, "fits"))
      let before = try Loaded(state)
      var bound = rlimit(rlim_cur: 3 << 20, rlim_max: rlim_t.max)
      precondition(setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &bound) == 0)
      do {
        _ = try state.save(bulk(rows: 10_000, bytes: 600, salt: 1, "too big"))
        preconditionFailure("a save beyond the bound succeeded")
      } catch let fault as StateFault {
        guard case .io = fault else { preconditionFailure("\(fault)") }
      }
      let kept = try Loaded(state)
      precondition(kept == before)
      bound.rlim_cur = rlim_t.max
      setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &bound)
      _ = try state.save(bulk(rows: 10_000, bytes: 600, salt: 1, "fits now"))
      let after = try Loaded(state)
      precondition(after.manifest == Array("fits now".utf8))
    }
  }

  @Test func `another format is refused with a sentence and left where it is`() throws {
    let scratch = Scratch()
    let path = scratch.file("state.db")
    let state = try SQLiteState(path: path)
    _ = try state.save(snapshot([(.viewer, 1, "a")], "m"))
    state.close()
    try shell("sqlite3", path, "PRAGMA user_version = 7")
    let other = try SQLiteState(path: path)
    let fault = #expect(throws: StateFault.self) { try Loaded(other) }
    #expect(throws: fault!) { try other.save(snapshot([], "x")) }
    guard case .format(let sentence) = fault else {
      Issue.record("\(String(describing: fault))")
      return
    }
    #expect(sentence.contains("format 7"))
    #expect(FileManager.default.fileExists(atPath: path))
  }

  /// An administrator restores as root; the unit's worker has a user of its own.
  @Test(.enabled(if: geteuid() == 0, "only root can give files away"))
  func `what root puts into a folder of somebody else is that one's`() throws {
    let scratch = Scratch()
    let folder = scratch.file("state")
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
    try #require(chown(folder, 65_534, 65_534) == 0)
    let state = try SQLiteState(path: scratch.file("state.db"))
    _ = try state.save(bulk(rows: 10, bytes: 60, salt: 0, "one"))
    try state.backup(to: folder + "/state.db")
    _ = try StateDirectory(folder)
    func owner(_ path: String) throws -> Int? {
      try FileManager.default.attributesOfItem(atPath: path)[.ownerAccountID] as? Int
    }
    for name in try FileManager.default.contentsOfDirectory(atPath: folder) {
      #expect(try owner(folder + "/" + name) == 65_534, "\(name)")
    }
    #expect(try owner(scratch.file("state.db")) == 0)
  }

  @Test func `a backup taken beside a running writer is whole`() throws {
    let scratch = Scratch()
    let state = try SQLiteState(path: scratch.file("state.db"))
    _ = try state.save(bulk(rows: 500, bytes: 600, salt: 0, "one"))
    let before = try Loaded(state)
    try state.backup(to: scratch.file("backup.db"))
    _ = try state.save(bulk(rows: 500, bytes: 600, salt: 1, "two"))
    #expect(try Loaded(SQLiteState(path: scratch.file("backup.db"))) == before)
    var reading = SQLiteState.Options()
    reading.isReadOnly = true
    #expect(try Loaded(SQLiteState(path: scratch.file("state.db"), options: reading)) == Loaded(state))
  }

  @Test func `a kill between saves leaves the last one, whichever file it stands in`() throws {
    let scratch = Scratch()
    var options = SQLiteState.Options()
    options.walLimit = 400_000
    let state = try SQLiteState(path: scratch.file("state.db"), options: options)
    for turn in 0..<UInt8(12) {
      _ = try state.save(bulk(rows: 100, bytes: 600, salt: turn, "turn \(turn)"))
      scratch.copy("state.db", to: "left.db")
      let left = try SQLiteState(path: scratch.file("left.db"))
      #expect(try Loaded(left) == Loaded(state))
      #expect(try Loaded(left).manifest == Array("turn \(turn)".utf8))
      left.close()
    }
  }
}

/// Runs a program to its end; its output.
@discardableResult
func shell(_ arguments: String...) throws -> String {
  let process = Process()
  process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
  process.arguments = arguments
  let pipe = Pipe()
  process.standardOutput = pipe
  process.standardError = FileHandle.nullDevice
  try process.run()
  let output = pipe.fileHandleForReading.readDataToEndOfFile()
  process.waitUntilExit()
  #expect(process.terminationStatus == 0, "\(arguments)")
  return String(decoding: output, as: UTF8.self)
}

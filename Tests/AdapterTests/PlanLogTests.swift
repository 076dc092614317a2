import Foundation
import MemoryPort
import Ports
import SQLitePort
import Testing

@Suite struct PlanLogTests {
  enum Kind: CaseIterable { case memory, sqlite }

  private func make(_ kind: Kind, _ scratch: Scratch) throws -> () throws -> any PlanLog {
    switch kind {
    case .memory:
      let plans = MemoryPlans()
      return { plans }
    case .sqlite: return { try SQLitePlans(path: scratch.file("plans.db")) }
    }
  }

  private func plan(_ turn: UInt64) -> [UInt8] { Array("plan of turn \(turn)".utf8) }

  @Test(arguments: Kind.allCases)
  func `plans come back in order, after any turn, and are pruned up to one`(kind: Kind) throws {
    let scratch = Scratch()
    let open = try make(kind, scratch)
    var plans = try open()
    #expect(try plans.plans(after: 0).isEmpty)
    for turn in UInt64(1)...200 { try plans.append(turn: turn, plan(turn)) }
    plans.close()
    plans = try open()
    #expect(try plans.plans(after: 0).map(\.turn) == Array(1...200))
    #expect(try plans.plans(after: 150).map(\.plan) == (151...200).map(plan))
    #expect(try plans.plans(after: 150, limit: 3).map(\.turn) == [151, 152, 153])
    let room = plans.bytes
    try plans.prune(upTo: 190)
    #expect(plans.bytes < room && plans.bytes > 0)
    #expect(try plans.plans(after: 0).map(\.turn) == Array(191...200))
    try plans.append(turn: 201, [])
    #expect(try plans.plans(after: 199).map(\.turn) == [200, 201])
    #expect(throws: StateFault.self) { try plans.append(turn: 201, []) }
  }

  @Test(arguments: Kind.allCases)
  func `after all plans were pruned the next still follows`(kind: Kind) throws {
    let scratch = Scratch()
    let open = try make(kind, scratch)
    let plans = try open()
    for turn in UInt64(5)...6 { try plans.append(turn: turn, plan(turn)) }
    try plans.prune(upTo: 6)
    try plans.append(turn: 7, plan(7))
    #expect(try plans.plans(after: 0).map(\.turn) == [7])
  }

  @Test func `the write-ahead log is folded back while plans are appended, and stays short`() throws {
    let scratch = Scratch()
    let plans = try SQLitePlans(path: scratch.file("plans.db"))
    let body = [UInt8](repeating: 7, count: 16_000)
    var longest = 0
    for turn in UInt64(1)...2000 {  // 32 MB
      try plans.append(turn: turn, body)
      if turn % 50 == 0 {
        let size = try FileManager.default.attributesOfItem(atPath: scratch.file("plans.db-wal"))[.size] as? Int
        longest = max(longest, size ?? 0)
        usleep(2000)
      }
    }
    #expect(longest < 24 << 20, "\(longest)")
    plans.close()
    let again = try SQLitePlans(path: scratch.file("plans.db"))
    #expect(try again.plans(after: 0).map(\.turn) == Array(1...2000))
  }

  @Test func `files of state and plans are their owner's alone, also those of before and copies`() throws {
    let scratch = Scratch()
    func mode(_ name: String) throws -> Int? {
      try FileManager.default.attributesOfItem(atPath: scratch.file(name))[.posixPermissions] as? Int
    }
    try Data().write(to: URL(fileURLWithPath: scratch.file("plans.db")))
    #expect(chmod(scratch.file("plans.db"), 0o644) == 0)
    let plans = try SQLitePlans(path: scratch.file("plans.db"))
    try plans.append(turn: 1, plan(1))
    try plans.backup(to: scratch.file("copy.db"))
    let state = try SQLiteState(path: scratch.file("state.db"))
    var snapshot = Snapshot()
    snapshot.manifest = [1]
    _ = try state.save(snapshot)
    for name in ["plans.db", "plans.db-wal", "plans.db-shm", "copy.db", "state.db", "state.db-wal", "state.db-shm"] {
      #expect(try mode(name) == 0o600, "\(name)")
    }
    #expect(try SQLitePlans(path: scratch.file("copy.db"), isReadOnly: true).plans(after: 0).map(\.plan) == [plan(1)])
  }

  @Test func `a plan is there after a kill right behind it`() throws {
    let scratch = Scratch()
    let plans = try SQLitePlans(path: scratch.file("plans.db"))
    for turn in UInt64(1)...20 {
      try plans.append(turn: turn, plan(turn))
      scratch.copy("plans.db", to: "left.db")
      let left = try SQLitePlans(path: scratch.file("left.db"))
      #expect(try left.plans(after: 0).count == Int(turn))
      left.close()
    }
  }

  @Test func `a changed plan and a lost one are noticed`() throws {
    for sql in ["UPDATE plan SET body = x'00' WHERE turn = 3", "DELETE FROM plan WHERE turn = 3"] {
      let scratch = Scratch()
      let path = scratch.file("plans.db")
      var plans = try SQLitePlans(path: path)
      for turn in UInt64(1)...5 { try plans.append(turn: turn, plan(turn)) }
      plans.close()
      try shell("sqlite3", path, sql)
      plans = try SQLitePlans(path: path)
      let fault = #expect(throws: StateFault.self) { try plans.plans(after: 0) }
      guard case .corrupt = fault else {
        Issue.record("\(String(describing: fault))")
        continue
      }
      #expect(FileManager.default.fileExists(atPath: path + ".corrupt-1"))
      #expect(try plans.plans(after: 0).isEmpty)
      try plans.append(turn: 6, plan(6))
    }
  }

  @Test func `a flipped byte anywhere is noticed or changes nothing`() throws {
    let scratch = Scratch()
    let plans = try SQLitePlans(path: scratch.file("plans.db"))
    for turn in UInt64(1)...100 { try plans.append(turn: turn, plan(turn)) }
    let whole = try plans.plans(after: 0).map(\.plan)
    plans.close()
    let bytes = try Data(contentsOf: URL(fileURLWithPath: scratch.file("plans.db")))
    for at in stride(from: 0, to: bytes.count, by: 61) {
      scratch.copy("plans.db", to: "damaged.db")
      var damaged = bytes
      damaged[at] ^= 0x04
      try damaged.write(to: URL(fileURLWithPath: scratch.file("damaged.db")))
      do throws(any Error) {
        let victim = try SQLitePlans(path: scratch.file("damaged.db"))
        defer { victim.close() }
        #expect(try victim.plans(after: 0).map(\.plan) == whole, "byte \(at)")
      } catch {
        #expect(error is StateFault)
      }
    }
  }

  @Test func `a full disk refuses the plan, keeps those before and takes the next with space`() throws {
    let scratch = Scratch()
    let plans = try SQLitePlans(path: scratch.file("plans.db"), maxPageCount: 8)
    try plans.append(turn: 1, plan(1))
    #expect(throws: StateFault.self) { try plans.append(turn: 2, [UInt8](repeating: 1, count: 100_000)) }
    try plans.append(turn: 2, plan(2))
    #expect(try plans.plans(after: 0).map(\.plan) == [plan(1), plan(2)])
  }
}

@Suite struct StateDirectoryTests {
  @Test func `L7: one process at a time: the second is refused naming the first`() throws {
    let scratch = Scratch()
    let path = scratch.file("deep/er/state")
    var first: StateDirectory? = try StateDirectory(path)
    let id = first!.instanceID
    #expect(id.utf8.count == 16)
    let error = #expect(throws: PortError.self) { try StateDirectory(path) }
    #expect(error!.message.contains("in use by process \(ProcessInfo.processInfo.processIdentifier)"))
    #expect(StateDirectory.holder(of: path) == ProcessInfo.processInfo.processIdentifier)
    let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as! Int
    #expect(mode == 0o700)
    first = nil
    #expect(StateDirectory.holder(of: path) == nil)
    #expect(try StateDirectory(path).instanceID == id)
  }

  @Test func `a folder that cannot be is refused with a sentence`() throws {
    let scratch = Scratch()
    try "x".write(toFile: scratch.file("file"), atomically: true, encoding: .utf8)
    let error = #expect(throws: PortError.self) { try StateDirectory(scratch.file("file/state")) }
    #expect(error!.message.contains("file/state"))
  }
}

import Foundation
import Testing

/// What can happen to the files of a state, through the whole process.
@Suite(.serialized) struct StateFileTests {
  @Test func `backup, restore and rebuild while the worker runs`() throws {
    let scene = try Scene()
    let life = scene.life
    let backup = scene.scratch.path + "/backup"
    var worker = try life.begin()
    scene.untilTurn(3)
    #expect(try life.ask(["state", "backup", backup]).code == 0)
    for path in [life.folder, backup] {
      for name in try FileManager.default.contentsOfDirectory(atPath: path)
      where name.hasPrefix("state.db") || name.hasPrefix("plans.db") {
        #expect(try Self.mode(path + "/" + name) == 0o600, "\(path)/\(name)")
      }
    }
    #expect(try Self.mode(life.folder) == 0o700)
    let other = Life(name: "other", broker: scene.broker, scratch: scene.scratch)
    let refused = try other.ask(["state", "restore", backup], withErrors: true)
    #expect(refused.code != 0 && refused.text.contains("a backup of group scene"), "\(refused.text)")
    #expect(other.hasState == false)
    usleep(500_000)
    let restored = try life.ask(["state", "restore", backup], withErrors: true)
    #expect(restored.code == 0 && restored.text.contains("has taken it up"), "\(restored.text)")
    usleep(500_000)
    #expect(worker.isRunning)
    worker.kill()
    try scene.expectComplete()
    let before = try scene.dump
    #expect(life.log.contains("new lineage") == false, "the plans reached back to the backup")
    let fromBackup = try life.ask(["replay", "--plans", "--base", backup, "--verify"])
    #expect(fromBackup.code == 0, "\(fromBackup.text)")

    let starts = life.log.components(separatedBy: #""started""#).count
    worker = try life.begin()
    life.until(#""started""#, times: starts)
    let rebuilt = try life.ask(["state", "rebuild"], withErrors: true)
    #expect(rebuilt.code == 0 && rebuilt.text.contains("has taken it up"), "\(rebuilt.text)")
    usleep(500_000)
    worker.send(SIGTERM)
    #expect(worker.end(within: 10) == 0)
    try life.finish()
    let isEqual = try scene.dump == before
    #expect(isEqual)
    #expect(try Self.version(life).hasPrefix("000002"), "the next lineage")
    #expect(FileManager.default.fileExists(atPath: life.folder + "/state.db.aside-2"))
  }

  @Test func `a damaged state is set aside, said aloud and folded anew from the log`() throws {
    let scene = try Scene()
    try scene.life.finish()
    let before = try scene.dump
    let path = scene.life.folder + "/state.db"
    var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    // Twenty bits over the whole file: pages in use are among them.
    for n in 1...20 { bytes[bytes.count / 21 * n] ^= 1 }
    try bytes.write(to: URL(fileURLWithPath: path))
    try scene.life.finish()
    #expect(scene.life.log.contains("the state was damaged and set aside; it is rebuilt from the log"))
    #expect(FileManager.default.fileExists(atPath: path + ".corrupt-1"))
    let isEqual = try scene.dump == before
    #expect(isEqual)
    #expect(try Self.version(scene.life).hasPrefix("000002"))
    let audit = try scene.life.audit()
    #expect(audit.code == 0, "\(audit.text)")
  }

  @Test func `an older state put back: caught up by its plans, else known by the store or by the group`() throws {
    var scene = try Scene(events: 6_000)
    let life = scene.life
    try life.finish()
    let path = life.folder + "/state.db"
    let older = try Data(contentsOf: URL(fileURLWithPath: path))
    try scene.send(6_000)
    try life.finish()
    let before = try scene.dump
    let files = FileManager.default

    try older.write(to: URL(fileURLWithPath: path))
    try life.finish()
    var isEqual = try scene.dump == before
    #expect(isEqual)
    #expect(try Self.version(life).hasPrefix("000001"))
    #expect(life.log.contains("replayed what was planned"))

    try older.write(to: URL(fileURLWithPath: path))
    try files.removeItem(atPath: life.folder + "/plans.db")
    try life.finish()
    isEqual = try scene.dump == before
    #expect(isEqual)
    #expect(life.log.contains("the feature store is ahead of this state"))
    #expect(try Self.version(life).hasPrefix("000002"))

    try older.write(to: URL(fileURLWithPath: path))
    try files.removeItem(atPath: life.folder + "/plans.db")
    try files.removeItem(atPath: life.folder + "/features.db")
    try life.finish()
    isEqual = try scene.dump == before
    #expect(isEqual)
    #expect(life.log.contains("the group has committed more than this state has read"))
  }

  @Test func `a file of a later format is refused with the command that rebuilds it, and that command mends it`() throws
  {
    let scene = try Scene(events: 2_000)
    let life = scene.life
    try life.finish()
    let before = try scene.dump
    let path = life.folder + "/state.db"
    var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    bytes[63] = 9  // PRAGMA user_version, the format of the tables
    try bytes.write(to: URL(fileURLWithPath: path))
    let worker = try life.begin()
    let code = worker.end(within: 20)
    #expect(code != nil && code != 0)
    #expect(life.log.contains("thalweg state rebuild"))
    let now = try Data(contentsOf: URL(fileURLWithPath: path))
    #expect(now == bytes, "it is left as it is")
    #expect(try life.ask(["state", "dump"]).code != 0)
    #expect(try life.ask(["state", "rebuild"]).code == 0)
    try life.finish()
    let isEqual = try scene.dump == before
    #expect(isEqual)
  }

  private static func mode(_ path: String) throws -> Int? {
    try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
  }

  /// The newest version that the feature store has seen.
  private static func version(_ life: Life) throws -> String {
    let row = Spawned.run(
      "python3",
      [
        "-c",
        "import sqlite3,sys; print(bytes(sqlite3.connect(sys.argv[1]).execute('select version from mark').fetchone()[0]).decode())",
        life.folder + "/features.db",
      ])
    return row.text
  }
}

import Foundation
import Events
import Learners
import Ports
import SQLitePort
import Testing

@testable import MemoryPort
@testable import Pipeline

/// Files of every released format, as that release wrote them: today's program reads them to the same bytes.
///
/// `Golden/format-N` holds state, plans and dump of one small run of the made-up traffic. A new format gets a folder of
/// its own beside the older ones; an older one never changes.
@Suite struct GoldenStateTests {
  private static let place = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/Golden/"
  private static let formats = ["format-1"]
  private static let present = "format-1"

  /// The run behind the files: 400 events, every topic, timers, alerts, a catalog change.
  private static func run() throws -> World {
    let world = World(Timeline(events: 400))
    try world.run()
    return world
  }

  /// Copies of a format's files in a folder of the test's own.
  private final class Copies {
    let folder = NSTemporaryDirectory() + "thalweg-golden-\(UUID().uuidString)"
    init(_ format: String) throws {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      for name in ["state.db", "plans.db", "dump"] {
        try gunzip(GoldenStateTests.place + format + "/\(name).gz", to: folder + "/" + name)
      }
    }
    deinit { try? FileManager.default.removeItem(atPath: folder) }

    var state: SQLiteState { get throws { try SQLiteState(path: folder + "/state.db") } }
    var plans: SQLitePlans { get throws { try SQLitePlans(path: folder + "/plans.db") } }
    var dump: [UInt8] { get throws { Array(try Data(contentsOf: URL(fileURLWithPath: folder + "/dump"))) } }

    private func gunzip(_ from: String, to: String) throws {
      let gzip = Process()
      gzip.executableURL = URL(fileURLWithPath: "/usr/bin/env")
      gzip.arguments = ["gzip", "-dc", from]
      let pipe = Pipe()
      gzip.standardOutput = pipe
      try gzip.run()
      try pipe.fileHandleForReading.readDataToEndOfFile().write(to: URL(fileURLWithPath: to))
      gzip.waitUntilExit()
      #expect(gzip.terminationStatus == 0)
    }
  }

  @Test(arguments: formats) func `a released state opens, and its dump is what it was`(format: String) throws {
    let copies = try Copies(format)
    let read = try Road.reading(copies.state, options: World.options())
    let isEqual = try read.road.dumpBytes == copies.dump
    #expect(isEqual)
    #expect(read.manifest.turn > 5 && read.manifest.eventsFolded > 380)
  }

  @Test(arguments: formats) func `a worker goes on from a released state and saves it as its own`(format: String) throws
  {
    let copies = try Copies(format)
    let world = try Self.run()
    let state = try copies.state
    let worker = Self.worker(world, state: state, plans: try copies.plans)
    try worker.start()
    let value =
      #"{"schema":"watch/1","event_id":"after","timestamp":1793600000000,"user_id":"fresh","content_id":"t1","completion_rate":0.5}"#
    world.log.append(
      "events.watch", 0, key: Array("fresh".utf8), value: Array(value.utf8), timestamp: 1_793_600_000_000)
    var steps = 0
    while worker.road.viewerCount < 41 || worker.lag().contains(where: { $0.records > 0 }), steps < 500 {
      _ = try worker.step(waitMs: 0)
      world.clock.advance(ms: 100)
      steps += 1
    }
    #expect(try worker.stop(deadlineMs: 1000))
    let again = try Road.reading(copies.state, options: World.options())
    #expect(again.manifest.lineage == 1)
    let dump = String(decoding: again.road.dumpBytes, as: UTF8.self)
    #expect(dump.contains("user\tfresh\t"))
    let before = String(decoding: try copies.dump, as: UTF8.self).split(separator: "\n").filter {
      $0.hasPrefix("catalog\t")
    }
    #expect(before.count > 20 && before.allSatisfy { dump.contains($0) })
  }

  @Test(arguments: formats) func `released plans give the bytes of their run`(format: String) throws {
    let copies = try Copies(format)
    let world = try Self.run()
    let live = try Road.reading(copies.state, options: World.options())
    world.options.replay = ReplayPlan(manifest: live.manifest, upTo: live.manifest.turn)
    let worker = Self.worker(world, state: MemoryState(), plans: try copies.plans)
    try worker.start()
    var steps = 0
    while !worker.replayIsDone, try worker.step(waitMs: 0), steps < 2000 { steps += 1 }
    let isEqual = try worker.road.dumpBytes == copies.dump
    #expect(isEqual)
  }

  /// Bytes 0-3 of a manifest are the format of the rows, 4-7 the version of the maths.
  @Test(arguments: [0, 4]) func `rows of another format, or of other maths, are refused with the command that helps`(
    byte: Int
  ) throws {
    for version in [0, 2, 255] as [UInt8] where version != 1 {
      let copies = try Copies(Self.present)
      var snapshot = Snapshot()
      let state = try copies.state
      snapshot.manifest = try state.load { _, _, _ in }
      snapshot.manifest[byte] = version
      _ = try state.save(snapshot)
      let fault = #expect(throws: WorkerFault.self) { try Road.reading(state, options: World.options()) }
      guard case .state(.format(let text)) = fault else {
        Issue.record("\(fault.map { "\($0)" } ?? "it was read")")
        continue
      }
      #expect(text.contains("thalweg state rebuild"))
    }
  }

  @Test(arguments: ["state.db", "plans.db"]) func `tables of another format are refused and left as they are`(
    name: String
  ) throws {
    for version in [0, 2, 7] as [UInt8] where version != 1 {
      let copies = try Copies(Self.present)
      let url = URL(fileURLWithPath: copies.folder + "/" + name)
      var bytes = try Data(contentsOf: url)
      bytes[63] = version  // PRAGMA user_version
      try bytes.write(to: url)
      let fault = #expect(throws: StateFault.self) {
        if name == "state.db" {
          _ = try copies.state.load { _, _, _ in }
        } else {
          _ = try copies.plans.plans(after: 0)
        }
      }
      guard case .format(let text) = fault else {
        Issue.record("\(fault.map { "\($0)" } ?? "it was read")")
        continue
      }
      #expect(text.contains("thalweg state rebuild"))
      let now = try Data(contentsOf: url)
      #expect(now == bytes)
    }
  }

  /// THALWEG_WRITE_GOLDEN=1 writes the present format's files. For a format that was never released only.
  @Test(.enabled(if: ProcessInfo.processInfo.environment["THALWEG_WRITE_GOLDEN"] != nil, "writes files"))
  func `writes the files of the present format`() throws {
    let world = try Self.run()
    let folder = Self.place + Self.present
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    var snapshot = Snapshot()
    snapshot.manifest = try world.state.load { table, slot, row in
      if table != .manifest { snapshot.append(table, slot) { $0 += row } }
    }
    let state = try SQLiteState(path: folder + "/state.db")
    _ = try state.save(snapshot)
    state.close()
    let plans = try SQLitePlans(path: folder + "/plans.db")
    for plan in try world.plans.plans(after: 0) { try plans.append(turn: plan.turn, plan.plan) }
    plans.close()
    try Data(world.worker.road.dumpBytes).write(to: URL(fileURLWithPath: folder + "/dump"))
    for name in ["state.db", "plans.db", "dump"] {
      let gzip = Process()
      gzip.executableURL = URL(fileURLWithPath: "/usr/bin/env")
      gzip.arguments = ["gzip", "-9nf", folder + "/" + name]
      try gzip.run()
      gzip.waitUntilExit()
    }
  }

  private static func worker(_ world: World, state: any StateStore, plans: any PlanLog) -> Worker {
    let ids = Identities(viewers: 64, titles: 64)
    return Worker(
      options: world.options, decoder: Decoder(mapping: Envelope.mapping, options: DecodeOptions(), ids: ids),
      ids: ids, source: world.log, store: MemoryStore(shelf: world.shelf), outlet: MemoryOutlet(), state: state,
      plans: plans, clock: world.clock, onOneThread: true)
  }
}

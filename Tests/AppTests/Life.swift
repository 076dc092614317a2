import Foundation
import KafkaPort
import SQLitePort
import Testing

/// The lives of one worker: a state, a group and a log file.
struct Life {
  struct Kills: CustomStringConvertible {
    var count = 0
    var progressed = 0
    var description: String { "\(count) kills, \(progressed) after new turns" }
  }
  let folder: String
  let settings: [String]
  var dump: String { folder + ".dump" }
  let address: String

  /// - Parameter more: Settings that win over those it makes.
  init(name: String, broker: TestBroker, scratch: Places.Scratch, more: [String] = []) {
    folder = scratch.path + "/" + name
    address = broker.address
    settings =
      ([
        "kafka.brokers=\(broker.address)", "kafka.group=\(name)", "state_dir=\(folder)", "store.kind=sqlite",
        "admin.port=0", "checkpoint.interval=200ms",
      ] + more).flatMap { ["--set", $0] }
  }

  /// The newest turn that was planned.
  var turns: UInt64 {
    guard FileManager.default.fileExists(atPath: folder + "/plans.db"),
      let plans = try? SQLitePlans(path: folder + "/plans.db", isReadOnly: true)
    else { return 0 }
    defer { plans.close() }
    return plans.newest
  }

  var hasState: Bool { FileManager.default.fileExists(atPath: folder + "/state.db") }

  /// What its workers said.
  var log: String { (try? String(contentsOfFile: folder + ".log", encoding: .utf8)) ?? "" }

  /// Waits until its workers have said something so many times.
  func until(_ said: String, times: Int = 1) {
    let until = Date().addingTimeInterval(20)
    while log.components(separatedBy: said).count <= times, Date() < until { usleep(5_000) }
  }

  func begin() throws -> Child { try Child(["worker"] + settings, errors: folder + ".log") }

  /// Starts workers and kills them: most a random moment after a random number of new turns, some while they start.
  func die(_ times: Int, afterTurns most: UInt64 = 2) throws -> Kills {
    var kills = Kills()
    for round in 0..<times {
      let before = turns
      let worker = try begin()
      if round % 5 == 4 {
        usleep(UInt32.random(in: 0...400_000))
      } else {
        let target = before + UInt64.random(in: 1...most)
        let until = Date().addingTimeInterval(60)
        while turns < target, Date() < until, worker.isRunning { usleep(500) }
        usleep(UInt32.random(in: 0...10_000))
      }
      #expect(worker.isRunning, "it ended by itself: \(Self.end(log))")
      worker.kill()
      kills.count += 1
      if turns > before { kills.progressed += 1 }
    }
    return kills
  }

  /// A last life without a kill, up to the end of the topics; then the dump.
  func finish() throws {
    let last = try Child(["worker", "--until", "caught-up"] + settings, errors: folder + ".log")
    let code = last.end()
    #expect(code == 0, "\(Self.end(log))")
    let rows = try Child(["state", "dump"] + settings).output()
    #expect(rows.count > 1000)
    try rows.write(to: URL(fileURLWithPath: dump))
  }

  /// Whether the group was told of everything that stands in the topics.
  func toldEverything() throws -> Bool {
    let group = URL(fileURLWithPath: folder).lastPathComponent
    let admin = try KafkaAdmin(KafkaConfig(brokers: address, group: group, joinsGroup: false))
    defer { admin.close() }
    return try admin.lag(of: KillTraffic.topics).allSatisfy { $0.log.high == 0 || $0.committed == $0.log.high }
  }

  /// What a verb answers about it.
  func ask(_ words: [String], withErrors: Bool = false) throws -> (code: Int32, text: String) {
    let child = try Child(words + settings, errors: folder + ".answers", mixed: withErrors)
    let text = String(decoding: child.output(), as: UTF8.self).trimmingCharacters(in: .newlines)
    return (child.end(), text)
  }

  /// Counts again from the topics and compares with the dump.
  func audit() throws -> (code: Int32, text: String) {
    Spawned.run("python3", [Places.root + "/Tests/AppTests/Audit/audit.py", address, dump])
  }

  /// Where two dumps differ first; nil = nowhere.
  static func difference(_ a: Life, _ b: Life) throws -> String? {
    let texts = try [a, b].map { try String(contentsOfFile: $0.dump, encoding: .utf8).split(separator: "\n") }
    guard texts[0] != texts[1] else { return nil }
    for (x, y) in zip(texts[0], texts[1]) where x != y {
      let same = zip(x, y).prefix { $0 == $1 }.count
      let from = max(0, same - 60)
      return "\(x.prefix(30)): \(x.dropFirst(from).prefix(160))\n  against \(y.dropFirst(from).prefix(160))"
    }
    return "\(texts[0].count) rows against \(texts[1].count)"
  }

  private static func end(_ log: String) -> String { String(log.suffix(1500)) }
}

/// An embedded broker with a backlog, and a worker's life over it.
struct Scene {
  let broker: TestBroker
  let scratch = Places.Scratch()
  let life: Life
  /// Ends well before a boundary of five minutes, so that no timer of idle topics runs in a test.
  private var traffic = KillTraffic(viewers: 400, titles: 60, stepMs: 487)

  init(events: Int = 12_000, _ more: [String] = []) throws {
    broker = try TestBroker(topics: KillTraffic.topics + ["dlq.events", "alerts.drift"], partitions: 4)
    // One shard's turns are short: the backlog takes several, in the midst of which something may happen.
    life = Life(name: "scene", broker: broker, scratch: scratch, more: ["shards=1"] + more)
    try send(events, withCatalog: true)
  }

  mutating func send(_ count: Int, withCatalog: Bool = false) throws {
    let outlet = try KafkaOutlet.traffic(to: broker.address)
    defer { outlet.close() }
    if withCatalog { try traffic.sendCatalog(through: outlet) }
    try traffic.send(count, through: outlet)
    #expect(outlet.flush(timeoutMs: 30_000))
  }

  /// Waits until a worker has planned so many turns.
  func untilTurn(_ turn: UInt64) {
    let until = Date().addingTimeInterval(20)
    while life.turns < turn, Date() < until { usleep(1_000) }
  }

  /// Nothing is missing and nothing counted twice after a last life; the plans give the same bytes.
  func expectComplete() throws {
    try life.finish()
    let audit = try life.audit()
    #expect(audit.code == 0, "\(audit.text)")
    let replay = try life.ask(["replay", "--plans", "--verify"])
    #expect(replay.code == 0, "\(replay.text)")
  }

  var dump: Data { get throws { try Data(contentsOf: URL(fileURLWithPath: life.dump)) } }
}

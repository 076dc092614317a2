import Foundation
import KafkaPort
import Ports
import Testing

/// Real processes, killed with signal 9 while events come in: nothing is lost and nothing counted twice.
@Suite(.serialized) struct KillTests {
  private static let kills = 12
  private static let perBurst = 1500

  @Test func `a worker killed again and again ends with what its plans give, and every event counted once`() throws {
    let place = FileManager.default.temporaryDirectory.appendingPathComponent("thalweg-kill-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: place) }
    let broker = try Child(["__mock-broker", "--topics", "events.watch:32,events.rate:32"])
    defer { broker.kill() }
    let address = try #require(broker.firstLine())
    let settings = [
      "kafka.brokers=\(address)", "kafka.group=kill", "state_dir=\(place)/state", "store.kind=sqlite", "admin.port=0",
      "checkpoint.interval=200ms",
    ].flatMap { ["--set", $0] }
    let outlet = try KafkaOutlet(KafkaConfig(brokers: address, group: "kill", joinsGroup: false))
    var traffic = Traffic()
    let deadline = Date().addingTimeInterval(50)
    var progressed = 0
    var rounds = 0
    while rounds < Self.kills, Date() < deadline {
      let before = try Self.turns(place)
      let worker = try Child(["worker"] + settings)
      // Traffic goes on while it starts, folds and dies; copies of the last events straddle the kill.
      // Some die while they start, most a random moment after they got on.
      let isPatient = rounds % 6 != 5
      let end = Date().addingTimeInterval(isPatient ? 5 : 0.7)
      while Date() < end {
        try traffic.send(Self.perBurst / 10, through: outlet)
        if isPatient, try Self.turns(place) > before { break }
      }
      for _ in 0..<(rounds * 7 % 5) { try traffic.send(Self.perBurst / 10, through: outlet) }
      worker.kill()
      try traffic.repeatLast(40, through: outlet)
      if try Self.turns(place) > before { progressed += 1 }
      rounds += 1
    }
    #expect(outlet.flush(timeoutMs: 10_000))
    outlet.close()
    #expect(rounds >= 6)
    #expect(progressed * 4 >= rounds * 3, "new turns were planned in \(progressed) of \(rounds) lives")
    let last = try Child(["worker", "--until", "caught-up"] + settings)
    #expect(last.end() == 0)
    let verify = try Child(["replay", "--plans", "--verify"] + settings)
    let answer = verify.output()
    #expect(verify.end() == 0, "\(answer)")
    let dump = try Child(["state", "dump"] + settings).output()
    #expect(Self.sum(dump, kind: "user", member: "n") == traffic.sent)
    #expect(Self.sum(dump, kind: "content", member: "rating_count") > 0)
    #expect(Self.sum(dump, kind: "content", member: "watches") == traffic.watches)
  }

  /// Newest planned turn, asked of the file itself.
  private static func turns(_ place: String) throws -> Int {
    let path = place + "/state/plans.db"
    guard FileManager.default.fileExists(atPath: path) else { return 0 }
    let sqlite = Process()
    sqlite.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    sqlite.arguments = [
      "python3", "-c",
      "import sqlite3,sys; print(sqlite3.connect('file:'+sys.argv[1]+'?mode=ro',uri=True).execute('select coalesce(max(turn),0) from plan').fetchone()[0])",
      path,
    ]
    let pipe = Pipe()
    sqlite.standardOutput = pipe
    try sqlite.run()
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    sqlite.waitUntilExit()
    return Int(String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)) ?? 0
  }

  private static func sum(_ dump: String, kind: String, member: String) -> Int {
    dump.split(separator: "\n").filter { $0.hasPrefix(kind + "\t") }.reduce(0) { total, line in
      guard let at = line.range(of: "\"\(member)\":") else { return total }
      return total + (Int(line[at.upperBound...].prefix { $0.isNumber }) ?? 0)
    }
  }

  /// Watches and first ratings of titles by viewers, numbered through.
  private struct Traffic {
    var sent = 0
    var watches = 0
    private var latest: [(topic: String, key: String, value: String, time: Int64)] = []
    private let start = Int64(Date().timeIntervalSince1970 * 1000)

    mutating func send(_ count: Int, through outlet: KafkaOutlet) throws {
      for _ in 0..<count {
        let n = sent
        let isWatch = n % 4 != 0
        let (viewer, title) = ("u\(n % 997)", "t\(n % 211)")
        let rest = isWatch ? #""completion_rate":0.7"# : #""rating":4"#
        let value =
          #"{"schema":"\#(isWatch ? "watch" : "rate")/1","event_id":"k\#(n)","timestamp":\#(start + Int64(n)),"user_id":"\#(viewer)","content_id":"\#(title)",\#(rest)}"#
        let record = (
          topic: isWatch ? "events.watch" : "events.rate", key: viewer, value: value, time: start + Int64(n)
        )
        try Self.send(record, through: outlet)
        latest.append(record)
        sent += 1
        if isWatch { watches += 1 }
      }
      if latest.count > 1000 { latest.removeFirst(latest.count - 1000) }
      _ = outlet.flush(timeoutMs: 20)
      usleep(20_000)
    }

    func repeatLast(_ count: Int, through outlet: KafkaOutlet) throws {
      for record in latest.suffix(count) { try Self.send(record, through: outlet) }
    }

    private static func send(
      _ record: (topic: String, key: String, value: String, time: Int64), through outlet: KafkaOutlet
    ) throws {
      try outlet.send(
        OutRecord(
          topic: record.topic, key: Array(record.key.utf8), value: Array(record.value.utf8), timestamp: record.time))
    }
  }

  /// The program as a process of its own; its input stays open as long as this object lives.
  private final class Child {
    private let process = Process()
    private let input = Pipe()
    private let answers = Pipe()

    init(_ arguments: [String]) throws {
      let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
      process.executableURL = URL(fileURLWithPath: own).deletingLastPathComponent().appendingPathComponent("thalweg")
      process.arguments = arguments
      process.standardInput = input
      process.standardOutput = answers
      process.standardError = FileHandle.nullDevice
      try process.run()
    }

    func firstLine() -> String? {
      var line = Data()
      while let byte = try? answers.fileHandleForReading.read(upToCount: 1), !byte.isEmpty, byte[0] != 10 {
        line += byte
      }
      return line.isEmpty ? nil : String(decoding: line, as: UTF8.self)
    }

    func output() -> String { String(decoding: answers.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self) }

    func end() -> Int32 {
      process.waitUntilExit()
      return process.terminationStatus
    }

    func kill() {
      Glibc.kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
    }
  }
}

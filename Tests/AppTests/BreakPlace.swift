import Foundation
import KafkaPort
import Ports
import Testing

/// An embedded broker with one partition a topic, so that events fold in the order they were sent however a run is
/// disturbed, and workers over it: every disturbed run must leave what an undisturbed one leaves.
final class BreakPlace {
  static let topics = ["events.watch", "dlq.events", "alerts.drift"]
  /// Begins with a boundary of the drift rule, and no test lasts until the next.
  static let start: Int64 = 1_795_230_000_000
  let cluster: MockCluster
  let scratch = Places.Scratch()
  let viewers: Int
  let titles: Int
  private let outlet: KafkaOutlet
  private(set) var sent = 0

  init(viewers: Int = 400, titles: Int = 50) throws {
    self.viewers = viewers
    self.titles = titles
    cluster = try MockCluster(topics: Self.topics.map { ($0, 1) })
    outlet = try KafkaOutlet(KafkaConfig(brokers: cluster.bootstrap, group: "none", joinsGroup: false))
  }
  deinit { outlet.close() }

  /// Settings of a worker with a state of its own.
  func settings(_ name: String, _ more: [String] = []) -> [String] {
    [
      "kafka.brokers=\(cluster.bootstrap)", "kafka.group=\(name)", "state_dir=\(scratch.path)/\(name)",
      "store.kind=sqlite", "admin.port=0", "checkpoint.interval=100ms", "log.format=json",
    ] + more
  }
  func worker(_ name: String, _ more: [String] = []) throws -> WorkerProcess {
    let worker = try WorkerProcess(["worker"], settings(name, more))
    #expect(worker.wait { !$0.lines("started").isEmpty }, "\(worker.text)")
    return worker
  }

  /// - Parameter garbage: A record that is no event behind each event.
  func send(
    _ count: Int, copies: Int = 1, garbage: Bool = false, ahead: Int64 = 0, times: ((Int) -> Int64)? = nil
  ) throws {
    for n in sent..<(sent + count) {
      let viewer = (n * 7919) % viewers
      let time = Self.start + ahead + Int64(n)
      let value =
        #"{"schema":"watch/1","event_id":"b\#(n)","timestamp":\#(times?(n) ?? time),"user_id":"u\#(viewer)","content_id":"t\#((n * 31) % titles)","completion_rate":0.\#(n % 10)}"#
      for _ in 0..<copies { try outlet.send(OutRecord("events.watch", "u\(viewer)", value, at: time)) }
      if garbage { try outlet.send(OutRecord("events.watch", "u\(viewer)", "{\"schema\":\"watch/1\",", at: time)) }
      if outlet.unacknowledged > 5000 { _ = outlet.flush(timeoutMs: 1000) }
    }
    sent += count
  }
  func flush() { #expect(outlet.flush(timeoutMs: 30_000)) }

  /// Sends small portions until told otherwise.
  func send(while isOn: () -> Bool, portion: Int = 50, limit: Int = 25_000) throws {
    while isOn(), sent < limit {
      try send(portion)
      _ = outlet.flush(timeoutMs: 0)
      usleep(10_000)
    }
  }

  func dump(_ name: String) throws -> String {
    let dump = try WorkerProcess(["state", "dump"], settings(name))
    #expect(dump.code == 0, "\(dump.text)")
    return dump.output
  }

  /// Whether every turn that was planned stands in the checkpoint.
  func savedAll(_ name: String) throws -> Bool {
    let dump = try WorkerProcess(["state", "dump"], settings(name))
    return dump.code == 0 && !dump.words.contains("planned turns are not in this checkpoint")
  }

  /// What a run leaves that nothing disturbs, over everything that was sent.
  func undisturbed(_ more: [String] = []) throws -> String {
    let worker = try WorkerProcess(["worker", "--until", "caught-up"], settings("undisturbed", more))
    #expect(worker.code == 0, "\(worker.text)")
    return try dump("undisturbed")
  }

  func records(of topic: String) throws -> Int64 {
    let source = try KafkaSource(KafkaConfig(brokers: cluster.bootstrap, group: "none", joinsGroup: false))
    defer { source.close() }
    return try source.watermarks(TopicPartition(topic, 0), timeoutMs: 10_000).high
  }

  /// Seconds that something stays away: short here, a minute where THALWEG_FAULT_SECONDS says so.
  static let away = Double(ProcessInfo.processInfo.environment["THALWEG_FAULT_SECONDS"] ?? "") ?? 3
}

extension WorkerProcess {
  /// Exactly one line says it, word by word.
  func expectLine(_ message: String, mend: String, sourceLocation: SourceLocation = #_sourceLocation) {
    let found = lines(message)
    #expect(
      found.count == 1, "\(message): \(found.count) times in\n\(text.suffix(2000))", sourceLocation: sourceLocation)
    #expect(found.first?.mend == mend, sourceLocation: sourceLocation)
  }
}

/// What a test reads of a Redis that is stopped, frozen, emptied and restored.
extension LocalRedis {
  /// Every feature under a prefix with all its fields but the version, sorted.
  func features(_ prefix: String) -> String {
    cli(
      "--raw", "EVAL",
      """
      local out = {}
      for _, k in ipairs(redis.call('KEYS', ARGV[1] .. '*')) do
        local name, parts = string.sub(k, #ARGV[1] + 1), {}
        if string.sub(name, 1, 5) ~= 'meta:' then
          if redis.call('TYPE', k).ok == 'hash' then
            local h = redis.call('HGETALL', k)
            for i = 1, #h, 2 do if h[i] ~= 'v' then parts[#parts + 1] = h[i] .. '=' .. redis.sha1hex(h[i + 1]) end end
          elseif redis.call('TYPE', k).ok == 'zset' then
            local z = redis.call('ZRANGE', k, 0, -1, 'WITHSCORES')
            for i = 1, #z, 2 do parts[#parts + 1] = z[i] .. '=' .. z[i + 1] end
          end
          table.sort(parts)
          out[#out + 1] = name .. ' ' .. table.concat(parts, ' ')
        end
      end
      table.sort(out)
      return table.concat(out, '\\n')
      """, "0", prefix)
  }

  /// Version of every hash under a prefix.
  func versions(_ prefix: String) -> [String: String] {
    let text = cli(
      "--raw", "EVAL",
      "local out = {} for _, k in ipairs(redis.call('KEYS', ARGV[1] .. '*')) do if redis.call('TYPE', k).ok == 'hash' then out[#out + 1] = k .. ' ' .. (redis.call('HGET', k, 'v') or '') end end return table.concat(out, '\\n')",
      "0", prefix)
    var versions: [String: String] = [:]
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ")
      if words.count == 2 { versions[String(words[0])] = String(words[1]) }
    }
    return versions
  }
}

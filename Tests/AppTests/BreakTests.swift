import Foundation
import KafkaPort
import Ports
import Testing

/// What else breaks, around real processes: each fault says one line word by word, shows in `/ready` or a metric, and
/// leaves what a run without it leaves.
@Suite(.serialized, .timeLimit(.minutes(10))) struct BreakTests {
  // MARK: The broker

  @Test func `a broker that goes away is said once, and reading goes on within seconds of its return`() throws {
    let place = try BreakPlace()
    try place.send(2000)
    place.flush()
    let worker = try place.worker("a")
    #expect(worker.wait { $0.events == 2000 })
    place.cluster.setDown(true)
    try place.send(2000)
    #expect(worker.wait { $0.metric("thalweg_kafka_up") == 0 })
    Thread.sleep(forTimeInterval: BreakPlace.away)
    if BreakPlace.away > 40 {
      #expect(worker.ready.status == 503 && worker.ready.text.contains("Kafka has not answered for 30 s"))
    }
    #expect(worker.events == 2000)
    place.cluster.setDown(false)
    place.flush()  // the producer has its own way back
    #expect(worker.wait(10) { $0.events == 4000 })
    #expect(worker.wait { $0.metric("thalweg_kafka_up") == 1 && $0.ready.status == 200 })
    #expect(worker.end() == 0)
    worker.expectLine(
      "Kafka does not answer; what was read is folded, the rest waits",
      mend: "look at the brokers, at kafka.brokers and at the network; the worker goes on by itself")
    #expect(worker.lines("Kafka answers again").count == 1)
    #expect(worker.lines("kafka client").isEmpty, "connections that come and go are not worth a line each")
    #expect(try place.dump("a") == place.undisturbed())
  }

  // MARK: Redis

  private static let hasRedis = Spawned.run("redis-server", ["--version"]).code == 0

  /// A worker over Redis, and what must stand in it at the end.
  private struct Stage {
    let place: BreakPlace
    let redis: LocalRedis
    let worker: WorkerProcess

    init(viewers: Int = 400, titles: Int = 50, _ more: [String] = []) throws {
      place = try BreakPlace(viewers: viewers, titles: titles)
      redis = try #require(LocalRedis())
      try place.send(2000)
      place.flush()
      worker = try place.worker("a", ["store.kind=redis", "redis.url=\(redis.url)", "redis.prefix=a:"] + more)
      #expect(worker.wait { $0.events == 2000 && $0.metric("thalweg_dirty_keys") == 0 }, "\(worker.text)")
    }

    /// All that was sent is folded, published and equal to an undisturbed run's.
    func finish() throws {
      place.flush()
      #expect(worker.wait(30) { $0.events == place.sent && $0.metric("thalweg_dirty_keys") == 0 })
      #expect(worker.wait { $0.metric("thalweg_redis_up") == 1 && $0.ready.status == 200 })
      #expect(worker.end() == 0)
      let dump = try place.undisturbed(["store.kind=redis", "redis.url=\(redis.url)", "redis.prefix=b:"])
      #expect(try place.dump("a") == dump)
      let features = redis.features("a:")
      #expect(features.count > 10_000)
      #expect(features == redis.features("b:"))
    }
  }

  /// Reads versions all the time, from a thread of its own.
  private final class Observer: @unchecked Sendable {
    private let lock = NSLock()
    private var isOn = true
    private(set) var regressions: [String] = []
    private(set) var looks = 0
    private let done = DispatchSemaphore(value: 0)

    init(_ redis: LocalRedis, _ prefix: String) {
      nonisolated(unsafe) let redis = redis
      Thread.detachNewThread { [self] in
        var seen: [String: String] = [:]
        while lock.withLock({ isOn }) {
          for (key, version) in redis.versions(prefix) {
            if let before = seen[key], version < before { regressions.append("\(key): \(before), then \(version)") }
            seen[key] = version
          }
          looks += 1
          usleep(20_000)
        }
        done.signal()
      }
    }
    func end() -> [String] {
      lock.withLock { isOn = false }
      done.wait()
      return regressions
    }
  }

  @Test(.enabled(if: hasRedis, "redis-server is not installed"))
  func `Redis away under load: memory by keys, all keys newest in 30 s, nothing older written`() throws {
    let stage = try Stage(viewers: 3000, titles: 300)
    let observer = Observer(stage.redis, "a:")
    try stage.place.send(2000)
    stage.place.flush()
    let before = stage.worker.residentMB
    stage.redis.stop()
    let end = Date().addingTimeInterval(BreakPlace.away)
    try stage.place.send(while: { Date() < end }, portion: BreakPlace.away > 40 ? 5 : 60)
    stage.place.flush()
    #expect(stage.worker.wait { $0.events == stage.place.sent && $0.metric("thalweg_redis_up") == 0 })
    let waiting = try #require(stage.worker.metric("thalweg_dirty_keys"))
    #expect(waiting > 100 && waiting <= 3300, "a bit a key: \(waiting)")
    #expect(stage.worker.residentMB < before + 64)
    if BreakPlace.away > 40 {
      #expect(stage.worker.ready.status == 503)
      #expect(stage.worker.ready.text.contains("the feature store has not answered for 30 s"))
    }
    stage.redis.start()
    let back = Date()
    #expect(stage.worker.wait(30) { $0.metric("thalweg_dirty_keys") == 0 })
    #expect(Date().timeIntervalSince(back) < 30)
    try stage.finish()
    #expect(observer.end() == [] && observer.looks > 5)
    stage.worker.expectLine(
      "the feature store failed; keys wait for its return",
      mend: "look at the store; the worker goes on by itself and publishes what waits once it answers")
  }

  @Test(.enabled(if: hasRedis, "redis-server is not installed"))
  func `Redis that answers slowly: keys wait, events are folded on`() throws {
    let stage = try Stage(["redis.timeout=1m"])
    stage.redis.cli("CLIENT", "PAUSE", "55000", "WRITE")
    try stage.place.send(2000)
    stage.place.flush()
    #expect(stage.worker.wait { $0.events == 4000 }, "folding does not wait")
    #expect(stage.worker.wait { ($0.metric("thalweg_dirty_keys") ?? 0) > 0 })
    #expect(stage.worker.metric("thalweg_redis_up") == 1)
    let line = "the feature store answers slowly; keys wait, events are folded on"
    #expect(stage.worker.wait { !$0.lines(line).isEmpty })
    stage.redis.cli("CLIENT", "UNPAUSE")
    try stage.finish()
    stage.worker.expectLine(
      line,
      mend: "look at its load, at slow commands of others (SLOWLOG GET) and at the network")
    #expect(stage.worker.lines("the feature store failed; keys wait for its return").isEmpty)
  }

  @Test(.enabled(if: hasRedis, "redis-server is not installed"))
  func `Redis that answers nothing for longer than redis.timeout is given up and found again`() throws {
    let stage = try Stage(["redis.timeout=1s"])
    let observer = Observer(stage.redis, "a:")
    stage.redis.isPaused = true
    try stage.place.send(2000)
    stage.place.flush()
    #expect(stage.worker.wait { $0.metric("thalweg_redis_up") == 0 && $0.events == 4000 })
    Thread.sleep(forTimeInterval: 2)
    stage.redis.isPaused = false
    try stage.finish()
    #expect(observer.end() == [])
    let line = try #require(stage.worker.lines("the feature store failed; keys wait for its return").first)
    #expect(line["cause"] == "\(stage.redis.url)/0 has not answered for 1000 ms")
  }

  @Test(.enabled(if: hasRedis, "redis-server is not installed"), arguments: [true, false])
  func `Redis that forgets everything is filled again, also while nothing comes in`(isIdle: Bool) throws {
    let stage = try Stage()
    stage.redis.cli("FLUSHALL")
    if !isIdle {
      try stage.place.send(10)
      stage.place.flush()
    }
    let message = "the feature store lost what it had; every key is published again"
    #expect(stage.worker.wait { !$0.lines(message).isEmpty })
    try stage.finish()
    stage.worker.expectLine(
      message, mend: "nothing now; look why it restarted empty, was flushed, or went back to an older copy")
  }

  @Test(.enabled(if: hasRedis, "redis-server is not installed"))
  func `Redis that was promoted without its tail gets it again`() throws {
    let stage = try Stage()
    stage.redis.cli("SAVE")
    try stage.place.send(1000)
    stage.place.flush()
    #expect(stage.worker.wait { $0.events == 3000 && $0.metric("thalweg_dirty_keys") == 0 })
    let newest = stage.redis.versions("a:meta:writer")["a:meta:writer"]!
    stage.redis.stop()
    stage.redis.start()  // with the copy that was saved before
    let message = "the feature store lost what it had; every key is published again"
    #expect(stage.worker.wait { !$0.lines(message).isEmpty })
    let line = try #require(stage.worker.lines(message).first)
    #expect(line["known"] == newest && line["store"] < newest)
    try stage.finish()
    stage.worker.expectLine(
      message, mend: "nothing now; look why it restarted empty, was flushed, or went back to an older copy")
  }

  // MARK: The disk

  private static func limit(_ worker: WorkerProcess, _ bytes: String) {
    #expect(Spawned.run("prlimit", ["--pid", "\(worker.identifier)", "--fsize=\(bytes):unlimited"]).code == 0)
  }

  @Test(.enabled(if: Spawned.run("prlimit", ["--version"]).code == 0, "prlimit is not installed"))
  func `an I/O error at a plan and at a checkpoint: no turn, the reason in ready, resumes alone`() throws {
    let place = try BreakPlace()
    try place.send(1000)
    place.flush()
    let worker = try place.worker("a", ["store.kind=memory"])
    #expect(worker.wait { $0.events == 1000 && $0.ready.status == 200 })
    #expect(worker.wait { $0.metric("thalweg_checkpoints_total")! >= 2 })
    Self.limit(worker, "4096")
    try place.send(1000)
    place.flush()
    #expect(worker.wait { $0.ready.status == 503 })
    #expect(worker.ready.text.hasPrefix("plans cannot be written: "), "\(worker.ready.text)")
    Thread.sleep(forTimeInterval: 1)
    #expect(worker.isRunning && worker.events == 1000)
    Self.limit(worker, "unlimited")
    #expect(worker.wait { $0.events == 2000 && $0.ready.status == 200 }, "\(worker.text)")
    #expect(worker.end() == 0)
    worker.expectLine(
      "a turn could not be planned", mend: "free disk space under state_dir; the worker goes on by itself")
    #expect(worker.lines("turns are planned again").count == 1)
    #expect(try place.dump("a") == place.undisturbed())
  }

  /// A disk of its own; nil = not allowed here.
  private final class SmallDisk {
    let path: String
    init?(megabytes: Int) {
      path = NSTemporaryDirectory() + "thalweg-disk-\(UUID().uuidString)"
      guard getuid() == 0, mkdir(path, 0o700) == 0 else { return nil }
      guard Spawned.run("mount", ["-t", "tmpfs", "-o", "size=\(megabytes)m", "tmpfs", path]).code == 0 else {
        rmdir(path)
        return nil
      }
    }
    deinit {
      _ = Spawned.run("umount", ["-l", path])
      rmdir(path)
    }
    /// Takes all the room but so many KiB.
    func fill(leaving kilobytes: Int) {
      let free = Int(Spawned.run("df", ["--output=avail", path]).text.split(separator: "\n").last!.filter(\.isNumber))!
      _ = Spawned.run(
        "dd", ["if=/dev/zero", "of=\(path)/filler", "bs=1024", "count=\(max(0, free - kilobytes))", "status=none"])
    }
    func free() { unlink(path + "/filler") }
  }

  @Test(.enabled(if: SmallDisk(megabytes: 1) != nil, "no small disk can be mounted here"))
  func `a full disk at a checkpoint: the one before stays valid, saving goes on with room`() throws {
    let disk = try #require(SmallDisk(megabytes: 48))
    let place = try BreakPlace(viewers: 6000)
    // Few at first: a save finds room in the log that the ones before it left.
    try place.send(1000)
    place.flush()
    let here = ["state_dir=\(disk.path)/a", "store.kind=memory"]
    let worker = try place.worker("a", here)
    #expect(worker.wait { $0.events == 1000 && $0.ready.status == 200 })
    #expect(worker.wait { $0.metric("thalweg_checkpoints_total")! >= 2 })
    disk.fill(leaving: 320)
    try place.send(11_000)
    place.flush()
    #expect(worker.wait { ($0.metric("thalweg_checkpoint_errors_total") ?? 0) > 0 }, "\(worker.text)")
    #expect(worker.isRunning)
    disk.free()
    #expect(worker.wait { $0.events == 12_000 && $0.ready.status == 200 })
    #expect(worker.wait { !$0.lines("checkpoints are saved again").isEmpty })
    #expect(worker.end() == 0)
    let message = "a checkpoint failed; the one before it stays valid and the worker goes on"
    let line = try #require(worker.lines(message).first)
    #expect(line.mend == "free disk space under state_dir, or look at the disk")
    #expect(line["cause"].contains("the disk is full"))
    let dump = try WorkerProcess(["state", "dump"], place.settings("a", here))
    #expect(dump.code == 0)
    #expect(try dump.output == place.undisturbed())
  }

  @Test(.enabled(if: SmallDisk(megabytes: 1) != nil, "no small disk can be mounted here"))
  func `a full disk at a plan: no turn until there is room, also over a kill`() throws {
    let disk = try #require(SmallDisk(megabytes: 32))
    let place = try BreakPlace()
    try place.send(1000)
    place.flush()
    let here = ["state_dir=\(disk.path)/a", "store.kind=memory"]
    let worker = try place.worker("a", here)
    #expect(worker.wait { $0.events == 1000 && $0.ready.status == 200 })
    #expect(worker.wait { $0.metric("thalweg_checkpoints_total")! >= 2 })
    disk.fill(leaving: 0)
    try place.send(1000)
    place.flush()
    #expect(worker.wait { $0.ready.status == 503 })
    #expect(worker.ready.text.hasPrefix("plans cannot be written: "))
    #expect(worker.ready.text.contains("the disk is full; turns wait until there is space"), "\(worker.ready.text)")
    worker.end(SIGKILL)
    let held = worker.text
    disk.free()
    let next = try place.worker("a", here)
    #expect(next.wait { $0.events == 2000 && $0.ready.status == 200 }, "\(held)\n\(next.text)")
    disk.fill(leaving: 0)
    try place.send(1000)
    place.flush()
    #expect(next.wait { $0.ready.status == 503 })
    disk.free()
    #expect(next.wait { $0.events == 3000 && $0.ready.status == 200 }, "\(next.text)")
    #expect(next.end() == 0)
    next.expectLine(
      "a turn could not be planned", mend: "free disk space under state_dir; the worker goes on by itself")
    let dump = try WorkerProcess(["state", "dump"], place.settings("a", here))
    #expect(dump.code == 0)
    #expect(try dump.output == place.undisturbed())
  }

  @Test(arguments: ["flipped", "short"]) func `a damaged checkpoint is set aside and folded anew`(how: String) throws {
    let place = try BreakPlace()
    try place.send(3000)
    place.flush()
    let worker = try place.worker("a")
    #expect(worker.wait { $0.events == 3000 && $0.metric("thalweg_dirty_keys") == 0 })
    #expect(worker.end() == 0)
    let path = place.scratch.path + "/a/state.db"
    var file = try Data(contentsOf: URL(fileURLWithPath: path))
    if how == "flipped" {
      let place = try #require(file.range(of: Data("u399".utf8)))
      file[place.lowerBound + 1] ^= 0x10
    } else {
      file.removeLast(file.count / 3)
    }
    try file.write(to: URL(fileURLWithPath: path))
    let next = try place.worker("a")
    #expect(next.wait { $0.events == 3000 && $0.ready.status == 200 && $0.metric("thalweg_dirty_keys") == 0 })
    #expect(next.end() == 0)
    next.expectLine(
      "the state was damaged and set aside; it is rebuilt from the log",
      mend: "nothing, if the log reaches back far enough; else restore a state backup")
    #expect(next.lines("started").last?["lineage"] == "2")
    #expect(FileManager.default.fileExists(atPath: path + ".corrupt-1"))
    #expect(try place.dump("a") == place.undisturbed())
  }

  // MARK: The log

  @Test func `retention that passed the position stops with the range named, accept_gap goes on`() throws {
    let place = try BreakPlace()
    try place.send(1000)
    place.flush()
    let worker = try place.worker("a")
    #expect(try worker.wait { try $0.events == 1000 && place.savedAll("a") })
    worker.end(SIGKILL)
    // The embedded broker keeps 5 MiB a partition.
    try place.send(60_000)
    place.flush()
    let refused = try WorkerProcess(["worker", "--until", "caught-up"], place.settings("a"))
    #expect(refused.code == 1)
    let expected =
      /thalweg: events\.watch\[0\] offsets 1000\.\.<(\d+) were planned but retention has passed them; restore the log, or start with --accept-gap to go on in a new epoch without them/
    let low = try #require(try expected.wholeMatch(in: refused.words).flatMap { Int($0.1) }, "\(refused.words)")
    let next = try WorkerProcess(["worker", "--until", "caught-up", "--accept-gap"], place.settings("a"))
    #expect(next.code == 0, "\(next.text)")
    next.expectLine(
      "records are lost to retention and skipped, as --accept-gap says", mend: "lengthen the topic's retention")
    let dump = try place.dump("a")
    let folded = dump.split(separator: "\n").filter { $0.hasPrefix("user\t") }.reduce(0) { sum, line in
      guard let at = line.range(of: "\"n\":") else { return sum }
      return sum + (Int(line[at.upperBound...].prefix { $0.isNumber }) ?? 0)
    }
    #expect(folded == 1000 + (61_000 - low), "all that the log still held")
  }

  @Test func `a second worker on the same state_dir is refused and the first does not notice`() throws {
    let place = try BreakPlace()
    try place.send(1000)
    place.flush()
    let first = try place.worker("a")
    #expect(first.wait { $0.events == 1000 })
    let second = try WorkerProcess(["worker"], place.settings("a"))
    #expect(second.code == 69)
    #expect(
      second.words
        == "thalweg: state_dir \(place.scratch.path)/a is in use by process \(first.identifier): stop it, or give this worker a state_dir of its own"
    )
    try place.send(1000)
    place.flush()
    #expect(first.wait { $0.events == 2000 && $0.ready.status == 200 })
    #expect(first.end() == 0)
    #expect(first.lines.allSatisfy { $0.mend.isEmpty })
    #expect(try place.dump("a") == place.undisturbed())
  }

  // MARK: Producers

  @Test func `clocks of producers that are years off are clamped, counted and said`() throws {
    let place = try BreakPlace()
    let years: Int64 = 10 * 365 * 86_400_000
    try place.send(1500, times: { BreakPlace.start + Int64($0) + [years, -years, 0][$0 % 3] })
    place.flush()
    let worker = try place.worker("a")
    let message = "events carry times ahead of their records; they are clamped"
    #expect(worker.wait { $0.events == 1500 && !$0.lines(message).isEmpty })
    #expect(worker.wait { $0.metric("thalweg_events_noted_total{topic=\"all\",note=\"future_timestamp\"}") == 500 })
    #expect(worker.wait { $0.ready.status == 200 })
    #expect(worker.end() == 0)
    worker.expectLine(message, mend: "look at the clocks of the producers")
    #expect(try place.dump("a") == place.undisturbed())
  }

  @Test func `records ahead of this machine's clock are said`() throws {
    let place = try BreakPlace()
    let ahead = Int64(Date().timeIntervalSince1970 * 1000) + 3 * 365 * 86_400_000 - BreakPlace.start
    try place.send(500, ahead: ahead)
    place.flush()
    let worker = try place.worker("a")
    let message = "records carry times ahead of this machine's clock"
    #expect(worker.wait { $0.events == 500 && !$0.lines(message).isEmpty })
    #expect(worker.end() == 0)
    worker.expectLine(message, mend: "look at the clocks here, of the brokers and of the producers")
    #expect(try place.dump("a") == place.undisturbed())
  }

  @Test func `a topic in which every second record is garbage moves on, all of it set aside`() throws {
    let clean = try BreakPlace()
    try clean.send(10_000)
    clean.flush()
    let place = try BreakPlace()
    try place.send(10_000, garbage: true)
    place.flush()
    let worker = try place.worker("a")
    let message = "many records are no events; they are set aside as dead letters"
    #expect(worker.wait { !$0.lines(message).isEmpty && $0.metric("thalweg_dead_letters_total") == 10_000 })
    #expect(worker.wait { $0.metric("thalweg_checkpoints_total")! >= 2 }, "acknowledgements hold no checkpoint up")
    #expect(worker.wait { $0.ready.status == 200 })
    #expect(worker.end() == 0)
    worker.expectLine(
      message,
      mend: "thalweg dead-letters tail shows them; mend the producer or the mapping")
    #expect(try place.records(of: "dlq.events") == 10_000)
    #expect(try place.dump("a") == clean.undisturbed())
  }

  @Test func `a producer that sends every event three times changes nothing`() throws {
    let clean = try BreakPlace()
    try clean.send(5000)
    clean.flush()
    let place = try BreakPlace()
    try place.send(5000, copies: 3)
    place.flush()
    let worker = try place.worker("a")
    let message = "many events arrive more than once; each counts once"
    #expect(worker.wait { !$0.lines(message).isEmpty })
    // It is said before all of them have come.
    #expect(worker.wait { $0.metric("thalweg_events_rejected_total{topic=\"all\",reason=\"duplicate\"}") == 10_000 })
    #expect(worker.end() == 0)
    worker.expectLine(
      message, mend: "look for producers that retry without enable.idempotence, and for a topic that is mirrored twice")
    #expect(try place.dump("a") == clean.undisturbed())
  }
}

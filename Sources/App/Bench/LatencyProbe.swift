import Glibc
import KafkaPort
import Options

/// Stands beside a bench in a process of its own: produces events at a rate and, on a schedule of their own, events of
/// viewers whose keys it polls in Redis until they show a new version.
///
/// Probes leave by the clock, not one after another, so a stall is seen by all that fall into it. Writes one line a
/// probe: microseconds since the beginning, microseconds until it was seen (-1 = not within five seconds).
struct LatencyProbe: Verb {
  static let about = "Produces events and polls Redis for what becomes of them; a part of bench latency."
  static let readsSettings = false
  @Option("brokers", "Brokers.") var brokers = ""
  @Option("topics", "The three topics.") var topics: [String] = []
  @Option("redis", "Redis, as host:port; empty = only produces.") var redis = ""
  @Option("prefix", "In front of the keys polled.") var prefix = ""
  @Option("into", "File of the answers.") var into = ""
  @Option("rate", "Events a second; 0 = as fast as it goes.", in: 0...10_000_000) var rate = 10_000
  @Option("probes", "Probes a second.", in: 0...10_000) var probes = 200
  @Option("events", "Ends after so many events.", in: 0...1_000_000_000) var events = 0
  @Option("viewers", "Viewers of the other events.", in: 1...100_000_000) var viewers = 20_000
  @Option("titles", "Titles.", in: 1...10_000_000) var titles = 5000
  @Option("partitions", "Spreads what leaves as fast as it goes over so many; 0 = by the key.", in: 0...10_000)
  var partitions = 0
  @Option("seed", "Seed of the events.", in: 0...1_000_000_000) var seed = 1
  @Option("from", "Time of the first event, Unix ms.", in: 0...10_000_000_000_000) var from = 0
  @Option("span", "Event time in which events lie that leave as fast as it goes, ms.", in: 0...10_000_000_000)
  var span =
    3_600_000

  /// How long a batch of those that are not polled waits for more, as producers have it. The in-process broker walks
  /// its batches one by one from the oldest it keeps, and would be all that is measured after some seconds of small ones.
  private static let lingerMs = 10.0
  /// Viewers that are polled; each rests for 25 s at 200 probes a second.
  private static let distinct = 5000
  /// Before the first probe: event time has jumped since the backlog, and the hours between are judged once.
  private static let settlingNs: Int64 = 1_000_000_000

  func run(_ context: Context) throws {
    let kafka = KafkaConfig(brokers: brokers, group: "bench", joinsGroup: false)
    let feed = try KafkaFeed(kafka, topics: topics, lingerMs: Self.lingerMs)
    defer { feed.close() }
    var traffic = BenchTraffic(viewers: viewers, titles: titles, seed: UInt64(seed))
    if rate == 0 {
      // Spread evenly: the embedded broker keeps five megabytes a partition, and the road merges by time in any case.
      for i in 0..<events {
        try send(
          &traffic, feed, at: Int64(from + i * span / max(1, events)),
          partition: partitions > 0 ? Int32(i % partitions) : -1)
      }
    } else {
      var poller = try Poller(redis: RawRedis(redis), prefix: prefix)
      if probes > 0 { try poller.learn(Self.distinct) }
      let probing = try KafkaFeed(kafka, topics: topics, lingerMs: 0)
      defer { probing.close() }
      try produce(&traffic, feed, probing, &poller)
      FileSystem.write(into, Array(poller.answers.utf8))
      try finish(probing)
    }
    try finish(feed)
  }

  private func finish(_ feed: KafkaFeed) throws {
    guard feed.flush(timeoutMs: 120_000) else {
      throw Failure(ExitCode.unavailable, "the brokers did not take \(feed.failed) records")
    }
  }

  private func send(
    _ traffic: inout BenchTraffic, _ feed: KafkaFeed, at time: Int64, viewer: [UInt8]? = nil,
    partition: Int32 = -1
  ) throws {
    traffic.make(at: time, viewer: viewer, kind: viewer == nil ? nil : .click)
    try traffic.key.withUnsafeBytes { key in
      try traffic.value.withUnsafeBytes { value in
        try feed.send(traffic.kind.rawValue, key: key, value: value, timestamp: time, partition: partition)
      }
    }
  }

  private func produce(
    _ traffic: inout BenchTraffic, _ feed: KafkaFeed, _ probing: KafkaFeed, _ poller: inout Poller
  ) throws {
    let clock = SystemClock()
    let began = clock.monotonicNs
    let length = Int64(Double(events) / Double(rate) * 1e9)
    var sent = 0
    var probed = 0
    while true {
      let now = clock.monotonicNs - began
      let isOver = now >= length
      if isOver, poller.isEmpty || now > length + 5_000_000_000 { break }
      if !isOver {
        let due = Int(Double(now) * Double(rate) / 1e9)
        let time = Int64(from) + now / 1_000_000
        while sent < due {
          try send(&traffic, feed, at: time)
          sent += 1
        }
        if Double(probed) * 1e9 < Double(now - Self.settlingNs) * Double(probes) {
          let viewer = Array("probe-\(probed % Self.distinct)".utf8)
          poller.add(viewer, at: clock.monotonicNs - began)
          try send(&traffic, probing, at: time, viewer: viewer)
          probed += 1
        }
      }
      feed.serve()
      probing.serve()
      try poller.look { clock.monotonicNs - began }
      usleep(200)
    }
    poller.giveUp()
  }
}

/// Probes under way, asked for in one round trip.
private struct Poller {
  private struct Probe {
    var request: [UInt8]
    var key: String
    var began: Int64
  }
  private let redis: RawRedis
  private let prefix: String
  private var open: [Probe] = []
  private var seen: [String: [UInt8]] = [:]
  private(set) var answers = ""

  init(redis: RawRedis, prefix: String) {
    self.redis = redis
    self.prefix = prefix
  }

  var isEmpty: Bool { open.isEmpty }

  mutating func add(_ viewer: [UInt8], at now: Int64) {
    let key = prefix + String(decoding: viewer, as: UTF8.self)
    open.append(Probe(request: RawRedis.request(["HGET", key, "v"]), key: key, began: now))
  }

  /// Versions that stand there before the first probe leaves.
  mutating func learn(_ count: Int) throws {
    for number in 0..<count {
      let key = prefix + "probe-\(number)"
      try redis.send(["HGET", key, "v"])
      if let version = try redis.reply() { seen[key] = version }
    }
  }

  mutating func look(_ now: () -> Int64) throws {
    guard !open.isEmpty else { return }
    var all: [UInt8] = []
    for probe in open { all += probe.request }
    try all.withUnsafeBytes { try redis.send($0) }
    var left: [Probe] = []
    for probe in open {
      let version = try redis.reply()
      if let version, version != seen[probe.key] {
        seen[probe.key] = version
        answers += "\(probe.began / 1000) \((now() - probe.began) / 1000)\n"
      } else {
        left.append(probe)
      }
    }
    open = left
  }

  mutating func giveUp() {
    for probe in open { answers += "\(probe.began / 1000) -1\n" }
    open.removeAll()
  }
}

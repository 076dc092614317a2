import Events
import Foundation
import KafkaPort
import Ports
import Testing

/// Against librdkafka's mock cluster in this process: the real protocol, no groups to speak of.
@Suite(.timeLimit(.minutes(2)))
struct KafkaMockTests {
  private func config(_ cluster: MockCluster, group: String = "g") -> KafkaConfig {
    KafkaConfig(brokers: cluster.bootstrap, group: group, joinsGroup: false)
  }

  private func fill(_ cluster: MockCluster, _ records: [OutRecord]) throws {
    let outlet = try KafkaOutlet(config(cluster), topics: Array(Set(records.map(\.topic))))
    for record in records { try outlet.send(record) }
    #expect(outlet.flush(timeoutMs: 10_000))
    #expect(outlet.delivered == records.count)
    #expect(outlet.unacknowledged == 0)
    outlet.close()
  }

  /// librdkafka 2.0.2 aborts the process where a question's callbacks are served while records wait.
  @Test func `questions while records wait lose none and end nothing, also where nobody answers`() throws {
    var cluster: MockCluster? = try MockCluster(topics: [("watch", 1)])
    try fill(cluster!, (0..<300).map { OutRecord("watch", "k", "\($0)") })
    let source = try KafkaSource(config(cluster!))
    defer { source.close() }
    try source.start([(partition: TopicPartition("watch", 0), source: 0, input: 0, offset: 0)])
    usleep(500_000)
    for _ in 0..<5 { #expect(try source.partitions(of: ["watch"]).count == 1) }
    let sink = Collector()
    try source.collect(10, into: sink)
    cluster = nil
    #expect(throws: PortError.self) { _ = try source.partitions(of: ["watch"]) }
    #expect(throws: PortError.self) { _ = try source.watermarks(TopicPartition("watch", 0), timeoutMs: 300) }
    let until = Date().addingTimeInterval(5)
    while sink.items.count < 300, Date() < until { _ = try? source.poll(timeoutMs: 20, limit: 1000, into: sink) }
    #expect(sink.items.map(\.offset) == Array(0..<300))
  }

  @Test func `records of one partition come back in order with key, time, headers and tombstones`() throws {
    let cluster = try MockCluster(topics: [("watch", 1), ("rate", 1)])
    var sent: [OutRecord] = []
    for i in 0..<500 {
      sent.append(
        OutRecord("watch", "u\(i % 7)", "{\"n\":\(i)}", trace: "t\(i)", timestamp: 1_700_000_000_000 + Int64(i)))
    }
    sent.append(OutRecord("watch", "gone", nil, timestamp: 1_700_000_001_000))
    sent.append(OutRecord("watch", "", "", timestamp: 1_700_000_001_001))
    try fill(cluster, sent + [OutRecord("rate", "r", "1", timestamp: 5)])

    let source = try KafkaSource(config(cluster))
    defer { source.close() }
    #expect(try source.identity().hasPrefix("kafka:"))
    let found = try source.partitions(of: ["watch", "rate"])
    #expect(found == [TopicPartition("rate", 0), TopicPartition("watch", 0)])
    #expect(try source.watermarks(found[1], timeoutMs: 5_000) == Watermarks(low: 0, high: 502))
    try source.start([
      (partition: found[0], source: 0, input: 3, offset: 0), (partition: found[1], source: 1, input: 9, offset: 10),
    ])
    let sink = Collector()
    try source.collect(493, into: sink)
    let rate = sink.items.filter { $0.source == 0 }
    #expect(rate == [Collector.Item(source: 0, input: 3, offset: 0, timestamp: 5, key: "r", value: "1", trace: nil)])
    let watch = sink.items.filter { $0.source == 1 }
    let expected = sent.enumerated().dropFirst(10).map { index, record in
      Collector.Item(
        source: 1, input: 9, offset: Int64(index), timestamp: record.timestamp,
        key: record.key.isEmpty ? "" : String(decoding: record.key, as: UTF8.self),
        value: record.value.map { String(decoding: $0, as: UTF8.self) },
        trace: record.headers.first.map { String(decoding: $0.value, as: UTF8.self) })
    }
    #expect(watch == expected)
    let until = Date().addingTimeInterval(5)
    while source.endReached(1) == nil, Date() < until { _ = try source.poll(timeoutMs: 50, limit: 10, into: sink) }
    #expect(source.highWatermark(1) == 502)
    #expect(source.endReached(1) == 502)
    #expect(source.highWatermark(77) == nil)
  }

  @Test func `a poll hands out no more than its limit and loses nothing`() throws {
    let cluster = try MockCluster(topics: [("watch", 4)])
    try fill(cluster, (0..<2_000).map { OutRecord("watch", "k\($0)", "\($0)") })
    let source = try KafkaSource(config(cluster))
    defer { source.close() }
    let found = try source.partitions(of: ["watch"])
    try source.start(found.enumerated().map { ($0.element, UInt16($0.offset), 0, 0) })
    let sink = Collector()
    let until = Date().addingTimeInterval(15)
    while sink.items.count < 2_000, Date() < until {
      let before = sink.items.count
      let taken = try source.poll(timeoutMs: 100, limit: 37, into: sink)
      #expect(taken <= 37 && sink.items.count - before == taken)
    }
    #expect(Set(sink.items.compactMap(\.value)).count == 2_000)
    for source in 0..<UInt16(4) {
      let offsets = sink.items.filter { $0.source == source }.map(\.offset)
      #expect(offsets == Array(0..<Int64(offsets.count)))
    }
  }

  @Test func `a few records arrive without waiting the whole time-out`() throws {
    let cluster = try MockCluster(topics: [("watch", 1)])
    try fill(cluster, [OutRecord("watch", "a", "1")])
    let source = try KafkaSource(config(cluster))
    defer { source.close() }
    try source.start([(TopicPartition("watch", 0), 0, 0, 0)])
    let sink = Collector()
    let began = Date()
    while sink.items.isEmpty { _ = try source.poll(timeoutMs: 20_000, limit: 100, into: sink) }
    #expect(Date().timeIntervalSince(began) < 5)
  }

  @Test func `a paused partition rests and goes on where it was`() throws {
    let cluster = try MockCluster(topics: [("a", 1), ("b", 1)])
    try fill(cluster, (0..<1_000).flatMap { [OutRecord("a", "", "\($0)"), OutRecord("b", "", "\($0)")] })
    let source = try KafkaSource(config(cluster))
    defer { source.close() }
    try source.start([(TopicPartition("a", 0), 0, 0, 0), (TopicPartition("b", 0), 1, 1, 0)])
    let sink = Collector()
    while sink.items.filter({ $0.source == 0 }).count < 100 {
      _ = try source.poll(timeoutMs: 100, limit: 50, into: sink)
    }
    source.pause([0])
    let atPause = sink.items.filter { $0.source == 0 }.count
    let until = Date().addingTimeInterval(10)
    while sink.items.filter({ $0.source == 1 }).count < 1_000, Date() < until {
      _ = try source.poll(timeoutMs: 50, limit: 50, into: sink)
    }
    #expect(sink.items.filter { $0.source == 1 }.count == 1_000)
    #expect(sink.items.filter { $0.source == 0 }.count == atPause || atPause == 1_000)
    source.resume([0])
    try source.collect(2_000, into: sink)
    #expect(sink.items.filter { $0.source == 0 }.map(\.offset) == Array(0..<1_000))
  }

  @Test func `the group's offsets are committed without a member`() throws {
    let cluster = try MockCluster(topics: [("watch", 2)])
    try fill(cluster, (0..<100).map { OutRecord("watch", "k\($0)", "\($0)") })
    let source = try KafkaSource(config(cluster))
    try source.start([(TopicPartition("watch", 0), 0, 0, 0), (TopicPartition("watch", 1), 1, 0, 0)])
    source.commit([(source: 0, next: 17)])
    source.close()
    #expect(source.commitFailures == 0)
    let admin = try KafkaAdmin(config(cluster))
    defer { admin.close() }
    let lag = try admin.lag(of: ["watch"])
    #expect(lag.map(\.committed) == [17, nil])
    #expect(lag.map(\.log.high).reduce(0, +) == 100)
    let other = try KafkaAdmin(config(cluster, group: "other"))
    defer { other.close() }
    #expect(try other.lag(of: ["watch"]).allSatisfy { $0.committed == nil })
  }

  @Test func `an offset that the log no longer holds is an error that names it`() throws {
    let cluster = try MockCluster(topics: [("watch", 1)])
    try fill(cluster, (0..<50).map { OutRecord("watch", "", "\($0)") })
    let source = try KafkaSource(config(cluster))
    defer { source.close() }
    try source.start([(TopicPartition("watch", 0), 0, 0, 1_000)])
    let sink = Collector()
    let error = #expect(throws: PortError.self) { try source.collect(1, into: sink, seconds: 10) }
    #expect(error?.code == "offset_out_of_range")
    #expect(error?.message.contains("topic watch, partition 0") == true)
    #expect(error?.message.contains("offset 1000") == true, "\(error?.message ?? "")")
    #expect(error?.message.contains("holds offsets 0 to 49") == true)
    #expect(error?.isRetriable == false)
    #expect(sink.items.isEmpty)
  }

  @Test func `a broker that goes away is no error and its records come when it is back`() throws {
    let cluster = try MockCluster(topics: [("watch", 1)])
    let outlet = try KafkaOutlet(config(cluster), topics: ["watch"])
    let source = try KafkaSource(config(cluster))
    defer { source.close() }
    try source.start([(TopicPartition("watch", 0), 0, 0, 0)])
    let sink = Collector()
    try outlet.send(OutRecord("watch", "a", "before"))
    #expect(outlet.flush(timeoutMs: 5_000))
    try source.collect(1, into: sink)
    cluster.setDown(true)
    try outlet.send(OutRecord("watch", "a", "during"))
    #expect(outlet.flush(timeoutMs: 300) == false)
    #expect(outlet.unacknowledged == 1)
    for _ in 0..<10 { #expect(try source.poll(timeoutMs: 50, limit: 10, into: sink) == 0) }
    cluster.setDown(false)
    #expect(outlet.flush(timeoutMs: 15_000))
    try source.collect(2, into: sink)
    #expect(sink.items.map(\.value) == ["before", "during"])
    #expect(outlet.failed == 0)
    outlet.close()
  }

  @Test func `an outlet that is full says so and takes more later`() throws {
    let cluster = try MockCluster(topics: [("alerts", 1)])
    let outlet = try KafkaOutlet(config(cluster), topics: ["alerts"], capacity: 10)
    cluster.setDown(true)
    let error = #expect(throws: PortError.self) {
      for i in 0..<11 { try outlet.send(OutRecord("alerts", "k", "\(i)")) }
    }
    #expect(error?.isRetriable == true)
    #expect(error?.message.contains("10 records wait") == true)
    cluster.setDown(false)
    #expect(outlet.flush(timeoutMs: 15_000))
    try outlet.send(OutRecord("alerts", "k", "10"))
    #expect(outlet.flush(timeoutMs: 5_000))
    #expect(outlet.delivered == 11)
    outlet.close()
  }

  @Test func `a record too large for the outlet is refused at once with the cause`() throws {
    let cluster = try MockCluster(topics: [("dlq", 1)])
    let outlet = try KafkaOutlet(config(cluster), topics: ["dlq"])
    defer { outlet.close() }
    let error = #expect(throws: PortError.self) {
      try outlet.send(OutRecord(topic: "dlq", key: [], value: [UInt8](repeating: 65, count: 3 << 20)))
    }
    #expect(error?.message.contains("max.message.bytes") == true)
    #expect(outlet.unacknowledged == 0)
  }

  @Test func `a flush does not sleep in steps`() throws {
    let cluster = try MockCluster(topics: [("alerts", 1)])
    let outlet = try KafkaOutlet(config(cluster), topics: ["alerts"])
    defer { outlet.close() }
    try outlet.send(OutRecord("alerts", "k", "warm"))
    #expect(outlet.flush(timeoutMs: 5_000))
    var times: [Double] = []
    for i in 0..<50 {
      let began = Date()
      try outlet.send(OutRecord("alerts", "k", "\(i)"))
      #expect(outlet.flush(timeoutMs: 5_000))
      times.append(Date().timeIntervalSince(began))
    }
    times.sort()
    #expect(times[25] < 0.009, "median \(times[25]) s")
  }

  @Test func `topics that do not exist are left out`() throws {
    let cluster = try MockCluster(topics: [("watch", 2)])
    let source = try KafkaSource(config(cluster))
    defer { source.close() }
    #expect(
      try source.partitions(of: ["watch", "nosuch"]) == [TopicPartition("watch", 0), TopicPartition("watch", 1)])
    #expect(try source.offset(TopicPartition("watch", 0), at: 1_700_000_000_000) == nil)
  }

  @Test(arguments: [
    (TailStart.beginning, nil as Int?, Array(0..<40)), (.last(5), nil, Array(35..<40)), (.end, nil, []),
    (.beginning, 3, Array(0..<3)), (.last(10), 4, Array(30..<34)),
  ])
  func `a tail reads what was asked and ends`(start: TailStart, limit: Int?, expected: [Int]) throws {
    let cluster = try MockCluster(topics: [("alerts", limit == nil ? 3 : 1)])
    try fill(cluster, (0..<40).map { OutRecord("alerts", "k\($0)", "\($0)", trace: "x", timestamp: 1_000 + Int64($0)) })
    let tail = try KafkaTail(config(cluster), topic: "alerts")
    defer { tail.close() }
    var read: [Int] = []
    try tail.read(from: start, follow: false, limit: limit) { record in
      #expect(record.headers.map(\.name) == ["trace"])
      read.append(Int(String(decoding: record.value ?? [], as: UTF8.self))!)
      return true
    }
    if start == .beginning { read.sort() }
    #expect(read == expected)
  }

  @Test func `a tail follows until it is stopped`() throws {
    let cluster = try MockCluster(topics: [("alerts", 1)])
    try fill(cluster, [OutRecord("alerts", "k", "old")])
    let tail = try KafkaTail(config(cluster), topic: "alerts")
    defer { tail.close() }
    var read: [String] = []
    var isSent = false
    try tail.read(from: .last(1), follow: true) { record in
      read.append(String(decoding: record.value ?? [], as: UTF8.self))
      if !isSent {
        isSent = true
        try fill(cluster, [OutRecord("alerts", "k", "new")])
      }
      return read.count < 2
    }
    #expect(read == ["old", "new"])
  }

  @Test(arguments: ["enable.auto.commit", "group.id", "auto.offset.reset", "bootstrap.servers"])
  func `an option that belongs to the worker is refused with the reason`(name: String) {
    let config = KafkaConfig(brokers: "x:1", options: [name: "earliest"])
    #expect(config.problem()?.message.contains("\(name) belongs to the worker") == true)
    #expect(throws: PortError.self) { try KafkaSource(config) }
  }

  @Test func `an unknown option and a bad value are named`() {
    let unknown = KafkaConfig(brokers: "x:1", options: ["no.such": "1"]).problem()
    #expect(unknown?.message.contains("no.such") == true)
    let bad = KafkaConfig(brokers: "x:1", options: ["fetch.wait.max.ms": "soon"]).problem()
    #expect(bad?.message.contains("fetch.wait.max.ms") == true)
    #expect(
      KafkaConfig(brokers: "x:1", options: ["fetch.wait.max.ms": "10", "compression.type": "lz4"]).problem() == nil)
  }

  @Test func `what the mock cannot do is said`() throws {
    let cluster = try MockCluster(topics: [("watch", 2)])
    let admin = try KafkaAdmin(config(cluster))
    defer { admin.close() }
    #expect(try admin.members() == nil)
    let found = try admin.describe(topic: "watch")
    #expect(found?.partitionCount == 2 && found?.settings == nil)
    #expect(try admin.describe(topic: "nosuch") == nil)
    #expect(throws: PortError.self) { try admin.create(topic: "new", partitions: 1) }
  }
}

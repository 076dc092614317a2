import Foundation
import Testing

/// What only a real broker does to a topic under a running worker.
@Suite(
  .serialized, .timeLimit(.minutes(5)),
  .enabled(if: RealKafka.script != nil, "no real Kafka here: no java, or no kafka.sh (THALWEG_TEST_KAFKA)"),
  .enabled(if: Spawned.run("kcat", ["-V"]).code == 0, "kcat is not installed"))
struct BreakRealTests {
  private let broker: TestBroker
  private let scratch = Places.Scratch()

  init() throws {
    broker = try TestBroker(realWith: ["events.watch"], partitions: 2)
  }

  private func settings(_ name: String) -> [String] {
    [
      "kafka.brokers=\(broker.address)", "kafka.group=\(name)", "state_dir=\(scratch.path)/\(name)",
      "store.kind=sqlite", "admin.port=0", "log.format=json",
    ]
  }

  /// Events of viewers of their own in one partition, later than those sent before.
  private func send(_ numbers: Range<Int>, to partition: Int) throws {
    let lines = numbers.map { n in
      #"u\#(partition)-\#(n % 30)|{"schema":"watch/1","event_id":"p\#(n)","timestamp":\#(BreakPlace.start + Int64(n)),"user_id":"u\#(partition)-\#(n % 30)","content_id":"t\#(n % 20)","completion_rate":0.\#(n % 10)}"#
    }
    try scratch.write("records", lines.joined(separator: "\n") + "\n")
    let sent = Spawned.run(
      "kcat",
      [
        "-P", "-b", broker.address, "-t", "events.watch", "-p", "\(partition)", "-K", "|", "-l",
        scratch.path + "/records",
      ])
    #expect(sent.code == 0, "\(sent.text)")
  }

  private func topics(_ words: String...) {
    let run = Spawned.run(
      "bash", [RealKafka.script!, "tool", "topics", "--bootstrap-server", broker.address] + words)
    #expect(run.code == 0, "\(run.text)")
  }

  private func dump(_ name: String) throws -> String {
    let dump = try WorkerProcess(["state", "dump"], settings(name))
    #expect(dump.code == 0, "\(dump.text)")
    return dump.output
  }

  /// Whether every turn that was planned stands in the checkpoint.
  private func savedAll(_ name: String) throws -> Bool {
    let dump = try WorkerProcess(["state", "dump"], settings(name))
    return dump.code == 0 && !dump.words.contains("planned turns are not in this checkpoint")
  }

  @Test func `partitions added to a topic are read from their beginning within seconds, by the running worker`() throws
  {
    try send(0..<500, to: 0)
    try send(500..<1000, to: 1)
    let worker = try WorkerProcess(["worker"], settings("a"))
    #expect(worker.wait(40) { $0.events == 1000 && $0.ready.status == 200 }, "\(worker.text)")
    topics("--alter", "--topic", "events.watch", "--partitions", "4")
    try send(1000..<1500, to: 3)
    #expect(worker.wait(40) { $0.events == 1500 && $0.ready.status == 200 }, "\(worker.text)")
    #expect(worker.metric("thalweg_partitions_assigned") == 4)
    #expect(worker.end() == 0)
    let line = try #require(worker.lines("partitions were added; starting anew on all of them").first)
    #expect(line["first"] == "events.watch[2]" && line["count"] == "2")
    let other = try WorkerProcess(["worker", "--until", "caught-up"], settings("undisturbed"))
    #expect(other.code == 0, "\(other.text)")
    #expect(try dump("a") == dump("undisturbed"))
  }

  @Test func `a topic deleted and made again under its name stops the worker, and a start says what to do`() throws {
    try send(0..<500, to: 0)
    let worker = try WorkerProcess(["worker"], settings("a"))
    #expect(worker.wait(40) { $0.events == 500 && $0.ready.status == 200 }, "\(worker.text)")
    #expect(try worker.wait { _ in try savedAll("a") })
    let before = try dump("a")
    topics("--delete", "--topic", "events.watch")
    topics("--create", "--topic", "events.watch", "--partitions", "2")
    // Longer than the former one: its offsets all exist.
    try send(5000..<6000, to: 0)
    #expect(worker.wait(60) { !$0.isRunning }, "\(worker.text)")
    #expect(worker.code == 69)
    let said = worker.words.split(separator: "\n").last { $0.hasPrefix("thalweg: ") }.map(String.init) ?? ""
    #expect(
      said.hasSuffix(
        "the topic or partition does not exist (any more); `thalweg topics apply` makes the declared ones")
        || said.hasSuffix("--accept-gap goes on without them"), "\(said)")
    let next = try WorkerProcess(["worker"], settings("a"))
    #expect(next.wait(40) { !$0.isRunning }, "\(next.text)")
    #expect(next.code == 1)
    #expect(
      next.words
        == "thalweg: events.watch[0] holds another record at offset 499 than the one that was read there: the topic was made again; rebuild the state (thalweg state rebuild) or take another group"
    )
    #expect(try dump("a") == before, "nothing of the new topic was mixed in")
  }
}

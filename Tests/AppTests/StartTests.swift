import Foundation
import KafkaPort
import Testing

/// Starts while brokers do not answer, or refuse: the one is waited for, the other ends at once.
@Suite(.serialized, .timeLimit(.minutes(5))) struct StartTests {
  private static let message = "Kafka does not answer; the worker starts once it does"
  private static let mend = "look at the brokers, at kafka.brokers and at the network; the worker goes on by itself"

  @Test func `a worker waits for brokers that do not answer, says so, and comes up by itself`() throws {
    let place = try BreakPlace()
    try place.send(1000)
    place.flush()
    place.cluster.setDown(true)
    let backfill = try WorkerProcess(["worker", "--until", "caught-up"], place.settings("b"))
    let worker = try WorkerProcess(["worker"], place.settings("a"))
    #expect(worker.wait { !$0.lines(Self.message).isEmpty }, "\(worker.text)")
    #expect(worker.wait { $0.ready.text.hasPrefix("waiting to start: Kafka does not answer: ") }, "\(worker.ready)")
    #expect(worker.ready.status == 503 && worker.get("/live").status == 200)
    #expect(worker.metric("thalweg_kafka_up") == 0)
    #expect(worker.lines(Self.message).first?["cause"].contains(place.cluster.bootstrap) == true, "\(worker.text)")
    // A run that ends by itself fails, and says so at its end.
    #expect(backfill.code == 69, "\(backfill.text)")
    #expect(backfill.words.contains("check kafka.brokers, that the broker runs"), "\(backfill.text)")
    Thread.sleep(forTimeInterval: BreakPlace.away)
    #expect(worker.isRunning && worker.lines("started").isEmpty)
    place.cluster.setDown(false)
    #expect(worker.wait { $0.events == 1000 && $0.ready.status == 200 }, "\(worker.text)")
    #expect(worker.metric("thalweg_kafka_up") == 1)
    #expect(worker.end() == 0)
    worker.expectLine(Self.message, mend: Self.mend)
    #expect(worker.lines("Kafka answers").count == 1)
    #expect(try place.dump("a") == place.undisturbed())
  }

  @Test func `SIGTERM ends a worker that waits for its brokers`() throws {
    let scratch = Places.Scratch()
    let worker = try WorkerProcess(
      ["worker"],
      [
        "kafka.brokers=127.0.0.1:1", "state_dir=\(scratch.path)/s", "store.kind=sqlite", "admin.port=0",
        "log.format=json",
      ])
    #expect(worker.wait { !$0.lines(Self.message).isEmpty }, "\(worker.text)")
    let began = Date()
    #expect(worker.end() == 0, "\(worker.text)")
    #expect(Date().timeIntervalSince(began) < 9, "in order, not by the clock")
  }

  @Test func `a mapping that is wrong ends it as wrong settings do`() throws {
    let scratch = Places.Scratch()
    let worker = try WorkerProcess(
      ["worker"], ["kafka.brokers=127.0.0.1:1", "state_dir=\(scratch.path)/s", "inputs=[{topc: a, emit: watch}]"])
    #expect(worker.code == 78, "\(worker.text)")
    #expect(worker.words.contains("an input has no key `topc`"), "\(worker.text)")
  }

  @Test(.enabled(if: RealKafka.script != nil, "no real Kafka here: no java, or no kafka.sh (THALWEG_TEST_KAFKA)"))
  func `a real cluster that starts after its worker is joined; a wrong password and a foreign certificate end at once`()
    throws
  {
    let kafka = try RealKafka(secure: true)
    let scratch = Places.Scratch()
    let admin = try KafkaAdmin(KafkaConfig(brokers: kafka.bootstrap, group: "none", joinsGroup: false))
    for topic in BreakPlace.topics { #expect(try admin.create(topic: topic, partitions: 1) == .created) }
    admin.close()
    func settings(_ name: String, password: String = "alice-secret", authority: String? = nil) -> [String] {
      [
        "kafka.brokers=\(secure)", "kafka.group=\(name)", "state_dir=\(scratch.path)/\(name)", "store.kind=sqlite",
        "admin.port=0", "log.format=json",
        "kafka.options={security.protocol: sasl_ssl, sasl.mechanism: PLAIN, sasl.username: alice, "
          + "sasl.password: \(password), ssl.ca.location: \(authority ?? kafka.folder + "/tls/ca.pem")}",
      ]
    }
    let secure = kafka.secureBootstrap
    for (name, refused, words) in [
      ("password", settings("password", password: "wrong"), "Invalid username or password"),
      ("authority", settings("authority", authority: "/etc/ssl/certs/ca-certificates.crt"), "certificate"),
    ] {
      let worker = try WorkerProcess(["worker"], refused)
      #expect(worker.wait(15) { !$0.isRunning }, "\(name): \(worker.text)")
      #expect(worker.isRunning == false && worker.code == 69, "\(name): \(worker.text)")
      #expect(worker.words.contains(words), "\(name): \(worker.words)")
      #expect(worker.lines(Self.message).isEmpty, "\(name)")
    }
    kafka.stop()
    let worker = try WorkerProcess(["worker"], settings("late"))
    #expect(worker.wait { !$0.lines(Self.message).isEmpty && $0.ready.status == 503 }, "\(worker.text)")
    try kafka.start()
    #expect(worker.wait(60) { !$0.lines("started").isEmpty && $0.ready.status == 200 }, "\(worker.text)")
    #expect(worker.end() == 0)
    worker.expectLine(Self.message, mend: Self.mend)
  }
}

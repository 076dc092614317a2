import Foundation
import JSON
import KafkaPort
import Options
import Ports

@testable import App

/// A worker over an in-process broker that folds what it is given and ends, with its features in a SQLite file.
final class SmallRun {
  let scratch = Places.Scratch()
  private let mock: MockCluster
  private let config: String?
  private let more: [String]
  private(set) var deadLetters: [String: UInt64] = [:]

  /// - Parameter config: The one file that attaches the topics; nil = the one that ships.
  init(config: String? = nil, topics: [String], more: [String] = []) throws {
    self.config = config
    self.more = more
    mock = try MockCluster(topics: (topics + ["dlq.events", "alerts.drift"]).map { ($0, 2) })
  }

  /// Where things are; what the topics mean stands in the file alone.
  var assignments: [String] {
    [
      "kafka.brokers=\(mock.bootstrap)", "store.kind=sqlite", "state_dir=\(scratch.path)/state", "until=caught-up",
      "viewer.idle=0", "log.level=error",
    ] + more
  }

  /// - Parameter each: Asked after every round of the worker; false = stop now.
  func fold(_ records: [OutRecord], while each: (WorkerHost) -> Bool = { _ in true }) throws {
    let loaded = Settings.load(file: config, environment: [:], assignments: assignments)
    if let problem = loaded.problems.first { throw Failure(1, "\(problem)") }
    let outlet = try KafkaOutlet(loaded.settings.kafkaConfig(joinsGroup: false), topics: [])
    for record in records { try outlet.send(record) }
    guard outlet.flush(timeoutMs: 60_000) else { throw Failure(1, "the broker did not take the records") }
    outlet.close()
    let host = try WorkerHost(loaded: loaded, joinsGroup: false)
    try host.run { each(host) }
    deadLetters = host.worker.status.deadLetters
  }

  /// What a verb answers about it.
  func ask(_ words: String..., form: OutputForm = .json) throws -> (text: String, code: Int32) {
    let run = try runVerb(words, form, config: config, assignments: assignments)
    return (run.text, run.error.exitCode)
  }

  func features(_ key: String) throws -> JSONValue {
    let (text, code) = try ask("features", "get", key)
    guard code == 0 else { throw Failure(code, "\(key): \(text)") }
    return try JSONValue(parsing: text)
  }
}

extension OutRecord {
  init(_ topic: String, _ key: String, _ json: String, headers: [(name: String, value: [UInt8])] = [], at time: Int64) {
    self.init(topic: topic, key: Array(key.utf8), value: Array(json.utf8), headers: headers, timestamp: time)
  }
}

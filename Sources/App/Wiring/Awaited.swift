/// Something outside that a start waits for, because it does not answer.
struct Awaited {
  enum What { case log, store }
  let what: What
  /// What was met last, in words.
  var cause: String
  let sinceNs: Int64

  /// What `/ready` says meanwhile.
  var reason: String { "waiting to start: \(what == .log ? "Kafka" : "the feature store") does not answer: \(cause)" }
}

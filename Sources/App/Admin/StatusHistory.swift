import JSON

/// The last five minutes of what the page draws, so that a page opened at three in the morning has a past.
struct StatusHistory: Sendable {
  static let capacity = 300
  private struct Sample {
    var at: Int64
    var rates: [String: Double]
    var lags: [String: Int]
    var freshness: Double?
  }
  private var samples: [Sample] = []

  mutating func append(_ status: WorkerStatus) {
    guard status.at > 0 else { return }  // asked before the worker first said anything
    if samples.count == Self.capacity { samples.removeFirst() }
    samples.append(
      Sample(
        at: status.at, rates: Dictionary(status.topics.map { ($0.topic, $0.eventsPerS) }) { $1 },
        lags: Dictionary(status.topics.map { ($0.topic, $0.lag) }) { $1 }, freshness: status.freshnessS))
  }

  /// `{"samples":[{"at":…,"freshness_s":…,"topics":{"watch":[rate,lag]}}]}`
  func json() -> [UInt8] {
    var writer = JSONWriter(reserving: 64 * samples.count)
    writer.beginObject()
    writer.beginArray("samples")
    for sample in samples {
      writer.beginObject()
      writer.field("at", sample.at)
      writer.field("freshness_s", sample.freshness)
      writer.beginObject("topics")
      for topic in sample.rates.keys.sorted() {
        writer.beginArray(topic)
        writer.number(sample.rates[topic] ?? 0)
        writer.integer(sample.lags[topic] ?? 0)
        writer.endArray()
      }
      writer.endObject()
      writer.endObject()
    }
    writer.endArray()
    writer.endObject()
    return writer.bytes
  }
}

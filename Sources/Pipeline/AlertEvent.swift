import JSON
import Learners

/// A drift alert as a structured CloudEvent.
struct AlertEvent {
  static let headers: [(name: String, value: [UInt8])] = [
    (name: "content-type", value: Array("application/cloudevents+json; charset=utf-8".utf8))
  ]
  let json: [UInt8]
  init(_ alert: DriftAlert, group: String) { json = [] }
}

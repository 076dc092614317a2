import JSON
import Learners
import Telemetry

/// A drift alert as a structured CloudEvent.
///
/// `alert_id` is stable over the alert's life and is the record's key and `partitionkey`; the event's `id` adds the
/// state, so that a consumer which drops repeated ids still sees the resolution.
public struct AlertEvent {
  static let headers: [(name: String, value: [UInt8])] = [
    (name: "content-type", value: Array("application/cloudevents+json; charset=utf-8".utf8))
  ]
  public let json: [UInt8]

  public init(_ alert: DriftAlert, group: String) {
    var writer = JSONWriter(reserving: 1024)
    writer.beginObject()
    writer.field("specversion", "1.0")
    writer.field("id", "\(alert.alertID)-\(alert.state.rawValue)")
    writer.field("source", "/thalweg/\(group)")
    writer.field("type", "dev.thalweg.drift.\(alert.state.rawValue).v1")
    writer.field("time", Timestamp.utc(alert.time))
    writer.field("subject", alert.scopeID.isEmpty ? alert.scopeKind : "\(alert.scopeKind)/\(alert.scopeID)")
    writer.field("datacontenttype", "application/json")
    writer.field("partitionkey", alert.alertID)
    writer.beginObject("data")
    writer.field("alert_id", alert.alertID)
    writer.field("status", alert.state.rawValue)
    writer.field("state", alert.state.rawValue)
    writer.field("reason", alert.reason.rawValue)
    writer.field("entity_kind", alert.scopeKind)
    writer.field("entity_id", alert.scopeID)
    writer.field("scope", alert.scope)
    writer.field("metric", alert.metric.name)
    writer.field("feature", alert.metric.name)
    writer.field("detector", "relative")
    writer.beginObject("detector_params")
    writer.field("threshold", alert.threshold)
    writer.field("sigmas", alert.sigmas)
    writer.endObject()
    writer.field("kind", "performance")
    writer.field("severity", alert.severity)
    writer.field("direction", "\(alert.direction)")
    writer.field("current", alert.current)
    writer.field("baseline", alert.baseline)
    writer.field("before", alert.baseline)
    writer.field("after", alert.current)
    writer.field("relative_change", alert.signed)
    writer.field("standard_error", alert.standardError)
    writer.field("threshold", alert.threshold)
    writer.field("n_current", alert.currentCount)
    writer.field("n_baseline", alert.baselineCount)
    writer.field("window_start", alert.currentStart)
    writer.field("window_end", alert.currentEnd)
    writer.field("baseline_start", alert.baselineStart)
    writer.field("baseline_end", alert.baselineEnd)
    writer.field("first_seen", alert.firedAt)
    writer.field("event_time_ms", alert.time)
    writer.field("suggested_action", alert.suggestedAction)
    writer.field("message", alert.message)
    writer.endObject()
    writer.endObject()
    json = writer.bytes
  }
}

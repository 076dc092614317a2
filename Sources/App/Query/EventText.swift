import Events
import JSON
import Telemetry

/// An event as JSON, by the names of the envelope, for people who try a mapping.
enum EventText {
  static func json(_ event: Event, payload: [UInt8], ids: Identities) -> String {
    var writer = JSONWriter()
    writer.beginObject()
    writer.field("kind", "\(event.kind)")
    if event.action != .none { writer.field("action", "\(event.action)") }
    if event.viewer != Event.none { writer.field("user_id", ids.viewers.text(event.viewer)) }
    if event.title != Event.none { writer.field("content_id", ids.titles.text(event.title)) }
    writer.field("timestamp", event.time)
    writer.field("time", Telemetry.Timestamp.utc(event.time))
    kindFields(event, &writer)
    if event.position > 0 { writer.field("position", Int(event.position)) }
    if event.timeToFeedback >= 0 { writer.field("time_to_feedback_ms", Int(event.timeToFeedback)) }
    if event.device != .unset { writer.field("device", "\(event.device)") }
    if event.platform != 0 { writer.field("platform", ids.symbols[event.platform]) }
    if event.tzMinutes != .min { writer.field("tz_offset_minutes", Int(event.tzMinutes)) }
    if event.mood > 0 { writer.field("mood", Vocabulary.moods[Int(event.mood) - 1]) }
    if event.companions > 0 { writer.field("viewing_companions", Vocabulary.companions[Int(event.companions) - 1]) }
    payloadFields(event, payload, ids, &writer)
    notes(event.flags, &writer)
    writer.endObject()
    return writer.text
  }

  private static func kindFields(_ event: Event, _ writer: inout JSONWriter) {
    func number(_ name: String, _ value: Double) { if !value.isNaN { writer.field(name, value, integers: true) } }
    switch event.kind {
    case .watch:
      number("duration_seconds", event.duration)
      number("total_duration_seconds", event.total)
      number("completion_rate", event.rate)
      if event.flags.contains(.completedSet) { writer.field("completed", event.flags.contains(.completed)) }
      if event.flags.contains(.progress) { writer.field("phase", "progress") }
    case .rate: number("rating", event.rate / 2)
    case .availability: writer.field("available", event.flags.contains(.available))
    default: break
    }
    if event.flags.contains(.undo) { writer.field("undo", true) }
  }

  private static func payloadFields(
    _ event: Event, _ payload: [UInt8], _ ids: Identities, _ writer: inout JSONWriter
  ) {
    var bytes = Array(payload[Int(event.payloadStart)..<Int(event.payloadStart + event.payloadCount)])
    bytes.withUnsafeMutableBytes { raw in
      let payload = Payload(raw)
      if let id = payload.text(.eventID) { writer.field("event_id", id) }
      if let id = payload.text(.decisionID) { writer.field("decision_id", id) }
      if let query = payload.text(.query) { writer.field("query", query) }
      guard let items = payload.field(.items), let base = items.baseAddress else { return }
      writer.beginArray("items")
      for at in stride(from: 0, to: items.count, by: ShownItem.byteCount) {
        let item = ShownItem(reading: UnsafeRawPointer(base + at))
        writer.beginObject()
        writer.field("content_id", ids.titles.text(item.title))
        writer.field("position", Int(item.position))
        if item.explored { writer.field("explored", true) }
        if !item.propensity.isNaN { writer.field("propensity", Double(item.propensity)) }
        writer.endObject()
      }
      writer.endArray()
    }
  }

  /// What is counted about it, though it is no fault.
  private static func notes(_ flags: EventFlags, _ writer: inout JSONWriter) {
    let names: [(EventFlags, String)] = [
      (.future, "future_timestamp"), (.unknownDevice, "unknown_device"), (.unknownFields, "unknown_fields"),
      (.keyMismatch, "key_mismatch"), (.inconsistentCompletion, "inconsistent_completion"),
    ]
    let found = names.filter { flags.contains($0.0) }
    guard !found.isEmpty else { return }
    writer.beginArray("counted")
    for (_, name) in found { writer.string(name) }
    writer.endArray()
  }
}

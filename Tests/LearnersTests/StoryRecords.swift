import Events
import Foundation
import Kernels

/// Makes events of a story's lines: as much of a decoder as valid lines need.
struct StoryRecord {
  var topic: String
  var offset: Int64
  var event: Event
  var payload: [UInt8]
  var id: String
}

struct StoryReader {
  private(set) var ids: Identities
  private var offsets: [String: Int64] = [:]
  private var maxima: [String: Int64] = [:]

  init(ids: Identities) { self.ids = ids }

  /// Goes on where another reader stands.
  init(copying other: StoryReader, ids: Identities) {
    self = other
    self.ids = ids
  }

  /// The records of a line, `repeat` unrolled.
  func unroll(_ line: [String: Any]) -> [[String: Any]] {
    guard let count = line["repeat"] as? Int else { return [line] }
    return (1...count).map { k in
      var copy = StoryReader.replace(line, k) as! [String: Any]
      copy["timestamp"] = time(line["timestamp"]!) + Int64(k - 1) * Int64(line["every_ms"] as! Int)
      return copy
    }
  }

  private static func replace(_ value: Any, _ k: Int) -> Any {
    if let text = value as? String { return text.replacingOccurrences(of: "{k}", with: String(k)) }
    if let list = value as? [Any] { return list.map { replace($0, k) } }
    if let object = value as? [String: Any] { return object.mapValues { replace($0, k) } }
    return value
  }

  func time(_ value: Any) -> Int64 {
    if let number = value as? NSNumber { return number.int64Value }
    let format = ISO8601DateFormatter()
    let text = value as! String
    format.formatOptions =
      text.contains(".") ? [.withInternetDateTime, .withFractionalSeconds] : [.withInternetDateTime]
    return Int64((format.date(from: text)!.timeIntervalSince1970 * 1000).rounded())
  }

  func catalogRow(_ line: [String: Any]) -> ReferenceRow {
    if line["topic"] as! String == "content.source" {
      return .source(
        id: line["source_id"] as! String,
        SourceRow(uptime: (line["uptime"] as! NSNumber).doubleValue, official: nil, timestamp: time(line["timestamp"]!))
      )
    }
    var row = CatalogRow()
    row.title = line["title"] as? String ?? ""
    row.year = line["year"] as? Int
    for genre in line["genres"] as? [String] ?? [] where !row.genres.contains(genre.lowercased()) {
      row.genres.append(genre.lowercased())
    }
    row.runtimeMinutes = (line["runtime_minutes"] as? NSNumber)?.doubleValue
    row.platforms = line["platforms"] as? [String] ?? []
    row.embedding = (line["embedding"] as? [NSNumber])?.map(\.floatValue)
    row.crossValidation = (line["cross_validation_score"] as? NSNumber)?.doubleValue
    row.fieldCompleteness = (line["field_completeness"] as? NSNumber)?.doubleValue
    row.isOfficial = line["is_official_source"] as? Bool ?? false
    row.lastUpdated = time(line["last_updated"] ?? line["timestamp"]!)
    return .title(id: line["content_id"] as! String, row)
  }

  /// The record of one unrolled line.
  mutating func record(_ line: [String: Any]) -> StoryRecord {
    let topic = line["topic"] as! String
    let offset = offsets[topic, default: 0]
    offsets[topic] = offset + 1
    var event = Event(kind: kind(topic, line))
    let stamp = line["record_timestamp"].map(time) ?? time(line["timestamp"]!)
    event.recordTime = stamp
    event.time = time(line["timestamp"]!)
    if event.time > stamp + 300_000 {
      event.time = stamp + 300_000
      event.flags.insert(.future)
    }
    let before = maxima[topic, default: .min]
    if event.time < before { event.flags.insert(.late) }
    event.mergeTime = max(before, min(event.time, stamp))
    maxima[topic] = event.mergeTime
    event.offset = offset
    if let user = line["user_id"] as? String { event.viewer = ids.viewers.slot(user) }
    if let title = line["content_id"] as? String { event.title = ids.titles.slot(title) }
    let id = line["event_id"] as? String ?? "\(topic):0:\(offset)"
    var payload: [UInt8] = []
    payload.appendField(.eventID, Array(id.utf8))
    fill(&event, line, topic)
    if let key = line["key"] as? String, key != line["user_id"] as? String { event.flags.insert(.keyMismatch) }
    if let decision = line["decision_id"] as? String {
      event.decisionHash = Array(decision.utf8).withUnsafeBytes { xxh3($0) }
      payload.appendField(.decisionID, Array(decision.utf8))
    }
    if let items = line["items"] as? [[String: Any]] {
      var bytes = [UInt8](repeating: 0, count: items.count * ShownItem.byteCount)
      bytes.withUnsafeMutableBytes { raw in
        for (index, item) in items.enumerated() {
          ShownItem(
            title: ids.titles.slot(item["content_id"] as! String), position: UInt16(item["position"] as! Int),
            explored: item["explored"] as? Bool ?? false
          ).write(to: raw.baseAddress! + index * ShownItem.byteCount)
        }
      }
      payload.appendField(.items, bytes)
    }
    if event.kind == .preference {
      payload.appendField(.preference, Array(try! JSONSerialization.data(withJSONObject: line)))
    }
    return StoryRecord(topic: topic, offset: offset, event: event, payload: payload, id: id)
  }

  private func kind(_ topic: String, _ line: [String: Any]) -> EventKind {
    switch topic {
    case "events.watch": return .watch
    case "events.click": return .click
    case "events.rate": return .rate
    case "events.impression": return .impression
    case "events.availability": return .availability
    case "events.search": return .search
    case "events.preference": return .preference
    case "user-interactions":
      switch (line["action"] ?? line["type"]) as! String {
      case "watch", "watch_complete", "watch_partial": return .watch
      case "click": return .click
      case "rate": return .rate
      default: return .interaction
      }
    default: return .interaction
    }
  }

  private func fill(_ event: inout Event, _ line: [String: Any], _ topic: String) {
    func number(_ name: String) -> Double { (line[name] as? NSNumber)?.doubleValue ?? .nan }
    func flag(_ name: String, _ set: EventFlags, _ on: EventFlags) {
      guard let value = line[name] as? Bool else { return }
      event.flags.insert(set)
      if value { event.flags.insert(on) }
    }
    event.duration = event.kind == .availability ? number("checked_at") : number("duration_seconds")
    event.total = number("total_duration_seconds")
    event.rate = number("completion_rate")
    if !event.duration.isNaN, event.total > 0, !event.rate.isNaN,
      abs(min(1, event.duration / event.total) - event.rate) > 0.05
    {
      event.flags.insert(.inconsistentCompletion)
    }
    if event.kind == .rate {
      let stars = line["scale"] as? Int == 10 ? 1 + 4 * (number("rating") - 1) / 9 : number("rating")
      event.rate = (stars * 2).rounded(.toNearestOrAwayFromZero)
    }
    flag("completed", .completedSet, .completed)
    flag("liked", .likedSet, .liked)
    flag("favorited", .favoritedSet, .favorited)
    flag("shared", .sharedSet, .shared)
    flag("skipped_early", .skippedEarlySet, .skippedEarly)
    flag("paused_frequently", .pausedOftenSet, .pausedOften)
    flag("ended_by_user", [], .endedByUser)
    flag("undo", [], .undo)
    flag("available", [], .available)
    flag("deep_link_validated", .deepLinkSet, .deepLink)
    if line["phase"] as? String == "progress" { event.flags.insert(.progress) }
    if line["source"] as? String == "checker" { event.flags.insert(.checker) }
    event.pauseCount = (line["pause_count"] as? Int).map { Int16($0) } ?? -1
    event.timeToFeedback = (line["time_to_feedback_ms"] as? Int).map { Int32($0) } ?? -1
    event.position = UInt16(line["position"] as? Int ?? 0)
    event.tzMinutes = (line["tz_offset_minutes"] as? Int).map { Int16($0) } ?? .min
    let session = (line["context"] as? [String: Any])?["session"] as? [String: Any]
    event.sessionPosition = (session?["position"] as? Int).map { Int32($0) } ?? -1
    if line["device"] as? String == "toaster" { event.flags.insert(.unknownDevice) }
    if line["mood_ring"] != nil { event.flags.insert(.unknownFields) }
    let actions: [String: Action] = [
      "like": .like, "dislike": .dislike, "favorite": .favorite, "skip": .skip, "share": .share, "block": .block,
      "purchase": .purchase, "view": .view, "ignore": .ignore, "correction": .correction,
    ]
    guard let action = line["action"] as? String else { return }
    event.action = actions[action] ?? .none
    if action == "watch_complete" { event.flags.insert([.completedSet, .completed]) }
  }
}

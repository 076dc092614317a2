import JSON
import Kernels
import Learners
import Ports

/// Features as the store holds them, read back into values, with what decays brought to a moment.
enum StoredFeatures {
  /// Everything known under `user:U`, `content:C` or `decision:D`; nil = no such key.
  static func read(_ key: String, reader: any FeatureReader, at time: Int64, options: LearnOptions) throws -> JSONValue?
  {
    guard let fields = try reader.hash(key) else { return nil }
    var members = fields.map { JSONValue.Member($0.name, value($0.name, $0.value)) }
    if key.hasPrefix("user:") {
      for (name, suffix) in [("vector", ""), ("vector_history", ":hist")] {
        if let fields = try reader.hash("emb:" + key + suffix), let field = fields.first(where: { $0.name == name }) {
          members.append(.init(name, value(name, field.value)))
        }
      }
    }
    let features = JSONValue.object(members)
    return key.hasPrefix("content:") ? decayed(features, to: time, options: options) : features
  }

  /// Vectors are little-endian Float32; everything else is JSON or plain text.
  private static func value(_ name: String, _ bytes: [UInt8]) -> JSONValue {
    if name == "vector" || name == "vector_history" {
      return .array(
        stride(from: 0, to: bytes.count - 3, by: 4).map { i in
          let bits = (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[i + $1]) << UInt32(8 * $1) }
          let x = Float(bitPattern: bits)
          return x == x.rounded() && abs(x) < 1e6 ? .integer(Int64(x)) : .number(Double(x.description)!)
        })
    }
    if name == "v" { return .string(String(decoding: bytes, as: UTF8.self)) }
    if let json = try? JSONValue(parsing: bytes) { return json }
    return .string(String(decoding: bytes, as: UTF8.self))
  }

  /// Trust and trend of a title at a time, from the raw terms beside them.
  private static func decayed(_ features: JSONValue, to time: Int64, options: LearnOptions) -> JSONValue {
    func number(_ name: String) -> Double? { features[name]?.double }
    var changed: [String: JSONValue] = [:]
    let day = 86_400_000.0
    let preset = options.trust
    if let uptime = number("uptime"), let updated = number("last_updated") {
      var score = TrustScore()
      score.source = preset.source(
        uptime: uptime, ageDays: (Double(time) - updated) / day, official: features["official"]?.bool ?? false)
      score.metadata = number("metadata_accuracy") ?? 0
      score.availability = preset.availability(
        deepLink: features["deep_link"]?.bool ?? false, available: number("available") ?? 0,
        unavailable: number("unavailable") ?? 0, ageDays: number("last_check").map { (Double(time) - $0) / day })
      score.quality = number("quality") ?? 0
      score.preference = number("preference_confidence") ?? 0
      score.overall = preset.overall(score)
      changed["source_reliability"] = .number(score.source)
      changed["availability_confidence"] = .number(score.availability)
      changed["overall"] = .number(score.overall)
      changed["passes_filter"] = .bool(score.overall >= preset.filter)
    }
    for (name, tau) in [("trend", options.trendTauMs), ("popularity", options.popularityTauMs)] {
      if let raw = number(name + "_raw"), let at = number(name + "_at") {
        changed[name] = .number(raw * Elementary.exp(-(Double(time) - at) / tau))
      }
    }
    return .object((features.object ?? []).map { .init($0.key, changed[$0.key] ?? $0.value) })
  }
}

import JSON

/// Compares what was read with what a file expects, by the rules of the story files: only what is listed counts;
/// maps are complete; lists of words are sets; integers exact; numbers within 1e-6, vectors within 2e-6, absolute or
/// relative, whichever is larger; `"?"` is never compared.
enum Comparison {
  private static let maps: Set<String> = [
    "affinity", "affinity_corrected", "affinity_timed", "hours", "weekdays", "explicit", "genre_scores", "moods",
    "companions", "platforms",
  ]
  private static let vectors: Set<String> = ["vector", "vector_history"]

  /// nil = equal; else what differs, in words.
  static func difference(_ name: String, expected: JSONValue, found: JSONValue?) -> String? {
    if expected.string == "?" { return nil }
    guard let found else { return expected.isNull ? nil : "expected \(expected.text()), nothing was read" }
    let tolerance = vectors.contains(name) ? 2e-6 : 1e-6
    return differs(name, expected, found, tolerance) ? "expected \(expected.text()), read \(found.text())" : nil
  }

  private static func differs(_ name: String, _ expected: JSONValue, _ found: JSONValue, _ tolerance: Double) -> Bool {
    if expected.string == "?" { return false }
    switch (expected, found) {
    case (.null, .null): return false
    case (.bool(let a), .bool(let b)): return a != b
    case (.string(let a), .string(let b)): return a != b
    case (.integer(let a), .integer(let b)): return a != b
    case (.object(let a), .object(let b)):
      for member in a {
        let other = found[member.key]
        guard let other else {
          if isZero(member.value) { continue }
          return true
        }
        if differs(member.key, member.value, other, tolerance) { return true }
      }
      guard maps.contains(name) else { return false }
      return b.contains { expected[$0.key] == nil && !isZero($0.value) }
    case (.array(let a), .array(let b)):
      if a.count != b.count { return true }
      let words = a.compactMap(\.string)
      if words.count == a.count, !a.isEmpty { return Set(words) != Set(b.compactMap(\.string)) }
      return zip(a, b).contains { differs(name, $0, $1, tolerance) }
    default:
      guard let a = expected.double, let b = found.double else { return true }
      return !(abs(a - b) <= tolerance * max(1, abs(a)))
    }
  }

  private static func isZero(_ value: JSONValue) -> Bool { value.double.map { abs($0) <= 1e-6 } ?? value.isNull }
}

import Foundation
import Learners

/// Collects features as a tree of Foundation values, to compare with expectations read from JSON.
struct FeatureTree: FeatureSink {
  private enum Frame {
    case object(String, [String: Any])
    case list(String, [Any])
  }
  private var frames: [Frame] = [.object("", [:])]

  var values: [String: Any] {
    guard case .object(_, let members) = frames[0] else { return [:] }
    return members
  }

  private mutating func put(_ name: String, _ value: Any) {
    switch frames.removeLast() {
    case .object(let own, var members):
      members[name] = value
      frames.append(.object(own, members))
    case .list(let own, let values):
      frames.append(.list(own, values + [value]))
    }
  }

  mutating func integer(_ name: String, _ value: Int64) { put(name, NSNumber(value: value)) }
  mutating func number(_ name: String, _ value: Double) { put(name, NSNumber(value: value)) }
  mutating func flag(_ name: String, _ value: Bool) { put(name, NSNumber(value: value)) }
  mutating func text(_ name: String, _ value: String) { put(name, value) }
  mutating func null(_ name: String) { put(name, NSNull()) }
  mutating func vector(_ name: String, _ value: UnsafeBufferPointer<Float>) {
    put(name, value.map { NSNumber(value: Double($0)) })
  }
  mutating func beginObject(_ name: String) { frames.append(.object(name, [:])) }
  mutating func beginList(_ name: String) { frames.append(.list(name, [])) }
  mutating func end() {
    switch frames.removeLast() {
    case .object(let name, let members): put(name, members)
    case .list(let name, let values): put(name, values)
    }
  }
}

/// The first difference between what is expected and what was read, nil if there is none.
func difference(_ expected: Any, _ got: Any?, at path: String, tolerance: Double) -> String? {
  guard let got else { return "\(path): missing, expected \(expected)" }
  if expected is NSNull { return got is NSNull ? nil : "\(path): \(got), expected null" }
  if let text = expected as? String { return got as? String == text ? nil : "\(path): \(got), expected \(text)" }
  if let number = expected as? NSNumber {
    guard let other = got as? NSNumber else { return "\(path): \(got), expected \(number)" }
    let (a, b) = (number.doubleValue, other.doubleValue)
    return abs(a - b) <= tolerance * max(1, abs(a)) ? nil : "\(path): \(b), expected \(a)"
  }
  if let list = expected as? [Any] {
    guard let others = got as? [Any], others.count == list.count else { return "\(path): \(got), expected \(list)" }
    let tolerance = path.contains("vector") ? 2e-6 : tolerance
    let (sorted, otherSorted) = list.first is String ? (words(list), words(others)) : (list, others)
    for (index, value) in sorted.enumerated() {
      if let found = difference(value, otherSorted[index], at: "\(path)[\(index)]", tolerance: tolerance) {
        return found
      }
    }
    return nil
  }
  guard let object = expected as? [String: Any], let other = got as? [String: Any] else {
    return "\(path): \(got), expected \(expected)"
  }
  let isMap = ["affinity", "affinity_corrected", "hours", "weekdays", "explicit"].contains { path.hasSuffix($0) }
  for key in Set(object.keys).union(isMap ? other.keys.map { $0 } : []).sorted() {
    let value = object[key] ?? NSNumber(value: 0)
    let present: Any? = other[key] ?? (isMap && value is NSNumber ? NSNumber(value: 0) : nil)
    if let found = difference(value, present, at: "\(path).\(key)", tolerance: tolerance) { return found }
  }
  return nil
}

private func words(_ list: [Any]) -> [Any] { list.compactMap { $0 as? String }.sorted() }

/// A file of `Golden/`.
func golden(_ name: String) throws -> Any {
  let url = Bundle.module.resourceURL!.appendingPathComponent("Golden").appendingPathComponent(name)
  return try JSONSerialization.jsonObject(with: Data(contentsOf: url))
}

import JSON
import Telemetry

/// Lines of `decisions.resolved`: each learned item as a contextual-bandit line of VW's DSJSON.
///
/// A slot's choice is one line: `c._multi` holds what was available in the slot (the item, the items shown below it and
/// those not shown) sorted by id, so that a place in it tells nothing; `a` names the item first, then the others. The
/// names that start with an underscore, `a`, `c`, `p`, `EventId`, `Timestamp`, `Version`, `VWState` and `pdrop` are
/// VW's; VW skips the others.
///
/// - SeeAlso: `vowpalwabbit/json_parser`, `parse_line_json`; docs/BANDITS.md, "What decisions earned".
public struct DSJSONEncoder: ResolvedEncoder {
  public init() {}

  public func encode(_ item: ResolvedItem) -> [UInt8]? {
    guard item.items.indices.contains(item.index) else { return nil }
    var writer = JSONWriter(reserving: 512)
    ResolvedLine(item).write(into: &writer)
    return writer.bytes
  }
}

/// One learned item on its way into a line.
struct ResolvedLine {
  let item: ResolvedItem
  /// What the record said of itself.
  private let said: JSONValue

  init(_ item: ResolvedItem) {
    self.item = item
    said = (try? JSONValue(parsing: item.policy)) ?? .null
  }

  private var own: ResolvedItem.Item { item.items[item.index] }

  /// Indices of the items still available in the item's slot, the item first.
  var available: [Int] {
    let slot = own.position
    return [item.index]
      + item.items.indices.filter {
        $0 != item.index && (item.items[$0].position == 0 || slot == 0 || item.items[$0].position > slot)
      }
  }

  /// Probabilities in the order of ``available``: as logged where the slot's whole row was, else the item's own and
  /// what is left spread evenly. Without any it counts as certain, so that no importance weight is made up.
  func probabilities(of available: [Int]) -> [Double] {
    if own.position > 0, let row = said["p_slots"]?[own.position - 1]?.array?.compactMap(\.double),
      row.count == item.items.count
    {
      let shares = available.map { row[$0] }
      if shares[0] > 0, shares.allSatisfy({ (0...1).contains($0) }) { return shares }
    }
    let first = own.propensity > 0 && own.propensity <= 1 ? own.propensity : 1
    let rest = available.count > 1 ? (1 - first) / Double(available.count - 1) : 0
    return [first] + Array(repeating: rest, count: available.count - 1)
  }

  func write(into writer: inout JSONWriter) {
    let available = available
    let p = probabilities(of: available)
    let sorted = available.indices.sorted {
      let (a, b) = (item.items[available[$0]].content.utf8, item.items[available[$1]].content.utf8)
      return a.lexicographicallyPrecedes(b)
    }
    var place = [Int](repeating: 0, count: available.count)
    for (at, i) in sorted.enumerated() { place[i] = at }
    let policy = said["policy"]?.string
    let version = said["model_version"].map { $0.string ?? $0.text() }
    writer.beginObject()
    writer.field("_label_cost", 0 - item.reward)
    writer.field("_label_probability", p[0])
    writer.field("_label_Action", place[0] + 1)
    writer.field("_labelIndex", place[0])
    if let previous = item.previous { writer.field("_original_label_cost", 0 - previous) }
    writer.field("Timestamp", Telemetry.Timestamp.utc(item.time))
    writer.field("Version", "1")
    writer.field("EventId", item.eventID)
    writer.beginArray("a")
    for at in place { writer.integer(at + 1) }
    writer.endArray()
    writer.beginObject("c")
    if case .object(let members)? = said["context"] {
      writer.beginObject("context")
      for member in members { Self.write(member.key, member.value, into: &writer, depth: 1) }
      writer.endObject()
    }
    writer.beginArray("_multi")
    for i in sorted {
      let candidate = item.items[available[i]]
      writer.beginObject()
      writer.field("_tag", candidate.content)
      writer.beginArray("x")
      for x in candidate.x {
        let x = Float(x)
        writer.raw(x.isFinite && x != 0 ? x.description : "0")
      }
      writer.endArray()
      writer.endObject()
    }
    writer.endArray()
    writer.endObject()
    writer.beginArray("p")
    for share in p { writer.number(share) }
    writer.endArray()
    writer.beginObject("VWState")
    writer.field("m", [policy, version].compactMap(\.self).joined(separator: "/"))
    writer.endObject()
    writer.field("pdrop", 0)
    writer.field("decision_id", item.decisionID)
    writer.field("user_id", item.userID)
    writer.field("content_id", own.content)
    writer.field("slot", own.position)
    writer.field("candidates", item.items.count)
    writer.field("policy", policy)
    writer.field("model_version", version)
    writer.field("propensity", own.propensity.isNaN ? nil : own.propensity)
    writer.field("explored", own.explored)
    writer.field("reward", item.reward)
    writer.field("stage", item.stage)
    writer.field("latency_ms", item.stage > 0 ? item.at - item.time : nil)
    writer.field("assembled", item.isAssembled)
    writer.endObject()
  }

  /// A member of the context as VW's reader takes it: words in lists become flags; nothing, numbers in lists and
  /// underscored names (which mean something to VW) are left out.
  private static func write(_ key: String, _ value: JSONValue, into writer: inout JSONWriter, depth: Int) {
    guard !key.isEmpty, !key.hasPrefix("_") else { return }
    switch value {
    case .null: return
    case .bool(let flag): writer.field(key, flag)
    case .string(let text): if !text.isEmpty { writer.field(key, text) }
    case .object(let members):
      guard depth < 4 else { return }
      writer.beginObject(key)
      for member in members { write(member.key, member.value, into: &writer, depth: depth + 1) }
      writer.endObject()
    case .array(let list):
      let words = list.compactMap(\.string).filter { !$0.isEmpty && !$0.hasPrefix("_") }
      guard !words.isEmpty else { return }
      writer.beginObject(key)
      var seen: Set<String> = []
      for word in words where seen.insert(word).inserted { writer.field(word, 1) }
      writer.endObject()
    default: if let number = value.double, number.isFinite { writer.field(key, number, integers: true) }
    }
  }
}

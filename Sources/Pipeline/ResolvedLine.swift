public import JSON
import Telemetry

/// One learned item of a decision as `decisions.resolved` holds it: a contextual-bandit line of VW's DSJSON.
///
/// A slot's choice is one line: `c._multi` holds what was available in the slot (the item, the items shown below it and
/// those not shown) sorted by id, so that a place in it tells nothing; `a` names the item first, then the others. The
/// names that start with an underscore, `a`, `c`, `p`, `EventId`, `Timestamp`, `Version`, `VWState` and `pdrop` are
/// VW's; VW skips the others.
///
/// - SeeAlso: `vowpalwabbit/json_parser`, `parse_line_json`.
public struct ResolvedLine: Sendable {
  /// One item of the decision.
  public struct Candidate: Sendable {
    public var id: String
    /// 1-based; 0 = not shown.
    public var position: Int
    /// Its features, as the model saw them; empty = unknown.
    public var x: [Float]
    public init(id: String, position: Int, x: [Float]) {
      self.id = id
      self.position = position
      self.x = x
    }
  }
  public var decision = ""
  public var user = ""
  /// The decision's own, Unix ms.
  public var time: Int64 = 0
  public var policy = ""
  public var modelVersion = ""
  /// All items of the decision, in its order.
  public var candidates: [Candidate] = []
  /// The item this line is about.
  public var chosen = 0
  /// Logged probability of the item in its slot; NaN = none was logged.
  public var propensity = Double.nan
  /// Logged probabilities of the slot, one per candidate; empty = only the item's own was logged.
  public var row: [Double] = []
  public var reward = 0.0
  /// What the model was told before, where this line replaces it.
  public var previous: Double?
  /// 0 to 4, see docs/BANDITS.md; nil = nobody answered, the default was learned.
  public var stage: Int?
  /// From decision to the feedback that decided, ms; nil = none.
  public var latencyMs: Int64?
  /// The decision's context object.
  public var context: JSONValue?

  public init() {}

  /// Indices of the candidates still available in the item's slot, the item first.
  public var available: [Int] {
    let slot = candidates[chosen].position
    return [chosen]
      + candidates.indices.filter {
        $0 != chosen && (candidates[$0].position == 0 || slot == 0 || candidates[$0].position > slot)
      }
  }

  /// Probabilities in the order of ``available``: as logged where the whole row was, else the item's own and what is
  /// left spread evenly. Without any it counts as certain, so that no importance weight is made up.
  public func probabilities(of available: [Int]) -> [Double] {
    if row.count == candidates.count {
      let own = available.map { row[$0] }
      if own[0] > 0, own.allSatisfy({ $0 >= 0 && $0.isFinite }) { return own }
    }
    let own = propensity > 0 && propensity <= 1 ? propensity : 1
    let rest = available.count > 1 ? (1 - own) / Double(available.count - 1) : 0
    return [own] + Array(repeating: rest, count: available.count - 1)
  }

  public func encode(into writer: inout JSONWriter) {
    let available = available
    let p = probabilities(of: available)
    let sorted = available.indices.sorted {
      candidates[available[$0]].id.utf8.lexicographicallyPrecedes(candidates[available[$1]].id.utf8)
    }
    var place = [Int](repeating: 0, count: available.count)
    for (at, i) in sorted.enumerated() { place[i] = at }
    writer.beginObject()
    writer.field("_label_cost", 0 - reward)
    writer.field("_label_probability", p[0])
    writer.field("_label_Action", place[0] + 1)
    writer.field("_labelIndex", place[0])
    if let previous { writer.field("_original_label_cost", 0 - previous) }
    writer.field("Timestamp", Telemetry.Timestamp.utc(time))
    writer.field("Version", "1")
    writer.field("EventId", decision)
    writer.beginArray("a")
    for at in place { writer.integer(at + 1) }
    writer.endArray()
    writer.beginObject("c")
    if case .object(let members)? = context {
      writer.beginObject("context")
      for member in members { Self.write(member.key, member.value, into: &writer, depth: 1) }
      writer.endObject()
    }
    writer.beginArray("_multi")
    for i in sorted {
      let candidate = candidates[available[i]]
      writer.beginObject()
      writer.field("_tag", candidate.id)
      writer.beginArray("x")
      for x in candidate.x { writer.raw(x.isFinite ? (x == 0 ? "0" : x.description) : "0") }
      writer.endArray()
      writer.endObject()
    }
    writer.endArray()
    writer.endObject()
    writer.beginArray("p")
    for share in p { writer.number(share) }
    writer.endArray()
    writer.beginObject("VWState")
    writer.field("m", modelVersion.isEmpty ? policy : "\(policy)/\(modelVersion)")
    writer.endObject()
    writer.field("pdrop", 0)
    writer.field("user_id", user)
    writer.field("content_id", candidates[chosen].id)
    writer.field("slot", candidates[chosen].position)
    writer.field("candidates", candidates.count)
    writer.field("policy", policy)
    writer.field("model_version", modelVersion)
    writer.field("propensity", propensity.isNaN ? nil : propensity)
    writer.field("reward", reward)
    writer.field("stage", stage)
    writer.field("latency_ms", latencyMs)
    writer.endObject()
  }

  /// A member of the context as VW's reader takes it: words in lists become flags, nothing and underscored names
  /// (which mean something to VW) are left out.
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

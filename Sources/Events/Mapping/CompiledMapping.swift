/// Everything a decoder needs to know of its inputs, checked and resolved once at start.
public struct CompiledMapping: Sendable {
  public struct Input: Sendable {
    public var topic: String
    /// A compacted table read to its end before the first turn.
    public var isReference: Bool
    public var maxBytes: Int
    var framing = Framing.json
    var unwrapsCloudEvents = false
    /// Ids, unknown members and key are held to the rules of our envelope.
    var isEnvelope = false
    /// `name/major` that member `schema` must be.
    var schema: [UInt8]?
    var schemaSlot = -1
    var skipsMissing = false
    var devices: [String]
    var rules: [Rule] = []
    /// What its rules make of a record, each once, sorted.
    public var emits: [String] { Set(rules.map(\.emit.rawValue)).sorted() }
    var table = PathTable()
    /// The table of a structured CloudEvent: attributes beside `data`.
    var structured = PathTable()
    /// CloudEvents attributes that rules read, each with its slot.
    var attributes: [(name: String, slot: Int)] = []
  }

  enum Framing: String, Sendable { case json, lines = "json-lines", auto }

  struct Rule: Sendable {
    var when: Predicate?
    var emit: Emit
    /// Steps per field (by raw value); empty = not read.
    var bindings: [[ValueStep]]
    var required: [Requirement]
    var items: Items?
  }

  struct Requirement: Sendable {
    /// What `thalweg.field` says.
    var name: String
    var steps: [ValueStep]
  }

  /// How the elements of a list become shown items.
  struct Items: Sendable {
    var table = PathTable()
    /// Steps per ``ItemField``.
    var bindings: [[ValueStep]]
  }

  public var inputs: [Input]

  /// The same with further inputs behind these; two inputs of one topic are refused.
  public func adding(_ other: CompiledMapping) throws(MappingError) -> CompiledMapping {
    for input in other.inputs where inputs.contains(where: { $0.topic == input.topic }) {
      throw MappingError(file: "inputs", line: 0, message: "topic \(input.topic) is mapped twice")
    }
    var all = self
    all.inputs += other.inputs
    return all
  }
}

/// A member of a shown item.
enum ItemField: Int, CaseIterable {
  case contentID, position, propensity, score, explored, strategy, features

  var name: String {
    switch self {
    case .contentID: "content_id"
    case .position: "position"
    case .propensity: "propensity"
    case .score: "score"
    case .explored: "explored"
    case .strategy: "strategy"
    case .features: "features"
    }
  }
}

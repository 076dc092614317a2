/// One shown item at the moment a model learned what it was worth, or that it was worth something else.
///
/// Handed out once an item and change, in an order that neither shards nor turns can alter; after a crash those of
/// the turns that fold again are handed out again. ``eventID`` is the same each time, so that a compacted topic or a
/// reader that keeps the newest line per id holds each learned item once, with its final reward.
public struct ResolvedItem: Sendable, Equatable {
  public struct Item: Sendable, Equatable {
    public var content: String
    /// 1-based; 0 = offered and not shown.
    public var position: Int
    /// Logged probability of this item in its slot given those above; NaN = unknown.
    public var propensity: Double
    /// NaN = unknown.
    public var score: Double
    public var explored: Bool
    /// Its context as the sums took it, one number a slot of the layout.
    public var x: [Double]
  }
  public var decisionID: String
  public var userID: String
  /// When the decision's windows began, event time, Unix ms.
  public var time: Int64
  /// Merge time of the feedback or timer that resolved it, Unix ms.
  public var at: Int64
  /// What the record said of itself, as a JSON object (policy, model_version, context, p_slots); empty = nothing.
  public var policy: [UInt8]
  /// All items of the decision as logged.
  public var items: [Item]
  /// The learned one.
  public var index: Int
  public var reward: Double
  /// Stage of the feedback that decided, 0 = the default reward.
  public var stage: Int
  /// What the model had been told before; nil = it learns the item now.
  public var previous: Double?
  /// The contexts were put together on the road: slots that only a later stage knows are neutral.
  public var isAssembled: Bool

  /// Decision and item, the same for every line of this item.
  public var eventID: String { "\(decisionID):\(items[index].content)" }
}

/// Turns resolved items into records of a topic of their own.
public protocol ResolvedEncoder: Sendable {
  /// One line; nil = this item has none (no propensity is known).
  func encode(_ item: ResolvedItem) -> [UInt8]?
}

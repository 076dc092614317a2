import Events

/// What is counted by name while events are folded; none of it is a fault.
public enum Counter: Int, Sendable, CaseIterable {
  case folded = 0
  case duplicate, late
  case futureTimestamp
  case unknownTitle
  case unknownDevice
  case unknownFields
  case keyMismatch
  case inconsistentCompletion
  case unattributed
  case unknownContext
  case clickedNotShown
  /// Impressions, clicks, completions beyond the caps of the trust preset.
  case overCap
  /// Preference records whose JSON could not be split into fields.
  case badPreference
  /// Titles' metric series that left under `drift.max_bytes`.
  case driftEvicted
  // Items of decisions and their rewards, by outcome.
  /// Feedback that counts for its item; that came before its decision; that waits for its decision.
  case rewardJoined, rewardJoinedEarly, rewardEarly
  /// Feedback of lower rank than what is there; outside its window or after its item closed.
  case rewardOutOfOrder, rewardLate
  /// Items that learned the default reward; that nobody saw; that left under `reward.pending_max_bytes`.
  case rewardDefault, rewardUnobserved, rewardEvicted
  /// Decisions that were cancelled, and activations or cancellations of none that is known.
  case decisionCancelled, decisionUnknown
  /// Contexts of another length than the layout's: put together on the road instead.
  case contextLength

  /// The name used in metrics and in the stories.
  public var name: String {
    switch self {
    case .folded: "folded"
    case .duplicate: "duplicate"
    case .late: "late"
    case .futureTimestamp: "future_timestamp"
    case .unknownTitle: "unknown_title"
    case .unknownDevice: "unknown_device"
    case .unknownFields: "unknown_fields"
    case .keyMismatch: "key_mismatch"
    case .inconsistentCompletion: "inconsistent_completion"
    case .unattributed: "unattributed"
    case .unknownContext: "unknown_context"
    case .clickedNotShown: "clicked_not_shown"
    case .overCap: "over_cap"
    case .badPreference: "bad_preference"
    case .driftEvicted: "drift_evicted"
    case .rewardJoined: "reward_joined"
    case .rewardJoinedEarly: "reward_joined_early"
    case .rewardEarly: "reward_early"
    case .rewardOutOfOrder: "reward_out_of_order"
    case .rewardLate: "reward_late"
    case .rewardDefault: "reward_default"
    case .rewardUnobserved: "reward_unobserved"
    case .rewardEvicted: "reward_evicted"
    case .decisionCancelled: "decision_cancelled"
    case .decisionUnknown: "decision_unknown"
    case .contextLength: "context_length"
    }
  }
}

/// Counts by ``Counter``; those of several shards add up.
public struct Tally: Sendable, Equatable {
  private var counts: [32 of UInt64] = .init(repeating: 0)

  public init() {}

  /// Counts as they were saved, in the order of ``Counter``.
  public init(saved: [UInt64]) {
    for (i, count) in saved.prefix(counts.count).enumerated() { counts[i] = count }
  }

  public var saved: [UInt64] { (0..<counts.count).map { counts[$0] } }

  @inline(__always)
  public subscript(_ counter: Counter) -> UInt64 {
    get { counts[counter.rawValue] }
    set { counts[counter.rawValue] = newValue }
  }

  @inline(__always)
  public mutating func add(_ counter: Counter, _ number: UInt64 = 1) { counts[counter.rawValue] &+= number }

  public static func += (left: inout Tally, right: Tally) {
    for index in 0..<32 { left.counts[index] &+= right.counts[index] }
  }

  public static func == (left: Tally, right: Tally) -> Bool {
    (0..<32).allSatisfy { left.counts[$0] == right.counts[$0] }
  }

  /// Counts what the decoder and the sequencer noticed about an event.
  @inline(__always)
  public mutating func note(_ flags: EventFlags) {
    guard flags.rawValue >= EventFlags.unknownDevice.rawValue else { return }
    if flags.contains(.unknownDevice) { add(.unknownDevice) }
    if flags.contains(.unknownFields) { add(.unknownFields) }
    if flags.contains(.keyMismatch) { add(.keyMismatch) }
    if flags.contains(.inconsistentCompletion) { add(.inconsistentCompletion) }
    if flags.contains(.future) { add(.futureTimestamp) }
    if flags.contains(.late) { add(.late) }
    if flags.contains(.clickedNotShown) { add(.clickedNotShown) }
    if flags.contains(.unknownContext) { add(.unknownContext) }
  }
}

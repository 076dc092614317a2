import Bandits
import Ports

/// Which name of a learned item is the arm.
public enum ArmKey: String, Sendable, CaseIterable {
  /// The title.
  case content
  /// Each genre of the title.
  case genre
  /// The policy the decision names.
  case policy
}

/// One model that learns from resolved items.
public struct LiveModel: Sendable {
  public var learning: LearningOptions
  public var arm: ArmKey
  public init(_ learning: LearningOptions, arm: ArmKey) {
    self.learning = learning
    self.arm = arm
  }
}

/// Decisions, their late rewards, and the models that learn from them. Times in ms.
public struct DecisionOptions: Sendable {
  public var windows = RewardWindows()
  public var observed = Observed.cascade
  /// Items without feedback wait beyond the short window too.
  public var waitsForAll = false
  /// What an observed item without feedback learns.
  public var fallback = 0.0
  /// Ceiling of everything that waits or stays readable, by declared row sizes.
  public var maxBytes = 1 << 30
  /// How long a decision stays readable, from its start.
  public var keepMs: Int64 = 7 * 86_400_000
  public var layout = ContextLayout.media100
  /// Genres with a slot of their own, in the order of the slots.
  public var genres: [String] = []
  public var models: [LiveModel] = [DecisionOptions.sharedModel()]
  /// Wall time between two snapshots of the models.
  public var modelIntervalMs = 10_000
  public var modelMaxBytes = 64 << 20
  /// Where resolved items go; empty = nowhere.
  public var resolvedTopic = ""
  public var resolvedEncoder: (any ResolvedEncoder)?

  public init() {}

  /// The default: one LinUCB over all titles.
  public static func sharedModel(_ layout: ContextLayout = .media100) -> LiveModel {
    LiveModel(
      LearningOptions(
        spec: ModelSpec(
          name: "titles", learner: .shared, layout: layout.name, fingerprint: layout.fingerprint,
          dimension: layout.dimension), scale: layout.scale), arm: .content)
  }
}

import Bandits
import Options
import Pipeline

/// A model over named arms, as `bandit.named` says it: `genre=beta`.
struct NamedModel {
  var key: ArmKey
  var learner: LearnerKind

  init?(_ text: String) {
    let parts = text.split(separator: "=", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 2, let key = ArmKey(rawValue: parts[0]), key != .content,
      let learner = LearnerKind(rawValue: parts[1])
    else { return nil }
    self.key = key
    self.learner = learner
  }
}

extension Settings {
  /// Decisions, late rewards and models; nil where nobody learns from decisions.
  func decisionOptions() -> DecisionOptions? {
    guard bandit.learnFrom == .decisions, folds.contains(.decisions) else { return nil }
    var options = DecisionOptions()
    options.windows = .init(
      short: reward.shortWindow.wholeMilliseconds, watch: reward.watchWindow.wholeMilliseconds,
      explicit: reward.explicitWindow.wholeMilliseconds)
    options.observed = Observed(rawValue: decision.observed.rawValue)!
    options.waitsForAll = reward.wait == .all
    options.fallback = reward.standard
    options.maxBytes = reward.pendingMaxBytes.bytes
    options.keepMs = decision.keep.wholeMilliseconds
    options.layout = ContextLayout(parsing: bandit.layout) ?? .media100
    options.genres = bandit.genres
    options.modelIntervalMs = Int(model.interval.wholeMilliseconds)
    options.modelMaxBytes = model.maxBytes.bytes
    options.resolvedTopic = kafka.resolvedTopic
    options.resolvedEncoder = kafka.resolvedTopic.isEmpty ? nil : DSJSONEncoder()
    options.models = bandit.enabled ? models(options.layout) : []
    return options
  }

  private func models(_ layout: ContextLayout) -> [LiveModel] {
    let limit = min(16, rewardTable().limit)
    func model(_ name: String, _ learner: LearnerKind, _ arm: ArmKey) -> LiveModel {
      var spec = ModelSpec(
        name: name, learner: learner, layout: layout.name, fingerprint: layout.fingerprint,
        dimension: learner == .beta ? 0 : layout.dimension)
      spec.alpha = bandit.alpha
      spec.lambda = bandit.lambda
      spec.rho = bandit.rho
      spec.gamma = bandit.gamma
      spec.floor = bandit.floor
      var learning = LearningOptions(spec: spec, scale: layout.scale)
      learning.halfLife = bandit.halfLife?.wholeMilliseconds ?? 0
      learning.armHalfLife = bandit.armHalfLife?.wholeMilliseconds ?? 0
      learning.maxArms = bandit.maxArms
      learning.rewards = (-limit)...limit
      return LiveModel(learning, arm: arm)
    }
    let named = bandit.named.compactMap(NamedModel.init)
    return [model("titles", LearnerKind(rawValue: bandit.learner.rawValue)!, .content)]
      + named.map { model($0.key.rawValue, $0.learner, $0.key) }
  }
}

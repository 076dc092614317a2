public import Learners
import Options

extension Settings {
  /// What the folds are told; every number of `LearnOptions` that has a setting comes from it.
  public func learnOptions() -> LearnOptions {
    var options = LearnOptions()
    options.folds = Folds.names.reduce(into: []) { all, pair in
      if folds.contains(where: { $0.rawValue == pair.0 }) { all.insert(pair.1) }
    }
    options.trust = trustPreset()
    options.rewards = rewardTable()
    let weights = engagement.weights
    options.engagement.completion = weights.completion
    options.engagement.liked = weights.liked
    options.engagement.favorited = weights.favorited
    options.engagement.shared = weights.shared
    options.engagement.skippedEarly = weights.skippedEarly
    options.engagement.pausedFrequently = weights.pausedFrequently
    options.dimension = embedding.dim
    options.vectorForm = vector.form == .unit ? .unit : .plain
    options.vectorDecay = vector.decay
    options.affinitySignal = affinity.signal == .watch ? .watch : .rate
    options.affinityDecay = affinity.decay
    options.affinityHalfLifeMs = affinity.halfLife.wholeMilliseconds
    options.historyForm =
      switch history.form {
      case .d5: .d5
      case .d6: .d6
      case .d7: .d7
      }
    options.historyTitles = history.titles
    options.temporalDecay = temporal.decay
    options.sessionIdleMs = session.idle.wholeMilliseconds
    options.viewerIdleMs = viewer.idle.wholeMilliseconds
    options.trendTauMs = trend.tau.inSeconds * 1000
    options.trendClick = trend.click
    options.trendWatch = trend.watch
    options.popularityTauMs = popularity.tau.inSeconds * 1000
    options.sweepThreshold = trust.sweepChange
    options.decisionMs = reward.explicitWindow.wholeMilliseconds
    options.drift = driftOptions()
    return options
  }

  /// The preset with its switches and the filter.
  func trustPreset() -> TrustPreset {
    var preset = TrustPreset.named(trust.preset.rawValue)!
    let normal = TrustPreset.v2
    preset.filter = trust.filter
    if trust.caps != .preset {
      let isOn = trust.caps == .on
      preset.impressionCap = isOn ? normal.impressionCap : 0
      preset.clickCap = isOn ? normal.clickCap : 0
      preset.completionCap = isOn ? normal.completionCap : 0
    }
    if trust.replacement != .preset { preset.replacesRatings = trust.replacement == .on }
    if trust.gate != .preset { preset.gate = trust.gate == .on ? normal.gate : 0 }
    return preset
  }

  func rewardTable() -> RewardTable {
    if let table = RewardTable.named(rewards.map.rawValue) { return table }
    let names: [String: RewardSignal] = [
      "ignore": .ignore, "view": .view, "click": .click, "watch_partial": .watchPartial,
      "watch_complete": .watchComplete, "skip": .skip, "like": .like, "favorite": .favorite, "share": .share,
      "dislike": .dislike, "purchase": .purchase, "block": .block,
    ]
    var values: [RewardSignal: Double] = [:]
    for pair in rewards.values.pairs { if let signal = names[pair.name] { values[signal] = pair.value } }
    let rate: RewardTable.RateForm =
      switch rewards.rate {
      case .none: .none
      case .signed: .signed
      case .share: .share
      }
    var table = RewardTable(values, rate: rate)
    table.partialIsCompletion = rewards.completion != .none
    table.completeIsCompletion = rewards.completion == .all
    return table
  }

  private func driftOptions() -> DriftOptions {
    var options = DriftOptions()
    options.bucketMs = drift.bucket.wholeMilliseconds
    options.currentBuckets = Int32(drift.current)
    options.hourMs = drift.baselineBucket.wholeMilliseconds
    options.baselineHours = Int32(drift.baseline)
    options.minimumSamples = Int64(drift.minCount)
    options.threshold = drift.threshold
    options.sigmas = drift.sigmas
    options.unjudgedMs = drift.unjudged.wholeMilliseconds
    options.maxBytes = drift.maxBytes.bytes
    return options
  }
}

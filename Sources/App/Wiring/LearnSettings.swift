import Learners
import Options

/// The settings of the folds as the learners take them.
enum LearnSettings {
  static func options(_ settings: Settings) -> LearnOptions {
    var options = LearnOptions()
    options.folds = settings.folds.reduce(into: []) { all, name in
      if let fold = Folds.names.first(where: { $0.0 == name.rawValue }) { all.insert(fold.1) }
    }
    options.trust = trust(settings.trust)
    options.rewards = rewards(settings.rewards)
    let weights = settings.engagement.weights
    options.engagement.completion = weights.completion
    options.engagement.liked = weights.liked
    options.engagement.favorited = weights.favorited
    options.engagement.shared = weights.shared
    options.engagement.skippedEarly = weights.skippedEarly
    options.engagement.pausedFrequently = weights.pausedFrequently
    options.dimension = settings.embedding.dim
    options.vectorForm = settings.vector.form == .unit ? .unit : .plain
    options.vectorDecay = settings.vector.decay
    options.affinitySignal = settings.affinity.signal == .watch ? .watch : .rate
    options.affinityDecay = settings.affinity.decay
    options.affinityHalfLifeMs = settings.affinity.halfLife.milliseconds
    switch settings.history.form {
    case .d5: options.historyForm = .d5
    case .d6: options.historyForm = .d6
    case .d7: options.historyForm = .d7
    }
    options.historyTitles = settings.history.titles
    options.temporalDecay = settings.temporal.decay
    options.sessionIdleMs = settings.session.idle.milliseconds
    options.viewerIdleMs = settings.viewer.idle.milliseconds
    options.trendTauMs = Double(settings.trend.tau.milliseconds)
    options.trendClick = settings.trend.click
    options.trendWatch = settings.trend.watch
    options.popularityTauMs = Double(settings.popularity.tau.milliseconds)
    options.sweepThreshold = settings.trust.sweepChange
    options.drift = drift(settings.drift)
    return options
  }

  private static func trust(_ settings: TrustSettings) -> TrustPreset {
    var preset: TrustPreset =
      switch settings.preset {
      case .v2: .v2
      case .seed: .seed
      case .seedClamped: .seedClamped
      case .w1: .w1
      }
    let strict = TrustPreset.v2
    switch settings.caps {
    case .preset: break
    case .on: (preset.impressionCap, preset.clickCap, preset.completionCap) = (strict.impressionCap, strict.clickCap, strict.completionCap)
    case .off: (preset.impressionCap, preset.clickCap, preset.completionCap) = (0, 0, 0)
    }
    if settings.replacement != .preset { preset.replacesRatings = settings.replacement == .on }
    if settings.gate != .preset { preset.gate = settings.gate == .on ? strict.gate : 0 }
    preset.filter = settings.filter
    return preset
  }

  private static func rewards(_ settings: RewardMapSettings) -> RewardTable {
    switch settings.map {
    case .mediaV1: return .mediaV1
    case .seedS3: return .seedS3
    case .seedS4: return .seedS4
    case .w1: return .w1
    case .table: break
    }
    let names: [String: RewardSignal] = [
      "ignore": .ignore, "view": .view, "click": .click, "watch_partial": .watchPartial,
      "watch_complete": .watchComplete, "skip": .skip, "like": .like, "favorite": .favorite, "share": .share,
      "dislike": .dislike, "purchase": .purchase, "block": .block,
    ]
    var values: [RewardSignal: Double] = [:]
    for pair in settings.values.pairs { if let signal = names[pair.name] { values[signal] = pair.value } }
    let rate: RewardTable.RateForm =
      switch settings.rate {
      case .none: .none
      case .signed: .signed
      case .share: .share
      }
    var table = RewardTable(values, rate: rate)
    table.partialIsCompletion = settings.completion != .none
    table.completeIsCompletion = settings.completion == .all
    return table
  }

  private static func drift(_ settings: DriftSettings) -> DriftOptions {
    var options = DriftOptions()
    options.bucketMs = settings.bucket.milliseconds
    options.currentBuckets = Int32(settings.current)
    options.hourMs = settings.baselineBucket.milliseconds
    options.baselineHours = Int32(settings.baseline)
    options.minimumSamples = Int64(settings.minCount)
    options.threshold = settings.threshold
    options.sigmas = settings.sigmas
    options.unjudgedMs = settings.unjudged.milliseconds
    options.maxBytes = settings.maxBytes.bytes
    return options
  }
}

/// What became of a reward.
public enum Learned: Sendable, Equatable {
  case learned
  /// Learned after it, or a context value, was brought back into range.
  case clamped
  /// Not a number, or a context of the wrong length: nothing changed.
  case refused
}

/// Named arms, a model and a way to explore: what ranks and what learns.
///
/// Any subset of arms may be offered in a decision; a name never seen is an arm without data. Ranking changes
/// nothing. Draws are keyed by (model, decision, slot, arm name), so a replay chooses the same.
public struct Bandit<M: BanditModel>: BanditState, Sendable {
  public private(set) var model: M
  public let scale: ContextScale
  public let exploration: Exploration
  /// Rewards beyond it are clamped and counted.
  public let rewards: ClosedRange<Double>
  public let draws: Draws
  public private(set) var names: [String] = []
  public private(set) var learnedCount: Int64 = 0
  public private(set) var clampedCount: Int64 = 0
  public private(set) var refusedCount: Int64 = 0
  private var index: [String: Int] = [:]
  private var context: [Double]

  public init(
    _ model: M, scale: ContextScale, exploration: Exploration, rewards: ClosedRange<Double> = -1...1,
    key: UInt64 = 0
  ) {
    precondition(scale.dimension == model.dimension || model.dimension == 0, "the scale is that of the model")
    precondition(rewards.lowerBound >= -16 && rewards.upperBound <= 16, "rewards lie within -16...16")
    self.model = model
    self.scale = scale
    self.exploration = exploration
    self.rewards = rewards
    draws = Draws(model: key)
    context = Array(repeating: 0, count: max(1, scale.dimension))
  }

  /// Number of an arm; nil = never learned from.
  public func arm(_ name: String) -> Int? { index[name] }

  /// Number of an arm, made if need be.
  public mutating func named(_ name: String) -> Int {
    if let known = index[name] { return known }
    index[name] = names.count
    names.append(name)
    return names.count - 1
  }

  /// Learns one decision's reward at its event time.
  public mutating func learn(_ arm: String, _ x: [Double], reward: Double, at time: Int64) -> Learned {
    guard let outcome = take(x, reward) else { return .refused }
    let arm = named(arm)
    let reward = clamp(reward)
    swapContext { context, model in model.learn(arm, context, reward: reward, at: time) }
    learnedCount += 1
    return outcome
  }

  /// A decision already learned turned out otherwise: b only. `time` is the decision's own.
  public mutating func correct(_ arm: String, _ x: [Double], from old: Double, to new: Double, at time: Int64)
    -> Learned
  {
    guard old.isFinite, let outcome = take(x, new) else { return .refused }
    let arm = named(arm)
    let (old, new) = (clamp(old), clamp(new))
    swapContext { context, model in model.correct(arm, context, from: old, to: new, at: time) }
    return outcome
  }

  /// Lends the checked context beside the model.
  private mutating func swapContext(_ body: (UnsafePointer<Double>, inout M) -> Void) {
    var lent: [Double] = []
    swap(&lent, &context)
    lent.withUnsafeBufferPointer { body($0.baseAddress!, &model) }
    swap(&lent, &context)
  }

  private func clamp(_ reward: Double) -> Double { min(rewards.upperBound, max(rewards.lowerBound, reward)) }

  /// Checks and copies a context; nil = refused.
  private mutating func take(_ x: [Double], _ reward: Double) -> Learned? {
    guard reward.isFinite, x.count == scale.dimension, x.allSatisfy(\.isFinite) else {
      refusedCount += 1
      return nil
    }
    for i in x.indices { context[i] = x[i] }
    let scale = scale
    var clamped = context.withUnsafeMutableBufferPointer { scale.clamp($0) }
    if !rewards.contains(reward) { clamped += 1 }
    clampedCount += clamped > 0 ? 1 : 0
    return clamped > 0 ? .clamped : .learned
  }

  public mutating func publish(at time: Int64) { model.publish(at: time) }

  /// Adopts a model in which other workers' sums were added.
  public mutating func replace(_ model: M) { self.model = model }

  /// Belief of an arm in a context.
  public func estimate(_ arm: String, _ x: [Double]) -> Estimate {
    x.withUnsafeBufferPointer { model.estimate(index[arm] ?? .max, $0.baseAddress ?? Self.nothing) }
  }

  private static var nothing: UnsafePointer<Double> { UnsafePointer(bitPattern: 8)! }

  /// Ranks candidates into slots, as ``Ranking`` does.
  public func rank(
    _ candidates: [String], contexts: [[Double]], slots: Int, decision: UInt64, propensities: Bool = true
  ) -> [Ranked] {
    Ranking(belief: model, exploration: exploration, draws: draws).rank(
      candidates, numbers: candidates.map { index[$0] ?? .max }, contexts: contexts, slots: slots, decision: decision,
      propensities: propensities)
  }

  public func encode(into bytes: inout [UInt8]) {
    bytes.append(little: UInt64(names.count))
    for name in names { bytes.append(text: name) }
    for count in [learnedCount, clampedCount, refusedCount] { bytes.append(little: UInt64(bitPattern: count)) }
    model.encode(into: &bytes)
  }

  /// Publish afterwards: what is solved is not part of the state.
  public mutating func decode(_ reader: inout StateReader) -> Bool {
    guard let n = reader.word(), n < 1 << 24 else { return false }
    names.removeAll()
    index.removeAll()
    for _ in 0..<n {
      guard let name = reader.text() else { return false }
      _ = named(name)
    }
    guard let counts = reader.words(3) else { return false }
    learnedCount = Int64(bitPattern: counts[0])
    clampedCount = Int64(bitPattern: counts[1])
    refusedCount = Int64(bitPattern: counts[2])
    return model.decode(&reader)
  }
}

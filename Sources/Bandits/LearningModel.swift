import Kernels

/// How a model learns, beside what its readers are told.
public struct LearningOptions: Sendable, Equatable {
  public var spec: ModelSpec
  public var scale: ContextScale
  /// Event time after which a decision weighs half, ms; 0 = never. Of the shared part where there is one.
  public var halfLife: Int64 = 0
  /// The same for residuals; 0 = ``halfLife``.
  public var armHalfLife: Int64 = 0
  /// Arms that get sums of their own; one that comes later is told apart by its context alone.
  public var maxArms = 1024
  /// Rewards beyond it are clamped and counted; within -16...16.
  public var rewards: ClosedRange<Double> = -1...1
  /// Step of the online models.
  public var eta = 0.01

  public init(spec: ModelSpec, scale: ContextScale) {
    self.spec = spec
    self.scale = scale
  }
}

/// A model while it learns on the road: sums alone, solved when a snapshot is taken.
///
/// Sums are integers (format ``Production``), so decisions may arrive in any order, on any shard and twice under
/// `retract`, and leave the same bits; the online baselines step in the order they are told, which the road fixes.
///
/// - Complexity: `learn` O(d²) and no allocation but for a new arm or bucket; `snapshot` O(d³) a changed part.
public struct LearningModel: Sendable {
  public let options: LearningOptions
  private var shared: Sums<Production>
  private var names: [String] = []
  private var index: [String: Int] = [:]
  private var arms: [Sums<Production>] = []
  private var weights: [Double] = []
  /// Decisions learned, with a value brought into range, refused, and of arms beyond ``LearningOptions/maxArms``.
  public private(set) var learned: UInt64 = 0
  public private(set) var clamped: UInt64 = 0
  public private(set) var refused: UInt64 = 0
  public private(set) var armless: UInt64 = 0
  /// Something was learned since the last snapshot.
  public private(set) var isChanged = true
  private var isHeadChanged = true
  private var headRow: UInt32 = 0
  private var prior: Posterior
  private var posteriors: [Posterior?] = []
  private var unsolved: Set<Int> = []
  private var solvedBucket = Int64.min
  private var kept: [Double]

  public init(_ options: LearningOptions) {
    precondition(options.spec.learner == .beta || options.scale.dimension == options.spec.dimension, "one layout")
    precondition(options.rewards.lowerBound >= -16 && options.rewards.upperBound <= 16, "rewards lie within -16...16")
    self.options = options
    shared = Sums(scale: options.scale, halfLife: options.halfLife)
    prior = Posterior(dimension: options.scale.dimension, lambda: options.spec.lambda)
    if options.spec.learner.isOnline { weights = Array(repeating: 0, count: options.scale.dimension) }
    kept = Array(repeating: 0, count: options.scale.dimension)
  }

  public var name: String { options.spec.name }
  /// Arms with sums of their own.
  public var armCount: Int { names.count }
  private var kind: LearnerKind { options.spec.learner }
  private var armScale: ContextScale { kind == .beta ? ContextScale(dimension: 1, limit: 1) : options.scale }
  private var armHalfLife: Int64 { options.armHalfLife > 0 ? options.armHalfLife : options.halfLife }

  /// Learns what an item was worth; `time` is its decision's own.
  public mutating func learn(_ arm: String, _ x: [Double], reward: Double, at time: Int64) {
    guard let reward = take(x, reward) else { return }
    learned += 1
    change(arm, reward, at: time, sign: 1)
  }

  /// Takes a decision out that was learned with this context, reward and time.
  public mutating func retract(_ arm: String, _ x: [Double], reward: Double, at time: Int64) {
    guard let reward = take(x, reward) else { return }
    learned = learned == 0 ? 0 : learned - 1
    if !kind.isOnline { change(arm, reward, at: time, sign: -1) }
  }

  /// A decision already learned was worth something else: b only.
  public mutating func correct(_ arm: String, _ x: [Double], from old: Double, to new: Double, at time: Int64) {
    guard let new = take(x, new) else { return }
    let old = min(options.rewards.upperBound, max(options.rewards.lowerBound, old))
    if kind.isOnline { return step(new - old) }
    if kind.hasShared { shared.correct(kept, from: old, to: new, at: time) }
    guard kind.hasArms, let arm = number(arm) else { return }
    unsolved.insert(arm)
    if kind == .beta {
      var one = 1.0
      arms[arm].correct(&one, from: min(1, max(0, old)), to: min(1, max(0, new)), at: time)
    } else {
      arms[arm].correct(kept, from: old, to: new, at: time)
    }
  }

  private mutating func change(_ arm: String, _ reward: Double, at time: Int64, sign: Int64) {
    if kind.isOnline {
      let sum = Triangle.dot(weights, kept, options.scale.dimension)
      return kind == .linear
        ? step(reward - sum) : step(min(1, max(0, reward)) - 1 / (1 + Elementary.exp(-sum)))
    }
    if kind.hasShared { shared.add(kept, reward: reward, at: time, sign: sign) }
    guard kind.hasArms else { return }
    guard let arm = number(arm) else {
      armless += 1
      return
    }
    unsolved.insert(arm)
    if kind == .beta {
      var one = 1.0
      arms[arm].add(&one, reward: min(1, max(0, reward)), at: time, sign: sign)
    } else {
      arms[arm].add(kept, reward: reward, at: time, sign: sign)
    }
  }

  private mutating func step(_ error: Double) {
    let step = max(-1, min(1, options.eta * error))
    for i in weights.indices { weights[i] += step * kept[i] }
  }

  /// Checks a context and a reward and keeps the context within range; nil = refused.
  private mutating func take(_ x: [Double], _ reward: Double) -> Double? {
    isChanged = true
    isHeadChanged = true
    guard reward.isFinite, kind == .beta || (x.count == kept.count && x.allSatisfy(\.isFinite)) else {
      refused += 1
      return nil
    }
    var outside = options.rewards.contains(reward) ? 0 : 1
    if kind != .beta {
      for i in kept.indices { kept[i] = x[i] }
      outside += kept.withUnsafeMutableBufferPointer { options.scale.clamp($0) }
    }
    if outside > 0 { clamped += 1 }
    return min(options.rewards.upperBound, max(options.rewards.lowerBound, reward))
  }

  private mutating func number(_ arm: String) -> Int? {
    if let known = index[arm] { return known }
    guard names.count < options.maxArms else { return nil }
    index[arm] = names.count
    names.append(arm)
    arms.append(Sums(scale: armScale, halfLife: armHalfLife))
    posteriors.append(nil)
    return names.count - 1
  }

  // MARK: Snapshots

  /// Solves what changed, as of an event time. A function of what was learned alone.
  public mutating func snapshot(asOf time: Int64) -> ModelSnapshot {
    var snapshot = ModelSnapshot(spec: options.spec, asOf: time, decisions: learned, shared: nil, arms: [])
    if kind.isOnline {
      snapshot.shared = .init(weight: Double(learned), theta: weights)
    } else if kind.hasShared {
      prior.solve(shared, at: time)
      snapshot.shared = prior.part
    }
    if kind.hasArms {
      let bucket = Sums<Production>.bucket(of: time, halfLife: armHalfLife)
      if bucket != solvedBucket { unsolved = Set(arms.indices) }
      solvedBucket = bucket
      if kind != .beta { for arm in unsolved.sorted() { solve(arm, at: time) } }
      unsolved.removeAll()
      for arm in names.indices.sorted(by: { names[$0].utf8.lexicographicallyPrecedes(names[$1].utf8) }) {
        snapshot.arms.append(.init(name: names[arm], part: part(arm, at: time)))
      }
    }
    isChanged = false
    return snapshot
  }

  private mutating func solve(_ arm: Int, at time: Int64) {
    let lambda = kind == .hybrid ? options.spec.rho : options.spec.lambda
    var posterior = posteriors[arm] ?? Posterior(dimension: options.scale.dimension, lambda: lambda)
    posterior.solve(arms[arm], at: time)
    posteriors[arm] = posterior
  }

  private func part(_ arm: Int, at time: Int64) -> ModelSnapshot.Part {
    guard kind == .beta else { return posteriors[arm]!.part }
    let (n, wins) = arms[arm].single(at: time)
    return .init(weight: n, theta: [1 + max(0, wins), 1 + max(0, n - wins)])
  }

  /// Of what the last snapshot solved.
  public var health: ModelHealth {
    var health = ModelHealth()
    if kind.hasShared { health.fold(prior) }
    health.byteCount += shared.byteCount + weights.count * 8
    for arm in arms.indices {
      if let posterior = posteriors[arm] { health.fold(posterior) }
      health.byteCount += arms[arm].byteCount
    }
    return health
  }

  // MARK: State

  /// Hands out rows that changed since the last call.
  ///
  /// - Parameters:
  ///   - body: Takes a row's number (0 = it needs one) and bytes, and returns the number.
  ///   - dropped: Rows that nothing stands in any more.
  public mutating func drainChanged(
    _ body: (_ row: UInt32, _ bytes: [UInt8]) -> UInt32, dropped: (UInt32) -> Void
  ) {
    let common = rowHead(nil, isBucket: true)
    for row in shared.takeDroppedRows() { dropped(row) }
    shared.drainChanged { body($0, common + $1) }
    for arm in arms.indices {
      for row in arms[arm].takeDroppedRows() { dropped(row) }
      let own = rowHead(names[arm], isBucket: true)
      arms[arm].drainChanged { body($0, own + $1) }
    }
    guard isHeadChanged else { return }
    isHeadChanged = false
    var bytes = rowHead(nil, isBucket: false)
    for count in [learned, clamped, refused, armless] { bytes.append(little: count) }
    bytes.append(little: UInt64(weights.count))
    bytes.append(weights)
    headRow = body(headRow, bytes)
  }

  private func rowHead(_ arm: String?, isBucket: Bool) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.append(text: options.spec.name)
    bytes.append(text: options.spec.learner.rawValue)
    bytes.append(little: options.spec.fingerprint)
    bytes.append(little: UInt64(bitPattern: options.halfLife))
    bytes.append(little: UInt64(bitPattern: armHalfLife))
    bytes.append(little: arm == nil ? 0 : 1)
    bytes.append(text: arm ?? "")
    bytes.append(little: isBucket ? 1 : 0)
    return bytes
  }

  /// A save failed: everything is to be saved again.
  public mutating func markAllChanged() {
    isHeadChanged = true
    shared.markAllChanged()
    for arm in arms.indices { arms[arm].markAllChanged() }
  }

  /// What became of a stored row.
  public enum Restored: Sendable {
    case taken
    /// Of another model.
    case other
    /// Of this model under another learner, layout or half-life: its sums say nothing here.
    case foreign
    case torn
  }

  /// Takes a stored row back.
  public mutating func restore(_ bytes: [UInt8], row: UInt32) -> Restored {
    var reader = StateReader(bytes)
    guard let name = reader.text(), let learner = reader.text(), let fingerprint = reader.word(),
      let halfLife = reader.word(), let armHalfLife = reader.word(), let hasArm = reader.word(),
      let arm = reader.text(), let isBucket = reader.word()
    else { return .torn }
    guard name == self.name else { return .other }
    guard learner == kind.rawValue, fingerprint == options.spec.fingerprint,
      Int64(bitPattern: halfLife) == options.halfLife, Int64(bitPattern: armHalfLife) == self.armHalfLife
    else { return .foreign }
    isChanged = true
    if isBucket == 0 {
      guard let counts = reader.words(4), let n = reader.word(), n == UInt64(weights.count),
        let weights = reader.doubles(Int(n)), reader.isAtEnd
      else { return .torn }
      (learned, clamped, refused, armless) = (counts[0], counts[1], counts[2], counts[3])
      self.weights = weights
      headRow = row
      isHeadChanged = false
      return .taken
    }
    if hasArm == 0 { return shared.restore(&reader, row: row) && reader.isAtEnd ? .taken : .torn }
    let known = index[arm] ?? names.count
    if known == names.count {
      index[arm] = known
      names.append(arm)
      arms.append(Sums(scale: armScale, halfLife: self.armHalfLife))
      posteriors.append(nil)
    }
    unsolved.insert(known)
    return arms[known].restore(&reader, row: row) && reader.isAtEnd ? .taken : .torn
  }

  // MARK: Dump

  /// One part of what it holds, for comparisons.
  public struct Row: Sendable {
    /// nil = the shared part.
    public var arm: String?
    public var bucket: Int64
    public var count: Int64
    /// Σ r x in steps.
    public var b: [Int64]
    /// xxh3 of Σ x xᵀ.
    public var a: UInt64
  }

  /// Sorted by arm, then bucket; empty parts left out.
  public var rows: [Row] {
    func rows(_ arm: String?, _ sums: Sums<Production>) -> [Row] {
      sums.rows.map { row in
        Row(
          arm: arm, bucket: row.index, count: row.count, b: row.b,
          a: row.a.withUnsafeBytes { xxh3(UnsafeRawBufferPointer($0)) })
      }
    }
    var all = rows(nil, shared)
    for arm in names.indices.sorted(by: { names[$0].utf8.lexicographicallyPrecedes(names[$1].utf8) }) {
      all += rows(names[arm], arms[arm])
    }
    return all
  }

  /// Weights of an online model.
  public var onlineWeights: [Double] { weights }
}

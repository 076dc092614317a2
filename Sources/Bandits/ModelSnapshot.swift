import Kernels

/// Which learner a model is.
public enum LearnerKind: String, Sendable, CaseIterable {
  /// One ridge regression for all arms.
  case shared
  /// A shared regression as prior and a residual per arm.
  case hybrid
  /// One regression per arm, chosen by its upper bound.
  case disjoint
  /// One regression per arm, chosen by a draw.
  case thompson
  /// Beta(1 + Σ r, 1 + Σ (1 - r)) per arm, without contexts.
  case beta
  /// `shared`, chosen by inverse gaps.
  case squarecb
  /// Online gradient steps: the baselines.
  case linear, logistic

  /// It has sums over all arms.
  public var hasShared: Bool { self == .shared || self == .hybrid || self == .squarecb }
  /// It has sums per arm.
  public var hasArms: Bool { self == .hybrid || self == .disjoint || self == .thompson || self == .beta }
  /// It steps along a gradient, in the order of the log.
  public var isOnline: Bool { self == .linear || self == .logistic }
}

/// What a model is told: all of it is part of the snapshot, so that a reader needs nothing else.
public struct ModelSpec: Sendable, Equatable {
  public var name: String
  public var learner: LearnerKind
  /// Name and fingerprint of the layout its contexts have; its number of slots (0 for `beta`).
  public var layout: String
  public var fingerprint: UInt64
  public var dimension: Int
  /// Width of the confidence bound, or v of Thompson's draws.
  public var alpha = 0.3
  public var lambda = 1.0
  /// Precision of a residual (hybrid).
  public var rho = 60.0
  /// Of SquareCB.
  public var gamma = 100.0
  /// Spread evenly over all candidates, so that every propensity is positive.
  public var floor = 0.002

  public init(name: String, learner: LearnerKind, layout: String, fingerprint: UInt64, dimension: Int) {
    self.name = name
    self.learner = learner
    self.layout = layout
    self.fingerprint = fingerprint
    self.dimension = dimension
  }

  public var exploration: Exploration {
    switch learner {
    case .thompson, .beta: .thompson(v: alpha)
    case .squarecb: .squareCB(gamma: gamma)
    case .linear, .logistic: .epsilon(max(0.1, floor), .evenly, .greedy(floor: 0))
    case .shared, .hybrid, .disjoint: .upperConfidence(alpha: alpha, floor: floor)
    }
  }
}

/// A solved model as it is published: versioned, checksummed, complete in itself.
///
/// Bytes, little endian: magic `TWM1`, the ``ModelSpec`` with the version, `asOf`, `decisions`, the shared part, the arms by name, and
/// xxh3 of everything before. A part is its decayed count, theta (Float64) and, where the learner has widths, the
/// lower triangle of A^-1 row by row (Float64 of the shared part, Float32 of arms).
public struct ModelSnapshot: Sendable, Equatable {
  public struct Part: Sendable, Equatable {
    /// Decayed number of decisions.
    public var weight: Double
    /// A^-1 b; of a Beta arm its successes and failures; of an online model its weights.
    public var theta: [Double]
    /// Lower triangle of A^-1, row by row; empty where the learner keeps none.
    public var inverse: [Double]
    public init(weight: Double, theta: [Double], inverse: [Double] = []) {
      self.weight = weight
      self.theta = theta
      self.inverse = inverse
    }
  }
  public struct Arm: Sendable, Equatable {
    public var name: String
    public var part: Part
    public init(name: String, part: Part) {
      self.name = name
      self.part = part
    }
  }
  public enum Fault: Error, Equatable, Sendable {
    /// Not a snapshot of this format.
    case format
    /// The checksum does not match, or it is cut short.
    case torn
  }

  static let magic: UInt32 = 0x314d_5754

  public var spec: ModelSpec
  /// Version under which it was published (lineage, epoch, turn as 24 digits); what serving logs as model_version.
  public var version = ""
  /// Event time up to which it has learned, Unix ms: what decay was applied to.
  public var asOf: Int64
  /// Decisions learned since the state began, undecayed.
  public var decisions: UInt64
  public var shared: Part?
  /// Sorted by name.
  public var arms: [Arm]
  /// Arms that were left out to stay below the largest size.
  public var leftOut: UInt64 = 0

  public init(spec: ModelSpec, asOf: Int64, decisions: UInt64, shared: Part?, arms: [Arm]) {
    self.spec = spec
    self.asOf = asOf
    self.decisions = decisions
    self.shared = shared
    self.arms = arms
  }

  public var encoded: [UInt8] {
    var bytes: [UInt8] = []
    bytes.put(Self.magic)
    for text in [spec.name, spec.learner.rawValue, spec.layout, version] { bytes.append(text: text) }
    bytes.append(little: spec.fingerprint)
    bytes.append(little: UInt64(spec.dimension))
    bytes.append([spec.alpha, spec.lambda, spec.rho, spec.gamma, spec.floor])
    bytes.append(little: UInt64(bitPattern: asOf))
    bytes.append(little: decisions)
    bytes.append(little: leftOut)
    bytes.append(little: shared == nil ? 0 : 1)
    if let shared { Self.write(shared, &bytes, wide: true) }
    bytes.append(little: UInt64(arms.count))
    for arm in arms {
      bytes.append(text: arm.name)
      Self.write(arm.part, &bytes, wide: false)
    }
    let sum = bytes.withUnsafeBytes { xxh3($0) }
    bytes.append(little: sum)
    return bytes
  }

  /// The largest form that fits: arms with the least weight are left out first (of equals the later name), and
  /// counted. nil = not even the shared part fits.
  public func encoded(atMost limit: Int) -> [UInt8]? {
    let whole = encoded
    if whole.count <= limit { return whole }
    var order = arms.indices.sorted {
      (arms[$0].part.weight, arms[$1].name) > (arms[$1].part.weight, arms[$0].name)
    }
    var surplus = whole.count - limit
    while surplus > 0, let least = order.popLast() { surplus -= Self.byteCount(arms[least]) }
    guard surplus <= 0 else { return nil }
    var smaller = self
    smaller.arms = order.sorted().map { arms[$0] }
    smaller.leftOut = leftOut + UInt64(arms.count - smaller.arms.count)
    return smaller.encoded
  }

  public init(decoding bytes: [UInt8]) throws(Fault) {
    guard bytes.count >= 12 else { throw .torn }
    let magic = bytes.withUnsafeBytes { UInt32(littleEndian: $0.loadUnaligned(as: UInt32.self)) }
    guard magic == Self.magic else { throw .format }
    let body = bytes.count - 8
    let sum = bytes.withUnsafeBytes {
      (
        xxh3(UnsafeRawBufferPointer(rebasing: $0[..<body])),
        UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: body, as: UInt64.self))
      )
    }
    guard sum.0 == sum.1 else { throw .torn }
    var reader = StateReader(Array(bytes[4..<body]))
    guard let snapshot = Self.read(&reader), reader.isAtEnd else { throw .format }
    self = snapshot
  }

  private static func read(_ reader: inout StateReader) -> ModelSnapshot? {
    guard let name = reader.text(), let kind = reader.text().flatMap(LearnerKind.init(rawValue:)),
      let layout = reader.text(), let version = reader.text(), let fingerprint = reader.word(),
      let dimension = reader.word(), dimension <= 1024,
      let numbers = reader.doubles(5), let asOf = reader.word(), let decisions = reader.word(),
      let leftOut = reader.word(), let hasShared = reader.word()
    else { return nil }
    var spec = ModelSpec(
      name: name, learner: kind, layout: layout, fingerprint: fingerprint, dimension: Int(dimension))
    (spec.alpha, spec.lambda, spec.rho, spec.gamma, spec.floor) = (
      numbers[0], numbers[1], numbers[2], numbers[3], numbers[4]
    )
    var snapshot = ModelSnapshot(
      spec: spec, asOf: Int64(bitPattern: asOf), decisions: decisions, shared: nil, arms: [])
    snapshot.leftOut = leftOut
    snapshot.version = version
    if hasShared == 1 {
      guard let part = readPart(&reader, wide: true) else { return nil }
      snapshot.shared = part
    }
    guard let count = reader.word(), count < 1 << 32 else { return nil }
    for _ in 0..<count {
      guard let name = reader.text(), let part = readPart(&reader, wide: false) else { return nil }
      snapshot.arms.append(Arm(name: name, part: part))
    }
    return snapshot
  }

  private static func byteCount(_ arm: Arm) -> Int {
    8 + arm.name.utf8.count + 24 + arm.part.theta.count * 8 + (arm.part.inverse.count + 1) / 2 * 8
  }

  private static func write(_ part: Part, _ bytes: inout [UInt8], wide: Bool) {
    bytes.append([part.weight])
    bytes.append(little: UInt64(part.theta.count))
    bytes.append(part.theta)
    bytes.append(little: UInt64(part.inverse.count))
    if wide { return bytes.append(part.inverse) }
    for i in stride(from: 0, to: part.inverse.count, by: 2) {
      let high = i + 1 < part.inverse.count ? Float(part.inverse[i + 1]).bitPattern : 0
      bytes.append(little: UInt64(Float(part.inverse[i]).bitPattern) | UInt64(high) << 32)
    }
  }

  private static func readPart(_ reader: inout StateReader, wide: Bool) -> Part? {
    guard let weight = reader.doubles(1)?[0], let n = reader.word(), n <= 1024,
      let theta = reader.doubles(Int(n)), let m = reader.word(), m <= 1 << 20
    else { return nil }
    if wide { return reader.doubles(Int(m)).map { Part(weight: weight, theta: theta, inverse: $0) } }
    guard let words = reader.words((Int(m) + 1) / 2) else { return nil }
    var inverse: [Double] = []
    inverse.reserveCapacity(words.count * 2)
    for word in words {
      inverse.append(Double(Float(bitPattern: UInt32(truncatingIfNeeded: word))))
      inverse.append(Double(Float(bitPattern: UInt32(truncatingIfNeeded: word >> 32))))
    }
    return Part(weight: weight, theta: theta, inverse: Array(inverse.prefix(Int(m))))
  }
}

extension [UInt8] {
  fileprivate mutating func put(_ value: UInt32) {
    Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
  }
}

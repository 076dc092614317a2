/// How a learner keeps its numbers: the one thing in which the reference form and the production form differ.
///
/// Every learner is generic over it, so both forms are the same code.
public protocol NumberFormat: Sendable {
  /// One entry of a sum (x xᵀ or r x).
  associatedtype Cell: Numeric & Sendable & Equatable
  /// Number of the packed inverse form.
  associatedtype Real: InverseReal
  static var name: String { get }
  /// A context entry, in steps of its slot.
  static func cell(context x: Double, step: Double) -> Cell
  /// A reward, in steps of ``rewardStep``.
  static func cell(reward: Double) -> Cell
  /// The number that so many steps stand for.
  static func value(_ cell: Cell, step: Double) -> Double
  static var rewardStep: Double { get }
  static func bits(_ cell: Cell) -> UInt64
  static func cell(bits: UInt64) -> Cell
}

/// Everything in Double: the reference. Order of arrival shows in its last bits.
public enum Exact: NumberFormat {
  public typealias Cell = Double
  public typealias Real = Double
  public static var name: String { "double" }
  public static func cell(context x: Double, step: Double) -> Double { x }
  public static func cell(reward: Double) -> Double { reward }
  public static func value(_ cell: Double, step: Double) -> Double { cell }
  public static var rewardStep: Double { 1 }
  public static func bits(_ cell: Double) -> UInt64 { cell.bitPattern }
  public static func cell(bits: UInt64) -> Double { Double(bitPattern: bits) }
}

/// Contexts rounded to int16, rewards to 2^-16, sums in int64: free of order and mergeable to the bit.
///
/// An entry of x xᵀ is at most 2^30 steps, one of r x at most 2^35 (|r| <= 16): room for 2^28 decisions of the
/// largest size in one bucket.
public enum Production: NumberFormat {
  public typealias Cell = Int64
  public typealias Real = Float
  public static var name: String { "production" }
  @inline(__always) public static func cell(context x: Double, step: Double) -> Int64 {
    Int64(max(-32767, min(32767, (x / step).rounded(.toNearestOrEven))))
  }
  public static func cell(reward: Double) -> Int64 { Int64((reward * 65536).rounded(.toNearestOrEven)) }
  @inline(__always) public static func value(_ cell: Int64, step: Double) -> Double { Double(cell) * step }
  public static var rewardStep: Double { 1.0 / 65536 }
  public static func bits(_ cell: Int64) -> UInt64 { UInt64(bitPattern: cell) }
  public static func cell(bits: UInt64) -> Int64 { Int64(bitPattern: bits) }
}

/// Range of every slot of a context: a constant of the layout.
///
/// Steps are powers of two, so that what was rounded multiplies back without a further error.
public struct ContextScale: Sendable, Equatable {
  /// Largest magnitude per slot; beyond it a value is clamped and counted.
  public let limits: [Double]
  /// Width of one int16 step per slot.
  public let steps: [Double]

  public init(limits: [Double]) {
    var steps: [Double] = []
    for limit in limits {
      precondition(limit > 0 && limit.isFinite, "a slot's range is positive and finite")
      steps.append(
        Double(sign: .plus, exponent: limit.exponent + (limit.significand > 1 ? 1 : 0), significand: 1) / 32768)
    }
    self.limits = limits
    self.steps = steps
  }

  public init(dimension: Int, limit: Double) { self.init(limits: Array(repeating: limit, count: dimension)) }

  public var dimension: Int { limits.count }

  /// Clamps in place; how many values lay outside.
  public func clamp(_ x: UnsafeMutableBufferPointer<Double>) -> Int {
    var clamped = 0
    for i in 0..<limits.count where abs(x[i]) > limits[i] {
      x[i] = x[i] < 0 ? -limits[i] : limits[i]
      clamped += 1
    }
    return clamped
  }
}

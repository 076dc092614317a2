import Kernels

/// Random numbers that are functions of what they decide: nothing is kept, a replay repeats them.
///
/// A draw is keyed by (model, decision, slot, arm, turn); the key is mixed by SplitMix64's finaliser once per part.
public struct Draws: Sendable {
  public let model: UInt64
  public init(model: UInt64) { self.model = model }

  @inline(__always)
  static func mix(_ value: UInt64) -> UInt64 {
    var z = value &+ 0x9e37_79b9_7f4a_7c15
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }

  @inline(__always)
  public func bits(decision: UInt64, slot: Int, arm: UInt64, turn: UInt64 = 0) -> UInt64 {
    var z = Draws.mix(model)
    z = Draws.mix(z ^ decision)
    z = Draws.mix(z ^ UInt64(truncatingIfNeeded: slot))
    z = Draws.mix(z ^ arm)
    return Draws.mix(z ^ turn)
  }

  /// In (0, 1), never an end.
  @inline(__always)
  public func uniform(decision: UInt64, slot: Int, arm: UInt64, turn: UInt64 = 0) -> Double {
    (Double(bits(decision: decision, slot: slot, arm: arm, turn: turn) >> 11) + 0.5) * 0x1p-53
  }

  /// Standard normal.
  public func normal(decision: UInt64, slot: Int, arm: UInt64, turn: UInt64 = 0) -> Double {
    Elementary.normalQuantile(uniform(decision: decision, slot: slot, arm: arm, turn: turn))
  }
}

extension Draws {
  /// Gamma(shape, 1) for shape >= 1, by rejection: draw after draw of one key until one is taken.
  ///
  /// - SeeAlso: Marsaglia & Tsang 2000.
  func gamma(_ shape: Double, decision: UInt64, slot: Int, arm: UInt64, turn: UInt64) -> Double {
    let d = shape - 1.0 / 3
    let c = 1 / (9 * d).squareRoot()
    var attempt = Draws.mix(turn)
    while true {
      let x = normal(decision: decision, slot: slot, arm: arm, turn: attempt)
      let u = uniform(decision: decision, slot: slot, arm: arm, turn: attempt &+ 1)
      attempt &+= 2
      let v = (1 + c * x) * (1 + c * x) * (1 + c * x)
      if v > 0, Elementary.ln(u) < 0.5 * x * x + d - d * v + d * Elementary.ln(v) { return d * v }
    }
  }

  /// Beta(a, b) for a, b >= 1.
  func beta(_ a: Double, _ b: Double, decision: UInt64, slot: Int, arm: UInt64, turn: UInt64) -> Double {
    let x = gamma(a, decision: decision, slot: slot, arm: arm, turn: turn &* 2)
    let y = gamma(b, decision: decision, slot: slot, arm: arm, turn: turn &* 2 &+ 1)
    return x / (x + y)
  }
}

/// A seeded sequence (SplitMix64) for benches and shuffles.
public struct SplitMix: RandomNumberGenerator, Sendable {
  private var state: UInt64
  public init(seed: UInt64) { state = seed }
  public mutating func next() -> UInt64 {
    defer { state &+= 0x9e37_79b9_7f4a_7c15 }
    return Draws.mix(state)
  }
  /// In [0, 1).
  public mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }
  public mutating func below(_ n: Int) -> Int { Int(next() % UInt64(n)) }
  public mutating func shuffle(_ order: inout ArraySlice<Int>) {
    guard order.count > 1 else { return }
    for i in stride(from: order.endIndex - 1, to: order.startIndex, by: -1) {
      order.swapAt(i, order.startIndex + below(i - order.startIndex + 1))
    }
  }
}

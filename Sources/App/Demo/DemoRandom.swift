/// Counter-based draws: the same seed and counter give the same number, whatever was drawn before.
struct DemoRandom {
  private let seed: UInt64
  private var counter: UInt64 = 0

  init(_ seed: UInt64) { self.seed = seed }

  /// SplitMix64's finaliser over seed and counter.
  static func bits(_ seed: UInt64, _ counter: UInt64) -> UInt64 {
    var z = seed &+ (counter &+ 1) &* 0x9e37_79b9_7f4a_7c15
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }

  mutating func next() -> UInt64 {
    counter += 1
    return Self.bits(seed, counter)
  }
  /// In [0, 1).
  mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }
  mutating func below(_ n: Int) -> Int { Int(next() % UInt64(max(1, n))) }
  /// Roughly normal, mean 0, deviation 1: twelve units less six.
  mutating func normal() -> Double { (0..<12).reduce(0.0) { sum, _ in sum + unit() } - 6 }
}

import Glibc

/// Beliefs about one number each, independent of one another, and the chance that each is the largest.
enum Belief {
  case normal(mean: Double, deviation: Double)
  case beta(Double, Double)

  var range: (low: Double, high: Double) {
    switch self {
    case .normal(let mean, let deviation): (mean - 9 * deviation, mean + 9 * deviation)
    case .beta: (0, 1)
    }
  }

  func density(_ x: Double) -> Double {
    switch self {
    case .normal(let mean, let deviation):
      let z = (x - mean) / deviation
      return exp(-0.5 * z * z) / (deviation * 2.5066282746310002)
    case .beta(let a, let b):
      if x < 0 || x > 1 { return 0 }
      if x == 0 { return a == 1 ? b : 0 }
      if x == 1 { return b == 1 ? a : 0 }
      return exp((a - 1) * log(x) + (b - 1) * log1p(-x) - Belief.logBeta(a, b))
    }
  }

  func below(_ x: Double) -> Double {
    switch self {
    case .normal(let mean, let deviation): return 0.5 * erfc((mean - x) / (deviation * 1.4142135623730951))
    case .beta(let a, let b): return Belief.incompleteBeta(a, b, x)
    }
  }

  /// Where it is likely to change: mean and a few deviations around it.
  var knots: [Double] {
    let (centre, width): (Double, Double)
    switch self {
    case .normal(let mean, let deviation): (centre, width) = (mean, deviation)
    case .beta(let a, let b): (centre, width) = (a / (a + b), (a * b / ((a + b) * (a + b) * (a + b + 1))).squareRoot())
    }
    return [-6, -4, -3, -2, -1, 0, 1, 2, 3, 4, 6].map { centre + $0 * width }
  }

  static func logBeta(_ a: Double, _ b: Double) -> Double { lgamma(a) + lgamma(b) - lgamma(a + b) }

  /// Regularised incomplete beta function by Lentz's continued fraction.
  static func incompleteBeta(_ a: Double, _ b: Double, _ x: Double) -> Double {
    if x <= 0 { return 0 }
    if x >= 1 { return 1 }
    if x > (a + 1) / (a + b + 2) { return 1 - incompleteBeta(b, a, 1 - x) }
    var c = 1.0
    var d = 1 - (a + b) * x / (a + 1)
    if abs(d) < 1e-300 { d = 1e-300 }
    d = 1 / d
    var fraction = d
    for m in 1...500 {
      let n = Double(m)
      for numerator in [
        n * (b - n) * x / ((a + 2 * n - 1) * (a + 2 * n)), -(a + n) * (a + b + n) * x / ((a + 2 * n) * (a + 2 * n + 1)),
      ] {
        d = 1 + numerator * d
        if abs(d) < 1e-300 { d = 1e-300 }
        c = 1 + numerator / c
        if abs(c) < 1e-300 { c = 1e-300 }
        d = 1 / d
        fraction *= d * c
      }
      if abs(d * c - 1) < 1e-15 { break }
    }
    return exp(a * log(x) + b * log1p(-x) - logBeta(a, b)) / a * fraction
  }

  /// Probability that each is the largest, by one-dimensional quadrature to 1e-6; they sum to 1 and none is 0.
  static func winners(_ beliefs: [Belief]) -> [Double] {
    if beliefs.count == 1 { return [1] }
    let knots = beliefs.flatMap(\.knots)
    var shares: [Double] = []
    for (own, belief) in beliefs.enumerated() {
      let (low, high) = belief.range
      func integrand(_ x: Double) -> Double {
        var value = belief.density(x)
        if value < 1e-300 { return 0 }
        for (other, rival) in beliefs.enumerated() where other != own { value *= rival.below(x) }
        return value
      }
      var cuts = knots.filter { $0 > low && $0 < high } + [low, high]
      cuts.sort()
      var total = 0.0
      for (a, b) in zip(cuts, cuts.dropFirst()) where b > a {
        total += simpson(integrand, a, b, tolerance: 1e-8 / Double(cuts.count))
      }
      shares.append(max(1e-12, total))
    }
    let sum = shares.reduce(0, +)
    return shares.map { $0 / sum }
  }

  private static func simpson(_ f: (Double) -> Double, _ a: Double, _ b: Double, tolerance: Double) -> Double {
    func refine(
      _ a: Double, _ fa: Double, _ b: Double, _ fb: Double, _ m: Double, _ fm: Double, _ whole: Double,
      _ tolerance: Double, _ depth: Int
    ) -> Double {
      let l = (a + m) / 2
      let r = (m + b) / 2
      let fl = f(l)
      let fr = f(r)
      let left = (m - a) / 6 * (fa + 4 * fl + fm)
      let right = (b - m) / 6 * (fm + 4 * fr + fb)
      let error = left + right - whole
      if depth == 0 || abs(error) <= 15 * tolerance { return left + right + error / 15 }
      return refine(a, fa, m, fm, l, fl, left, tolerance / 2, depth - 1)
        + refine(m, fm, b, fb, r, fr, right, tolerance / 2, depth - 1)
    }
    let m = (a + b) / 2
    let (fa, fb, fm) = (f(a), f(b), f(m))
    return refine(a, fa, b, fb, m, fm, (b - a) / 6 * (fa + 4 * fm + fb), tolerance, 24)
  }
}

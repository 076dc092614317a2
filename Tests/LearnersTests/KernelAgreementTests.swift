import Foundation
import Kernels
import Testing

@testable import Learners

struct KernelAgreementTests {
  /// Numbers from a fixed generator (SplitMix64), with awkward magnitudes among them.
  private func numbers(_ count: Int, seed: UInt64) -> [Float] {
    var state = seed
    return (0..<count).map { _ in
      state &+= 0x9e37_79b9_7f4a_7c15
      var z = state
      z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
      z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
      let unit = Float(Int64(bitPattern: z ^ (z >> 31)) >> 11) / 4_503_599_627_370_496
      return unit * [1, 1e-20, 1e6, Float(bitPattern: 2_140_900)][Int(z & 3)]
    }
  }

  @Test(arguments: VectorKernels.all.indices, [1, 3, 15, 16, 17, 64, 100, 128, 512, 515])
  func `every variant gives the bits of the plain loop`(_ variant: Int, _ count: Int) {
    let (kernels, plain) = (VectorKernels.all[variant], VectorKernels.all.last!)
    let c = numbers(count, seed: 7)
    var a = numbers(count, seed: UInt64(count))
    var b = a
    #expect(kernels.dot(a, c, count: count).bitPattern == plain.dot(b, c, count: count).bitPattern)
    for step in 0..<20 {
      let scale = Float(step - 10) * 0.0513
      kernels.ema(&a, toward: c, decay: 0.95, scale: scale, count: count)
      plain.ema(&b, toward: c, decay: 0.95, scale: scale, count: count)
      let left = kernels.emaUnit(&a, toward: c, decay: 0.9, scale: 0.3 * scale, count: count)
      let right = plain.emaUnit(&b, toward: c, decay: 0.9, scale: 0.3 * scale, count: count)
      #expect(left.bitPattern == right.bitPattern)
      kernels.add(c, times: scale, to: &a, count: count)
      plain.add(c, times: scale, to: &b, count: count)
    }
    #expect(a.map(\.bitPattern) == b.map(\.bitPattern))
    let others = (0..<7).map { numbers(count, seed: UInt64(100 + $0)) }
    let places = others.map { other -> UnsafePointer<Float>? in
      let place = UnsafeMutablePointer<Float>.allocate(capacity: count)
      place.initialize(from: other, count: count)
      return UnsafePointer(place)
    }
    defer { for place in places { place?.deallocate() } }
    let scales: [Float] = [0.1, -3, 1e-30, 7.7, 0.513, 1, 2e5]
    kernels.add(places, times: scales, of: 7, to: &a, count: count)
    for (other, scale) in zip(others, scales) { plain.add(other, times: scale, to: &b, count: count) }
    #expect(a.map(\.bitPattern) == b.map(\.bitPattern))
  }

  @Test(arguments: VectorKernels.all.indices) func `decays have the bits of the exponential`(_ variant: Int) {
    let from = 1_763_697_600_123.0
    let taus: [Double] = [1, 28_800_000, 2_592_000_000]
    for tau in taus {
      for count in [1, 7, 8, 9, 100] {
        let step = 0.07 * tau
        let times: [Double] = (0..<count).map { (index: Int) -> Double in
          let age = (Double(index * index) * step).rounded()
          return from - age
        }
        var decays = times
        VectorKernels.all[variant].decays(&decays, from: from, tau: tau, count: count)
        for (time, decay) in zip(times, decays) {
          #expect(decay.bitPattern == Elementary.exp((time - from) / tau).bitPattern)
        }
      }
    }
  }

  @Test func `the nearest whole number is the library's, ties to even`() {
    for step in -20_000...20_000 {
      for x in [Double(step) / 4, Double(step) * 0.837_261, Double(step) * 1e5 + 0.5, Double(step) * 1e-7] {
        #expect(Elementary.nearest(x) == x.rounded(.toNearestOrEven))
      }
    }
  }

  @Test func `a zero vector stays zero when made a unit`() {
    var u = [Float](repeating: 0, count: 20)
    #expect(VectorKernels.best.emaUnit(&u, toward: u, decay: 0.95, scale: 1, count: 20) == 0)
    #expect(u.allSatisfy { $0 == 0 })
  }

  @Test func `finding from the end meets the last of equal values`() {
    let list: [UInt32] = (0..<100).map { UInt32($0 % 40) }
    for value in 0..<45 {
      let expected = list.lastIndex(of: UInt32(value)) ?? -1
      #expect(findLast(UInt32(value), in: list, count: list.count) == expected)
    }
    let cells: [UInt64] = list.map { UInt64($0) << 16 | 9 }
    #expect(findLast(UInt64(7), shift: 16, in: cells, count: cells.count) == 87)
    #expect(findLast(UInt64(77), shift: 16, in: cells, count: cells.count) == -1)
  }

  @Test func `exp, exp2 and ln agree with the library to the last bits`() {
    var worst = (exp: 0.0, exp2: 0.0, ln: 0.0)
    for index in 0..<200_000 {
      let x = Double(index - 100_000) * 0.00703
      let e = Foundation.exp(x)
      if e > 1e-300 && e < 1e300 { worst.exp = max(worst.exp, abs(Elementary.exp(x) - e) / e.ulp) }
      let y = Double(index - 100_000) * 0.00997
      let p = Foundation.exp2(y)
      if p > 1e-300 && p < 1e300 { worst.exp2 = max(worst.exp2, abs(Elementary.exp2(y) - p) / p.ulp) }
      let z = Double(index + 1) * 0.000_37
      let l = Foundation.log(z)
      worst.ln = max(worst.ln, abs(Elementary.ln(z) - l) / l.ulp)
    }
    #expect(worst.exp <= 1 && worst.exp2 <= 1 && worst.ln <= 1)
  }

  @Test func `edges of exp and ln`() {
    #expect(Elementary.exp(0) == 1 && Elementary.exp2(10) == 1024 && Elementary.exp2(-3) == 0.125)
    #expect(Elementary.exp(-800) == 0 && Elementary.exp(710) == .infinity && Elementary.exp(.nan).isNaN)
    #expect(Elementary.exp(-740) > 0 && Elementary.exp2(1023) == 0x1p1023)
    #expect(Elementary.ln(0) == -.infinity && Elementary.ln(-1).isNaN && Elementary.ln(1) == 0)
    #expect(abs(Elementary.ln(Double.leastNonzeroMagnitude) - Foundation.log(Double.leastNonzeroMagnitude)) < 1e-12)
    #expect(Elementary.power(0.95, 0) == 1 && abs(Elementary.power(0.95, 100) - Foundation.pow(0.95, 100)) < 1e-16)
  }
}

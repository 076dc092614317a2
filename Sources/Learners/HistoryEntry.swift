import Kernels

/// What a history entry weighs; its title stands in a list of its own, which is scanned. Kept as ``HistoryCell``.
struct HistoryEntry: BitwiseCopyable {
  /// Event time, unix ms.
  var time: Int64
  /// (r - 1) / 4 of a rating, else the engagement of a watch.
  var weight: Float
  /// Version of the catalog row in bits 0-30, bit 31 = a rating.
  var version: UInt32

  var isRated: Bool { version >> 31 != 0 }
  var catalogVersion: UInt32 { version & TitleFacts.noVersion }
}

// MARK: Which one leaves

extension HistoryEntry {
  /// Index of the entry of least decayed weight; of equals the older, then the first by `isBefore`. -1 of none.
  ///
  /// All are weighed roughly, by logarithms read off their floats; only those that may be the least, a handful of 256,
  /// by the exponential that decides.
  static func least(
    of entries: UnsafeMutableBufferPointer<HistoryCell>, at time: Int64, tauMs: Double,
    isBefore: (_ a: Int, _ b: Int) -> Bool
  ) -> Int {
    let scale = 1.44269504088896340736 / tauMs
    var lowest = Double.infinity
    for cell in entries { lowest = min(lowest, cell.entry.roughLogarithm(at: time, scale)) }
    var least = -1
    var leastWeight = Double.infinity
    for index in entries.indices {
      let entry = entries[index].entry
      guard entry.roughLogarithm(at: time, scale) <= lowest + roughness else { continue }
      let weight = Double(entry.weight) * Elementary.exp(-Double(time - entry.time) / tauMs)
      if least < 0 || weight < leastWeight {
        (least, leastWeight) = (index, weight)
      } else if weight == leastWeight {
        let held = entries[least].entry
        if entry.time < held.time || entry.time == held.time && isBefore(index, least) { least = index }
      }
    }
    return least
  }

  /// Logarithm to base 2 of the weight decayed until `time`, at most ``roughness`` too low; -infinity where the weight
  /// is so small that only the exact one tells.
  ///
  /// A positive float's bits, taken as a whole number, are 127 plus that logarithm in units of 2^-23, with a straight
  /// line between powers of 2.
  @inline(__always)
  private func roughLogarithm(at time: Int64, _ scale: Double) -> Double {
    let value = Double(weight.bitPattern) * 0x1p-23 - 127 - Double(time - self.time) * scale
    return weight >= .leastNormalMagnitude && value > -900 ? value : -.infinity
  }
  /// A little over the most a chord of the logarithm lies below it, .0861.
  private static let roughness = 0.09
}

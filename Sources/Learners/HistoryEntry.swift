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
  ///
  /// - Complexity: about half a ns an entry.
  static func least(
    of entries: UnsafeMutableBufferPointer<HistoryCell>, at time: Int64, tauMs: Double,
    isBefore: (_ a: Int, _ b: Int) -> Bool
  ) -> Int {
    var scale = Scale(entries: entries, time: time, tauMs: tauMs)
    withUnsafeTemporaryAllocation(of: UInt16.self, capacity: 64) { places in
      let found = lightest(of: entries, at: time, tauMs: tauMs, places)
      if found >= 0 {
        for place in 0..<found { scale.weigh(Int(places[place]), isBefore) }
      } else {
        for index in entries.indices { scale.weigh(index, isBefore) }
      }
    }
    return scale.least
  }

  /// Weighs one entry after another by the exponential and remembers which was least.
  struct Scale {
    let entries: UnsafeMutableBufferPointer<HistoryCell>
    let time: Int64
    let tauMs: Double
    private(set) var least = -1
    private var leastWeight = Double.infinity

    init(entries: UnsafeMutableBufferPointer<HistoryCell>, time: Int64, tauMs: Double) {
      self.entries = entries
      self.time = time
      self.tauMs = tauMs
    }

    @inline(__always)
    mutating func weigh(_ index: Int, _ isBefore: (_ a: Int, _ b: Int) -> Bool) {
      let entry = entries[index].entry
      let weight = Double(entry.weight) * Elementary.exp(-Double(time - entry.time) / tauMs)
      if least < 0 || weight < leastWeight {
        (least, leastWeight) = (index, weight)
      } else if weight == leastWeight {
        let held = entries[least].entry
        if entry.time < held.time || entry.time == held.time && isBefore(index, least) { least = index }
      }
    }
  }

  /// Places of those that may weigh least, ascending; how many, -1 where only the exponential tells.
  private static func lightest(
    of entries: UnsafeMutableBufferPointer<HistoryCell>, at time: Int64, tauMs: Double,
    _ places: UnsafeMutableBufferPointer<UInt16>
  ) -> Int {
    guard let rate = rate(tauMs: tauMs) else { return -1 }
    return lightestCells(
      UnsafeRawBufferPointer(entries), at: time, rate: rate, floor: floor, slack: roughness, places)
  }

  /// Of a logarithm to base 2, lost in 256 ms, in units of 2^-48; nil = a time constant below 7 hours does not fit.
  static func rate(tauMs: Double) -> UInt32? {
    let lost = 1.44269504088896340736 / tauMs * 256
    return UInt32(exactly: (lost * 0x1p48).rounded())
  }

  /// Logarithm below which the exponential loses digits, as `ck_lightest.h` counts.
  static let floor: Int32 = (127 - 900) << 16

  /// In units of 2^-16: the logarithms' error, 88, what rounding decay and times adds on either side, 5, and some more.
  static let roughness: Int32 = 128
}

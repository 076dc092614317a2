import Foundation
import Testing

@testable import Learners

/// Which entry of a full history leaves: held against weighing every entry by Foundation's exponential.
struct HistoryEntryTests {
  private let tau = 30.0 * 86_400_000

  private func least(_ entries: [HistoryEntry], at time: Int64) -> Int {
    var cells = entries.map { HistoryCell($0) }
    return cells.withUnsafeMutableBufferPointer {
      HistoryEntry.least(of: $0, at: time, tauMs: tau) { $0 > $1 }
    }
  }

  @Test func `the entry of least decayed weight is found among thousands of random histories`() {
    var random = SystemRandomNumberGenerator()
    for _ in 0..<3000 {
      let now: Int64 = 1_700_000_000_000
      let entries = (0..<Int.random(in: 1...257, using: &random)).map { _ in
        HistoryEntry(
          time: now - Int64.random(in: -1000...90 * 86_400_000, using: &random),
          weight: Float.random(in: 0...1, using: &random), version: 1)
      }
      let weights = entries.map { Double($0.weight) * Foundation.exp(-Double(now - $0.time) / tau) }
      let found = weights[least(entries, at: now)]
      #expect(found <= weights.min()! * (1 + 1e-12))
    }
  }

  @Test func `no weight, the smallest floats and ages beyond the exponential are weighed exactly`() {
    let now: Int64 = 1_700_000_000_000
    func entry(_ weight: Float, days: Int64) -> HistoryEntry {
      HistoryEntry(time: now - days * 86_400_000, weight: weight, version: 1)
    }
    #expect(least([entry(1, days: 0), entry(0, days: 0), entry(0.001, days: 60)], at: now) == 1)
    let tiny = Float.leastNonzeroMagnitude
    let smallest = [entry(tiny * 7e4, days: 0), entry(tiny * 7e6, days: 300), entry(tiny * 7e7, days: 0)]
    #expect(least(smallest, at: now) == 1)
    // Both weigh exactly nothing after 2,000 and 700 time constants: the older leaves.
    #expect(least([entry(0.5, days: 21_000), entry(0.5, days: 60_000), entry(0.5, days: 1)], at: now) == 1)
    #expect(least([entry(0.5, days: 60_000), entry(0.5, days: 24_000), entry(0.5, days: 1)], at: now) == 0)
  }

  @Test func `many that may weigh least, long histories and strange times are weighed too`() {
    let now: Int64 = 1_700_000_000_000
    func entry(_ weight: Float, _ time: Int64) -> HistoryEntry { HistoryEntry(time: time, weight: weight, version: 1) }
    let alike = (0..<200).map { entry(0.5 + Float(($0 * 37) % 200) * 1e-5, now) }
    #expect(least(alike, at: now) == 0)
    let long = (0..<1500).map { entry(1 - Float($0 % 1400) * 1e-4, now - Int64($0)) }
    #expect(least(long, at: now) == 1399)
    let strange = [entry(0.5, -(1 << 47)), entry(0.5, 1 << 47 - 1), entry(.infinity, now), entry(0.25, now)]
    #expect(least(strange, at: now) == 0)
    #expect(least([entry(0.5, now + 5), entry(0.25, now)], at: .max) == 1)
  }

  @Test func `an entry comes back from its fourteen bytes as it was`() {
    for time: Int64 in [0, 1, 1_794_211_200_123, -5, 1 << 47 - 1, -(1 << 47)] {
      for (weight, version) in [(Float(0.1), UInt32.max), (-0.0, 0), (.leastNonzeroMagnitude, 0x8000_1234)] {
        let entry = HistoryCell(HistoryEntry(time: time, weight: weight, version: version)).entry
        #expect(entry.time == time && entry.version == version)
        #expect(entry.weight.bitPattern == weight.bitPattern)
      }
    }
    #expect(HistoryCell(HistoryEntry(time: .max, weight: 1, version: 1)).entry.time == 1 << 47 - 1)
  }

  @Test func `of equals the older leaves, then the first by name`() {
    let now: Int64 = 1_700_000_000_000
    let same = HistoryEntry(time: now, weight: 0.25, version: 1)
    #expect(least([same, same, same], at: now) == 2)  // names fall with the index here
    #expect(least([], at: now) == -1)
  }
}

import Kernels
import Ports

/// Checksums of all stored rows, and per table their sum: what the manifest vouches for.
///
/// A row that was changed fails its own checksum; one that was lost, kept from an earlier save or moved
/// fails the sum. Costs a dictionary entry per row.
struct StateRoot {
  private var sums: [[UInt32: UInt64]]
  private(set) var totals: [UInt64]

  init() {
    sums = Array(repeating: [:], count: StateTable.allCases.count)
    totals = Array(repeating: 0, count: StateTable.allCases.count)
  }

  /// xxh3 of the body, seeded by where the row stands.
  static func sum(_ table: StateTable, _ slot: UInt32, _ body: UnsafeRawBufferPointer) -> UInt64 {
    xxh3(body, seed: UInt64(table.rawValue) << 32 | UInt64(slot))
  }

  /// Sets a row's checksum, nil = the row is gone; what it replaces.
  @discardableResult
  mutating func set(_ table: StateTable, _ slot: UInt32, _ sum: UInt64?) -> UInt64? {
    let index = Int(table.rawValue)
    let old = sum.map { sums[index].updateValue($0, forKey: slot) } ?? sums[index].removeValue(forKey: slot)
    totals[index] = totals[index] &- (old ?? 0) &+ (sum ?? 0)
    return old
  }

  var isEmpty: Bool { sums.allSatisfy(\.isEmpty) }

  /// Rows and sum of every table, little endian: 16 bytes each.
  var bytes: [UInt8] {
    var bytes: [UInt8] = []
    for table in StateTable.allCases.indices {
      bytes.put(UInt64(sums[table].count))
      bytes.put(totals[table])
    }
    return bytes
  }

  /// Checksum of a manifest: its body, the sums it vouches for, its number and its format.
  static func seal(_ body: UnsafeRawBufferPointer, root: UnsafeRawBufferPointer, generation: Int64, format: Int64)
    -> UInt64
  {
    xxh3(body, seed: xxh3(root, seed: UInt64(bitPattern: generation) &* 31 &+ UInt64(bitPattern: format)))
  }
}

import Kernels
import Ports

/// What the latest writes put into hashes, by a 64-bit fingerprint a field, so that the next write of a row leaves out
/// the fields that would say the same: of twenty or thirty fields of a viewer or a title half change with an event.
///
/// A cache: one place a key, the latest stays. A row that is renewed is written whole, so that a field that somebody else
/// changed or took out is right again then; a row that is gone altogether is known by Redis' answer, which counts fields
/// that are new.
///
/// - Complexity: about 10 ns a field, 25 MB where many rows are busy.
struct WrittenFields: ~Copyable {
  /// Most fields of a row that is remembered; the longest is a title's, of 34.
  static let most = 46
  /// Rows of fewer fields change whole.
  private static let least = 5
  private static let places = 1 << 16

  private struct Head {
    var key: UInt64
    var fields: UInt64
  }
  private static let stride = MemoryLayout<Head>.size + most * 8

  private let base: UnsafeMutableRawPointer
  /// Part of every key's hash: with the next one nothing noted so far is found.
  private var generation: UInt64 = 1

  init() { base = Pages.allocate(Self.places * Self.stride) }

  deinit { Pages.free(base, Self.places * Self.stride) }

  struct Row {
    /// A bit for each of its fields that must be written.
    var changed: UInt64
    /// The row stands in Redis, with every field it has.
    var isPartial: Bool
  }

  /// Notes a write of a row that is about to be made.
  ///
  /// - Returns: nil = all of its fields must be in it, and the row may be new.
  mutating func note(_ row: FeatureCursor) -> Row? {
    guard row.fieldCount >= Self.least, row.fieldCount <= Self.most else {
      // It may have had another length before.
      forget(row.key)
      return nil
    }
    let key = xxh3(row.key, seed: generation)
    let place = place(key)
    let head = place.load(as: Head.self)
    let isKnown = head.key == key && Int(head.fields) == row.fieldCount && row.operation == .put
    let fingerprints = (place + MemoryLayout<Head>.size).assumingMemoryBound(to: UInt64.self)
    var changed: UInt64 = 0
    var isPartial = isKnown
    var fields = row
    for field in 0..<row.fieldCount {
      let (name, value) = fields.nextField()
      guard !name.isEmpty else {
        isPartial = true
        if !isKnown { fingerprints[field] = 0 }
        continue
      }
      let fingerprint = xxh3(value, seed: xxh3(name))
      if !isKnown || fingerprints[field] != fingerprint { changed |= 1 << UInt64(field) }
      fingerprints[field] = fingerprint
    }
    place.storeBytes(of: Head(key: key, fields: UInt64(row.fieldCount)), as: Head.self)
    return Row(changed: changed, isPartial: isPartial)
  }

  /// A key was deleted.
  mutating func forget(_ key: UnsafeRawBufferPointer) {
    let key = xxh3(key, seed: generation)
    if place(key).load(as: UInt64.self) == key { place(key).storeBytes(of: 0, as: UInt64.self) }
  }

  /// What stands in Redis is not known any more.
  mutating func forgetAll() { generation += 1 }

  private func place(_ key: UInt64) -> UnsafeMutableRawPointer {
    base + (Int(truncatingIfNeeded: key) & (Self.places - 1)) * Self.stride
  }
}

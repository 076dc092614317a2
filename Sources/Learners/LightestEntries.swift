import Kernels

/// The lightest entries of one full history: who may leave next, without looking at all of it. 112 bytes.
///
/// Decay takes the same from every entry, so their order by weight does not change with time, and whoever was not among
/// the lightest when all were looked at is not among them later, unless its weight was set anew. Kept are logarithms
/// (`ck_lightest.h`) as they stand 2^30 units of 256 ms after ``base``, and a bound that no other entry lies below. An
/// eviction weighs the few that are within the logarithms' error of the lowest; where that error reaches the bound, all
/// are looked at again. What leaves is what ``HistoryEntry/least(of:at:tauMs:isBefore:)`` says, to the bit, so nothing
/// of this is saved.
///
/// - Complexity: about 30 ns an eviction, and one look at all entries in ten.
struct LightestEntries: BitwiseCopyable {
  private static let room = 16
  /// How far a time may lie from ``base``, in units of 256 ms.
  private static let reach: Int64 = 1 << 30

  /// Time of the look at all, in units of 256 ms.
  private var base: Int64 = 0
  /// No entry that is not kept lies below.
  private var bound: Int32 = 0
  /// 0 = nothing is known.
  private var count: Int32 = 0
  private var keys: [16 of Int32] = .init(repeating: 0)
  private var places: [16 of UInt16] = .init(repeating: 0)

  /// What was known holds no longer.
  mutating func forget() { count = 0 }

  /// Looks at all entries.
  mutating func learn(_ entries: UnsafeMutableBufferPointer<HistoryCell>, at time: Int64, rate: UInt32) {
    var keys = keys
    var places = places
    let found = withUnsafeMutableBytes(of: &keys) { keys in
      withUnsafeMutableBytes(of: &places) { places in
        lightestFew(
          UnsafeRawBufferPointer(entries), at: time, rate: rate, floor: HistoryEntry.floor,
          keys.assumingMemoryBound(to: Int32.self).baseAddress.unsafelyUnwrapped,
          places.assumingMemoryBound(to: UInt16.self).baseAddress.unsafelyUnwrapped, room: Self.room)
      }
    }
    self.keys = keys
    self.places = places
    base = time >> 8
    bound = found == entries.count ? .max : found > 0 ? keys[found - 1] : 0
    count = Int32(found)
  }

  /// The entry that leaves; nil = not to be told without looking at all.
  func least(
    of entries: UnsafeMutableBufferPointer<HistoryCell>, at time: Int64, tauMs: Double, rate: UInt32,
    isBefore: (_ a: Int, _ b: Int) -> Bool
  ) -> Int? {
    guard count > 0 else { return nil }
    var lowest = Int32.max
    for at in 0..<Int(count) { lowest = min(lowest, keys[at]) }
    let limit = Int64(lowest) + Int64(HistoryEntry.roughness)
    let past = time >> 8 - base
    guard limit < Int64(bound), past.magnitude <= UInt64(Self.reach) else { return nil }
    // Where weights vanish the exponential, not the logarithm, says which are equal.
    let isFar = Int64(lowest) + Int64(rate >> 2) - (past * Int64(rate)) >> 32 < Int64(HistoryEntry.floor)
    guard !isFar else { return nil }
    var scale = HistoryEntry.Scale(entries: entries, time: time, tauMs: tauMs)
    for at in 0..<Int(count) where Int64(keys[at]) <= limit { scale.weigh(Int(places[at]), isBefore) }
    return scale.least
  }

  /// An entry was put at a place, new or instead of another.
  mutating func put(_ cell: HistoryCell, at place: Int, rate: UInt32) {
    guard count > 0 else { return }
    take(place)
    guard let key = key(cell.entry, rate) else { return forget() }
    guard key < bound else { return }
    if count < Int32(Self.room) {
      keys[Int(count)] = key
      places[Int(count)] = UInt16(truncatingIfNeeded: place)
      count += 1
      return
    }
    // Whoever is not kept from now on lies at the new bound.
    var heaviest = 0
    for at in 1..<Self.room where keys[at] > keys[heaviest] { heaviest = at }
    bound = max(key, keys[heaviest])
    guard key < keys[heaviest] else { return }
    keys[heaviest] = key
    places[heaviest] = UInt16(truncatingIfNeeded: place)
  }

  /// The entry at a place left, and the last one moved into its place.
  mutating func remove(_ place: Int, last: Int) {
    take(place)
    for at in 0..<Int(count) where Int(places[at]) == last { places[at] = UInt16(truncatingIfNeeded: place) }
  }

  private mutating func take(_ place: Int) {
    for at in 0..<Int(count) where Int(places[at]) == place {
      count -= 1
      keys[at] = keys[Int(count)]
      places[at] = places[Int(count)]
      return
    }
  }

  /// The logarithm, with the same roundings; nil = it has none.
  private func key(_ entry: HistoryEntry, _ rate: UInt32) -> Int32? {
    let bits = entry.weight.bitPattern
    let age = base + Self.reach - entry.time >> 8
    guard bits &- 0x0080_0000 < 1 << 30, age >= 0, age < 2 * Self.reach, entry.time >= 0 else { return nil }
    return Int32(truncatingIfNeeded: Int64(logarithm(ofFloat: bits)) - (age * Int64(rate)) >> 32)
  }
}

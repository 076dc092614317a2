import Kernels

/// Where a genre stands in a layout's `affinity` block: listed ones have a slot of their own, the others share by hash
/// what is left. The road and who serves must agree on it.
public struct GenreSlots: Sendable {
  private let own: [String: Int]
  private let count: Int

  /// - Parameter genres: In the order of their slots; those beyond the block have none of their own.
  public init(_ layout: ContextLayout, genres: [String]) {
    count = layout.range("affinity")?.count ?? 0
    own = Dictionary(genres.prefix(count).enumerated().map { ($1, $0) }) { first, _ in first }
  }

  /// The block's length, which no slot has, where none is left for it.
  public func slot(_ genre: String) -> Int {
    if let slot = own[genre] { return slot }
    let spare = count - own.count
    return spare > 0 ? own.count + Int(fnv1a(genre) % UInt64(spare)) : count
  }
}

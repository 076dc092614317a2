extension ContextLayout {
  /// A name per slot, `block` or `block:part`, for people.
  ///
  /// - Parameter genres: Names of the genre slots, in their order.
  public func slotNames(genres: [String] = []) -> [String] {
    blocks.flatMap { block -> [String] in
      let parts = block.partNames(genres)
      guard block.count > 1 else { return [block.name] }
      return (0..<block.count).map { "\(block.name):\($0 < parts.count ? parts[$0] : "\($0)")" }
    }
  }
}

extension ContextBlock {
  fileprivate func partNames(_ genres: [String]) -> [String] {
    switch source {
    case .affinityGenre: genres
    case .trust: ["source", "metadata", "availability", "quality", "preference", "overall"]
    case .clock: ["hour sin", "hour cos", "day sin", "day cos"]
    case .season: ["winter", "spring", "summer", "autumn"]
    case .device: ["tv", "mobile", "web", "other"]
    case .screen: ["mobile", "tv", "web", "tablet"]
    case .dayPart: ["0-6", "6-12", "12-18", "18-24"]
    case .session: ["length", "views", "interactions", "conversions", "bounce", "position"]
    case .mood: ["light", "intense", "thoughtful", "relaxing", "exciting"]
    case .companions: ["family", "date", "friends", "alone"]
    case .traits: ["diversity", "exploration", "recency"]
    case .profile(let range), .content(let range): range.map(String.init)
    default: []
    }
  }
}

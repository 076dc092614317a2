import Events

/// Weights of a watch's engagement (D3): a sum of what it shows, held in [0, 1].
public struct EngagementWeights: Sendable, Equatable {
  public var completion = 0.4
  public var liked = 0.2
  public var favorited = 0.2
  public var shared = 0.2
  public var skippedEarly = 0.3
  public var pausedFrequently = 0.2

  public init() {}

  public func score(
    completion share: Double, liked isLiked: Bool, favorited isFavorited: Bool, shared isShared: Bool,
    skippedEarly isSkipped: Bool, pausedFrequently isPaused: Bool
  ) -> Double {
    var sum = completion * clamp01(share)
    if isLiked { sum += liked }
    if isFavorited { sum += favorited }
    if isShared { sum += shared }
    if isSkipped { sum -= skippedEarly }
    if isPaused { sum -= pausedFrequently }
    return clamp01(sum)
  }
}

@inline(__always)
func clamp01(_ value: Double) -> Double { min(1, max(0, value)) }

extension Event {
  /// Share of a title that this watch covers, 0-1: own durations, else the catalog's runtime, else the rate it
  /// carries, else its completed flag; nil when none of them is there.
  @inline(__always)
  public func completion(runtimeMinutes: Double) -> Double? {
    if duration >= 0 {
      if total > 0 { return min(1, duration / total) }
      if runtimeMinutes > 0 { return min(1, duration / (runtimeMinutes * 60)) }
    }
    if rate >= 0 { return min(1, rate) }
    if flags.contains(.completedSet) { return flags.contains(.completed) ? 1 : 0 }
    return nil
  }
}

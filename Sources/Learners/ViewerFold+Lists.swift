import Events
import Kernels

/// Flags that an interaction sets on a title and `undo` clears.
enum TitleFlag: UInt64 {
  case like = 1
  case favorite = 2
  case share = 4
  case block = 8

  init?(_ action: Action) {
    switch action {
    case .like: self = .like
    case .favorite: self = .favorite
    case .share: self = .share
    case .block: self = .block
    default: return nil
    }
  }
}

/// The viewer's short memories: caps, ratings, flags (bounds of decision 39; the oldest leaves).
extension ViewerFold {
  /// What is capped per viewer, title and UTC day: 5 bits each in a cell.
  enum Capped: UInt64 {
    case impressions = 0
    case clicks = 5
    case completions = 10
  }

  /// Counts against the cap; false (and counted) if it is reached.
  mutating func isWithinCap(
    _ row: UnsafeMutablePointer<ViewerRow>, _ event: UnsafePointer<Event>, _ title: UInt32, _ what: Capped,
    _ tally: inout Tally
  ) -> Bool {
    let limit: UInt16
    switch what {
    case .impressions: limit = options.trust.impressionCap
    case .clicks: limit = options.trust.clickCap
    case .completions: limit = options.trust.completionCap
    }
    guard limit > 0 else { return true }
    let day = UInt64(UInt16(truncatingIfNeeded: utcDay(event.pointee.time)))
    let key = UInt64(title) << 16 | day
    let found = findLast(key, shift: 16, in: UnsafePointer(row.caps.base), count: row.caps.count)
    if found >= 0 {
      let cell = row.caps[found]
      guard (cell >> what.rawValue) & 31 < UInt64(limit) else {
        tally.add(.overCap)
        return false
      }
      row.caps[found] = cell + (1 << what.rawValue)
      return true
    }
    if row.caps.count >= options.capDays { row.caps.removeFirst() }
    row.caps.append((key << 16) | (1 << what.rawValue))
    return true
  }

  /// Remembers a rating as the latest; the one it replaces, in half stars.
  mutating func replaceRating(_ row: UnsafeMutablePointer<ViewerRow>, _ title: UInt32, _ half: Int32) -> Int32? {
    let found = findLast(
      UInt64(title), shift: 32, in: UnsafePointer(row.ratings.base), count: row.ratings.count)
    var old: Int32?
    if found >= 0 {
      old = Int32(truncatingIfNeeded: row.ratings[found])
      row.ratings.remove(at: found)
    } else if row.ratings.count >= options.ratedTitles {
      row.ratings.removeFirst()
    }
    row.ratings.append(UInt64(title) << 32 | UInt64(half))
    return old
  }

  mutating func setFlag(_ row: UnsafeMutablePointer<ViewerRow>, _ title: UInt32, _ flag: TitleFlag, on: Bool) {
    row.pointee.change(.memory)
    let found = findLast(
      UInt64(title), shift: 32, in: UnsafePointer(row.flags.base), count: row.flags.count)
    if found >= 0 {
      let cell = on ? row.flags[found] | flag.rawValue : row.flags[found] & ~flag.rawValue
      if cell & 15 == 0 {
        row.flags.remove(at: found)
      } else {
        row.flags[found] = cell
      }
    } else if on {
      if row.flags.count >= options.flaggedTitles { row.flags.removeFirst() }
      row.flags.append(UInt64(title) << 32 | flag.rawValue)
    }
  }

  mutating func flags(_ row: UnsafeMutablePointer<ViewerRow>, of title: UInt32) -> UInt64 {
    guard !row.flags.isEmpty else { return 0 }
    let found = findLast(
      UInt64(title), shift: 32, in: UnsafePointer(row.flags.base), count: row.flags.count)
    return found >= 0 ? row.flags[found] & 15 : 0
  }

  /// D3; liked, favorited, shared are the event's own fields, else what earlier interactions set.
  mutating func engagement(_ row: UnsafeMutablePointer<ViewerRow>, _ event: UnsafePointer<Event>, _ completion: Double)
    -> Double
  {
    let kept = flags(row, of: event.pointee.title)
    let flags = event.pointee.flags
    let isSkipped =
      flags.contains(.skippedEarlySet)
      ? flags.contains(.skippedEarly) : flags.contains(.endedByUser) && completion < 0.10
    var isPaused = flags.contains(.pausedOften)
    if !flags.contains(.pausedOftenSet), event.pointee.pauseCount > 0 {
      let hours = (event.pointee.duration >= 0 ? event.pointee.duration : 0) / 3600
      isPaused = Double(event.pointee.pauseCount) / max(hours, 1.0 / 6) > 6
    }
    return options.engagement.score(
      completion: completion,
      liked: flags.contains(.likedSet) ? flags.contains(.liked) : kept & TitleFlag.like.rawValue != 0,
      favorited: flags.contains(.favoritedSet) ? flags.contains(.favorited) : kept & TitleFlag.favorite.rawValue != 0,
      shared: flags.contains(.sharedSet) ? flags.contains(.shared) : kept & TitleFlag.share.rawValue != 0,
      skippedEarly: isSkipped, pausedFrequently: isPaused)
  }
}

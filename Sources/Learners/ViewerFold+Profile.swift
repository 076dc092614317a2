import Events
import Kernels

/// Genre affinities, history, histograms, contexts.
extension ViewerFold {
  /// D2: per distinct genre of the title w <- decay w + (1 - decay) e, and its time-aware twin.
  mutating func feel(
    _ row: UnsafeMutablePointer<ViewerRow>, _ event: UnsafePointer<Event>, _ facts: UnsafePointer<TitleFacts>,
    _ signal: Double
  ) {
    guard options.folds.contains(.affinity) else { return }
    row.pointee.change(.affinities)
    for genre in facts.pointee.genreSymbols {
      var index = 0
      let count = row.affinities.count
      while index < count, row.affinities[index].genre != genre { index += 1 }
      if index == count { row.affinities.append(Affinity(timed: signal, at: event.pointee.time, genre: genre)) }
      var affinity = row.affinities[index]
      affinity.raw = options.affinityDecay * affinity.raw + (1 - options.affinityDecay) * signal
      if affinity.updates > 0 {
        let age = Double(max(0, event.pointee.time - affinity.at)) / Double(options.affinityHalfLifeMs)
        affinity.timed += (1 - Elementary.exp2(-age)) * (signal - affinity.timed)
        affinity.at = max(affinity.at, event.pointee.time)
      }
      affinity.updates += 1
      row.affinities[index] = affinity
    }
  }

  /// One entry a title: a rating replaces it, a watch only while the title is not rated. Over the bound the entry of
  /// least decayed weight leaves, then the older, then by id.
  mutating func remember(
    _ row: UnsafeMutablePointer<ViewerRow>, _ event: UnsafePointer<Event>, _ facts: UnsafePointer<TitleFacts>,
    _ weight: Float, isRated: Bool
  ) {
    let found = findLast(
      event.pointee.title, in: UnsafePointer(row.historyTitles.base), count: row.historyTitles.count)
    if found >= 0, !isRated, row.history[found].entry.isRated { return }
    row.pointee.historyMark = 0
    let entry = HistoryEntry(
      time: event.pointee.time, weight: weight, version: facts.pointee.version | (isRated ? 1 << 31 : 0))
    if options.historyForm == .d7 { accumulate(row, event.pointee.viewer, facts, weight) }
    if found >= 0 {
      row.history[found] = HistoryCell(entry)
      lightest.put(HistoryCell(entry), at: found, of: event.pointee.viewer)
      return
    }
    row.historyTitles.append(event.pointee.title)
    row.history.append(HistoryCell(entry))
    let count = row.history.count
    guard count > options.historyTitles else { return lightest.forget(event.pointee.viewer) }
    lightest.put(HistoryCell(entry), at: count - 1, of: event.pointee.viewer)
    forget(row, event.pointee.viewer, at: event.pointee.time)
  }

  /// D7: S <- decay S + w e, W <- decay W + w.
  private mutating func accumulate(
    _ row: UnsafeMutablePointer<ViewerRow>, _ slot: UInt32, _ facts: UnsafePointer<TitleFacts>, _ weight: Float
  ) {
    guard let vector = facts.pointee.vector, let sums = table.sums else { return }
    kernels.ema(
      sums.vector(slot), toward: vector, decay: Float(options.historyDecay), scale: weight, count: table.stride)
    row.pointee.s.historyWeight = options.historyDecay * row.pointee.s.historyWeight + Double(weight)
    row.pointee.s.historyCount += 1
  }

  private mutating func forget(_ row: UnsafeMutablePointer<ViewerRow>, _ slot: UInt32, at time: Int64) {
    let titles = row.historyTitles.values
    let least = lightest.least(of: row.history.values, slot, at: time) {
      ids.titles.bytes(titles[$0]).lexicographicallyPrecedes(ids.titles.bytes(titles[$1]))
    }
    row.historyTitles.swapRemove(at: least)
    row.history.swapRemove(at: least)
  }

  /// D8: hours and weekdays of watches, local by the event's own offset, else UTC.
  mutating func clock(_ row: UnsafeMutablePointer<ViewerRow>, _ event: UnsafePointer<Event>) {
    row.pointee.change(.histograms)
    let local = event.pointee.time + (event.pointee.tzMinutes == .min ? 0 : Int64(event.pointee.tzMinutes) * 60_000)
    let day = utcDay(local)
    let hour = Int((local - day * 86_400_000) / 3_600_000)
    let weekday = Int(((day + 3) % 7 + 7) % 7)
    let decay = Float(options.temporalDecay)
    for index in 0..<31 { row.pointee.s.histogram[index] *= decay }
    let gain = Float(1 - options.temporalDecay)
    row.pointee.s.histogram[hour] += gain
    row.pointee.s.histogram[24 + weekday] += gain
  }

  /// Counts of what contexts say: mood, companions, device, platform.
  mutating func count(_ row: UnsafeMutablePointer<ViewerRow>, _ event: UnsafePointer<Event>) {
    if event.pointee.mood > 0, event.pointee.mood <= 6 { row.count(Counted.moods + UInt32(event.pointee.mood) - 1) }
    if event.pointee.companions > 0, event.pointee.companions <= 4 {
      row.count(Counted.companions + UInt32(event.pointee.companions) - 1)
    }
    if event.pointee.device != .unset { row.count(Counted.devices + UInt32(event.pointee.device.rawValue)) }
    if event.pointee.platform != 0 { row.count(UInt32(event.pointee.platform)) }
  }
}

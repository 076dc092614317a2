import Events

/// What a viewer's row remembers beyond its features, for dumps: everything that later events are judged by.
extension ViewerTable {
  /// Gives out one object `memory`. Titles and genres by name, lists in the order that decides what leaves first.
  public func memory(_ slot: UInt32, ids: Identities, into sink: inout some FeatureSink) {
    let row = rows.row(slot)
    sink.beginObject("memory")
    history(row, ids, into: &sink)
    pairs("flags", row.flags, ids, into: &sink)
    pairs("ratings", row.ratings, ids, into: &sink)
    sink.beginList("caps")
    for cell in row.caps.values {
      sink.beginList("")
      sink.text("", ids.titles.text(UInt32(cell >> 32)))
      sink.integer("", Int64(cell >> 16 & 0xffff))
      sink.integer("", Int64(cell & 0xffff))
      sink.end()
    }
    sink.end()
    decisions(row, ids, into: &sink)
    sink.beginObject("affinity_updates")
    let affinities = row.affinities.values.map { (ids.symbols[$0.genre], $0.updates, $0.at) }
    for (name, updates, at) in affinities.sorted(by: { $0.0 < $1.0 }) {
      sink.beginList(name)
      sink.integer("", Int64(updates))
      sink.integer("", at)
      sink.end()
    }
    sink.end()
    if row.pointee.previousReward != 0 { sink.number("previous_reward", Double(row.pointee.previousReward)) }
    sink.integer("bounces", Int64(row.pointee.s.bounces))
    sink.integer("explored_shown", Int64(row.pointee.s.exploredShown))
    sink.integer("explored_accepted", Int64(row.pointee.s.exploredAccepted))
    sink.end()
  }

  private func history(_ row: UnsafeMutablePointer<ViewerRow>, _ ids: Identities, into sink: inout some FeatureSink) {
    sink.beginList("history")
    for (title, cell) in zip(row.historyTitles.values, row.history.values) {
      let entry = cell.entry
      sink.beginList("")
      sink.text("", ids.titles.text(title))
      sink.integer("", entry.time)
      sink.number("", Double(entry.weight))
      sink.flag("", entry.isRated)
      sink.end()
    }
    sink.end()
  }

  private func pairs(_ name: String, _ cells: ViewerList<UInt64>, _ ids: Identities, into sink: inout some FeatureSink)
  {
    sink.beginList(name)
    for cell in cells.values {
      sink.beginList("")
      sink.text("", ids.titles.text(UInt32(cell >> 32)))
      sink.integer("", Int64(cell & 0xffff_ffff))
      sink.end()
    }
    sink.end()
  }

  private func decisions(_ row: UnsafeMutablePointer<ViewerRow>, _ ids: Identities, into sink: inout some FeatureSink) {
    var item = 0
    sink.beginList("decisions")
    for decision in row.decisions.values {
      sink.beginList("")
      sink.text("", String(decision.hash, radix: 16))
      sink.integer("", decision.time)
      sink.integer("", Int64(decision.kinds))
      for shown in row.shown.values[item..<(item + Int(decision.items))] {
        sink.text("", ids.titles.text(shown.title))
        sink.integer("", Int64(shown.position))
        sink.integer("", (shown.isExplored ? 1 : 0) + (shown.isAccepted ? 2 : 0))
      }
      item += Int(decision.items)
      sink.end()
    }
    sink.end()
  }
}

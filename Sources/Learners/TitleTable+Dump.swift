import Events

/// What a title's row remembers beyond its features, for dumps.
extension TitleTable {
  /// Gives out one object `memory`: voters of the last two days and the moments that timers compare with.
  public func memory(_ slot: UInt32, into sink: inout some FeatureSink) {
    let row = rows.row(slot)
    sink.beginObject("memory")
    sink.integer("compared_at", row.pointee.s.comparedAt)
    sink.integer("completion_units", row.pointee.s.completionUnits)
    sink.integer("first_event", row.pointee.s.firstEvent)
    sink.integer("previous_event", row.pointee.s.previousEvent)
    sink.beginList("votes")
    let days = [row.pointee.votes.0, row.pointee.votes.1].filter { $0.day != .min }
    for day in days.sorted(by: { $0.day < $1.day }) {
      sink.beginList("")
      sink.integer("", day.day)
      for voter in day.voters.sorted { sink.text("", String(voter, radix: 16)) }
      sink.end()
    }
    sink.end()
    sink.end()
  }
}

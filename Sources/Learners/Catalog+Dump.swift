import Events

/// Rows of the catalog, for dumps.
extension Catalog {
  /// Gives out what the catalog says of a title now; earlier versions show in the vectors of those who saw them.
  public func features(_ slot: UInt32, ids: Identities, into sink: inout some FeatureSink) {
    let facts = self.facts.row(slot)
    sink.text("title", facts.pointee.title)
    sink.flag("official", facts.pointee.isOfficial)
    sink.integer("year", Int64(facts.pointee.year))
    sink.number("runtime_minutes", facts.pointee.runtimeMinutes)
    sink.number("cross_validation", facts.pointee.validation)
    sink.number("field_completeness", facts.pointee.completeness)
    sink.number("uptime", facts.pointee.uptime)
    sink.integer("last_updated", facts.pointee.lastUpdated)
    sink.beginList("genres")
    for name in facts.pointee.genreSymbols.map({ ids.symbols[$0] }).sorted() { sink.text("", name) }
    sink.end()
    sink.beginList("platforms")
    for symbol in facts.pointee.platformSymbols { sink.text("", ids.symbols[symbol]) }
    sink.end()
    if let vector = facts.pointee.vector {
      sink.vector("embedding", UnsafeBufferPointer(start: vector, count: dimension))
    }
  }
}

import Events

/// Metric windows, alerts and genre trends, for dumps.
extension MetricFold {
  /// Calls back once per scope, by name, in no order: `global`, `genre/G`, `content/C`; what it gives out there are
  /// its series.
  public func eachScope(ids: Identities, _ body: (String, UInt32) -> Void) {
    body("global", global)
    for (symbol, node) in genres.values.enumerated() where node != .max {
      body("genre/" + ids.symbols[UInt16(symbol)], node)
    }
    for (slot, node) in titles.values.enumerated() where node != .max {
      body("content/" + ids.titles.text(UInt32(slot)), node)
    }
  }

  /// The three series of a scope: cells `[index, count, sum, squares]`, oldest first, and the alert.
  public func series(of node: UInt32, into sink: inout some FeatureSink) {
    let series = nodes.row(node).pointee.series
    for (name, own) in [("ctr", series.0), ("completion_rate", series.1), ("average_rating", series.2)] {
      sink.beginObject(name)
      cells("recent", own.recent, into: &sink)
      cells("hours", own.hours, into: &sink)
      sink.integer("fired_at", own.firedAt)
      sink.integer("judged_at", own.judgedAt)
      sink.integer("direction", Int64(own.direction))
      sink.integer("kind", Int64(own.kind))
      sink.end()
    }
  }

  /// Genres that have a trend: name, decayed sum and the time it stands at, unix ms.
  public func eachGenreTrend(ids: Identities, _ body: (String, Double, Int64) -> Void) {
    for (symbol, trend) in genreTrends.values.enumerated() where trend.at != 0 {
      body(ids.symbols[UInt16(symbol)], trend.sum, trend.at)
    }
  }

  private func cells(_ name: String, _ run: Run<MetricCell>, into sink: inout some FeatureSink) {
    sink.beginList(name)
    for cell in run.values {
      sink.beginList("")
      sink.integer("", Int64(cell.index))
      sink.integer("", Int64(cell.count))
      sink.integer("", cell.sum)
      sink.integer("", cell.squares)
      sink.end()
    }
    sink.end()
  }
}

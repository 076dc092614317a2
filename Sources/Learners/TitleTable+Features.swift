import Events

/// Features of a title by their names (`conventions` of the stories, decision 33).
extension TitleTable {
  /// Gives out everything, time-dependent values as of `time`; raw terms stand beside them, so that a reader can
  /// decay by itself.
  public func features(
    _ slot: UInt32, asOf time: Int64, catalog: Catalog, options: LearnOptions, into sink: inout some FeatureSink
  ) {
    let row = rows.row(slot)
    let facts = catalog.title(slot)
    let preset = options.trust
    sink.integer("impressions", row.pointee.s.impressions)
    sink.integer("clicks", row.pointee.s.clicks)
    sink.integer("completions", row.pointee.s.completions)
    sink.integer("rating_count", row.pointee.s.ratingCount)
    sink.integer("rating_sum_half_stars", row.pointee.s.ratingHalfStars)
    sink.number("avg_rating", row.pointee.averageRating)
    sink.integer("available", row.pointee.s.available)
    sink.integer("unavailable", row.pointee.s.unavailable)
    sink.integer("user_corrections", row.pointee.s.corrections)
    sink.integer("last_updated", row.pointee.lastUpdated(facts.pointee))
    if row.pointee.s.lastCheck == .min {
      sink.null("last_check")
    } else {
      sink.integer("last_check", row.pointee.s.lastCheck)
    }
    if options.folds.contains(.trust) {
      let score = row.pointee.trust(at: time, facts.pointee, preset)
      sink.number("source_reliability", score.source)
      sink.number("metadata_accuracy", score.metadata)
      sink.number("availability_confidence", score.availability)
      sink.number("quality", score.quality)
      sink.number("preference_confidence", score.preference)
      sink.number("overall", score.overall)
      sink.integer("evidence", row.pointee.evidence)
      sink.flag("unproven", row.pointee.evidence < preset.gate)
      sink.flag("passes_filter", score.overall >= preset.filter)
      sink.number("uptime", facts.pointee.uptime.isNaN ? preset.defaultUptime : facts.pointee.uptime)
      sink.flag("official", facts.pointee.isOfficial)
      sink.flag("deep_link", row.pointee.deepLink)
    }
    if options.folds.contains(.trend) {
      sink.number("trend", row.pointee.trend(at: time, options))
      sink.number("trend_raw", row.pointee.s.trend)
      sink.integer("trend_at", row.pointee.s.trendAt)
      sink.number("popularity", row.pointee.popularity(at: time, options))
      sink.number("popularity_raw", row.pointee.s.popularity)
      sink.integer("popularity_at", row.pointee.s.popularityAt)
    }
    sink.integer("watches", row.pointee.s.watches)
    sink.number("completion_mean", row.pointee.completionMean)
    if row.pointee.hasEvents { sink.integer("last_event", row.pointee.s.lastEvent) } else { sink.null("last_event") }
    sink.integer("updated_at", row.pointee.s.changedAt)
  }
}

/// A field of the envelope that a mapping can set and a decoder reads.
enum Field: UInt8, CaseIterable {
  // Every event.
  case schema, eventID, timestamp, userID, contentID, decisionID, sessionID, position, device, platform, tzOffset
  case context, mood, companions, contextDevice, sessionPosition, hour, dayOfWeek, timeAvailable, bounceRate
  case experiment
  // Watch.
  case duration, total, completionRate, completed, pauseCount, endedByUser, quality, liked, favorited, shared
  case skippedEarly, pausedOften, phase
  // Click, rate, interaction.
  case surface, timeToFeedback, rating, scale, reviewLength, action, undo
  // Impression, decision.
  case items, policy, modelVersion, features, featureScale, slotRows, deferred, op
  // Availability.
  case available, region, source, deepLinkValidated, checkedAt
  // Search.
  case query, resultsShown, resultsClicked, queryReformulations
  // Preference.
  case deviceID, genreScores, activeHours, activeDays, preferredPlatforms, contentRestrictions, averageWatch
  case survey, surveyAnswers
  // Catalog and source.
  case title, contentType, year, genres, runtimeMinutes, platforms, embedding, crossValidation, fieldCompleteness
  case isOfficial, lastUpdated
  case sourceID, uptime, official, window

  /// Path of the member that holds it in our envelope, and its name in a mapping and in `thalweg.field`.
  var name: String {
    switch self {
    case .schema: "schema"
    case .eventID: "event_id"
    case .timestamp: "timestamp"
    case .userID: "user_id"
    case .contentID: "content_id"
    case .decisionID: "decision_id"
    case .sessionID: "session_id"
    case .position: "position"
    case .device: "device"
    case .platform: "platform"
    case .tzOffset: "tz_offset_minutes"
    case .context: "context"
    case .mood: "context.mood"
    case .companions: "context.viewing_companions"
    case .contextDevice: "context.device_type"
    case .sessionPosition: "context.session.position"
    case .hour: "context.hour"
    case .dayOfWeek: "context.day_of_week"
    case .timeAvailable: "context.time_available_minutes"
    case .bounceRate: "context.session.bounce_rate"
    case .experiment: "experiment"
    case .duration: "duration_seconds"
    case .total: "total_duration_seconds"
    case .completionRate: "completion_rate"
    case .completed: "completed"
    case .pauseCount: "pause_count"
    case .endedByUser: "ended_by_user"
    case .quality: "quality"
    case .liked: "liked"
    case .favorited: "favorited"
    case .shared: "shared"
    case .skippedEarly: "skipped_early"
    case .pausedOften: "paused_frequently"
    case .phase: "phase"
    case .surface: "surface"
    case .timeToFeedback: "time_to_feedback_ms"
    case .rating: "rating"
    case .scale: "scale"
    case .reviewLength: "review_length"
    case .action: "action"
    case .undo: "undo"
    case .items: "items"
    case .policy: "policy"
    case .modelVersion: "model_version"
    case .features: "x"
    case .featureScale: "x_scale"
    case .slotRows: "p_slots"
    case .deferred: "deferred"
    case .op: "op"
    case .available: "available"
    case .region: "region"
    case .source: "source"
    case .deepLinkValidated: "deep_link_validated"
    case .checkedAt: "checked_at"
    case .query: "query"
    case .resultsShown: "results_shown"
    case .resultsClicked: "results_clicked"
    case .queryReformulations: "query_reformulations"
    case .deviceID: "device_id"
    case .genreScores: "genre_scores"
    case .activeHours: "active_hours"
    case .activeDays: "active_days"
    case .preferredPlatforms: "preferred_platforms"
    case .contentRestrictions: "content_restrictions"
    case .averageWatch: "avg_watch_duration_minutes"
    case .survey: "survey"
    case .surveyAnswers: "survey_answers"
    case .title: "title"
    case .contentType: "content_type"
    case .year: "year"
    case .genres: "genres"
    case .runtimeMinutes: "runtime_minutes"
    case .platforms: "platforms"
    case .embedding: "embedding"
    case .crossValidation: "cross_validation_score"
    case .fieldCompleteness: "field_completeness"
    case .isOfficial: "is_official_source"
    case .lastUpdated: "last_updated"
    case .sourceID: "source_id"
    case .uptime: "uptime"
    case .official: "official"
    case .window: "window_s"
    }
  }

  /// Other members of the envelope that mean the same.
  var alias: String? { self == .userID ? "user_id_hash" : nil }

  static let byName = Dictionary(uniqueKeysWithValues: allCases.map { ($0.name, $0) })

  /// What every record of the envelope may carry.
  static let common: [Field] = [
    .schema, .eventID, .timestamp, .userID, .contentID, .decisionID, .sessionID, .position, .device, .platform,
    .tzOffset, .context, .mood, .companions, .contextDevice, .sessionPosition, .hour, .dayOfWeek, .timeAvailable,
    .bounceRate, .experiment,
  ]
}

extension Field {
  /// What few watches say.
  static let details: [Field] = [
    .pauseCount, .endedByUser, .quality, .liked, .favorited, .shared, .skippedEarly, .pausedOften, .phase,
    .timeToFeedback, .action,
  ]
}

/// What a rule makes of a record.
enum Emit: String, CaseIterable {
  case watch, click, rate, impression, interaction, search, preference, availability, catalog, source, control
  case decision

  /// The fields it reads beside the common ones, from the member of their name unless the mapping sets them.
  var fields: [Field] {
    switch self {
    case .watch:
      [
        .duration, .total, .completionRate, .completed, .pauseCount, .endedByUser, .quality, .liked, .favorited,
        .shared, .skippedEarly, .pausedOften, .phase, .timeToFeedback,
      ]
    case .click: [.surface, .timeToFeedback]
    case .rate: [.rating, .scale, .reviewLength, .timeToFeedback]
    case .impression: [.items, .policy, .modelVersion]
    case .interaction: [.action, .undo, .timeToFeedback, .completionRate]
    case .search: [.query, .resultsShown, .resultsClicked, .queryReformulations]
    case .preference:
      [
        .deviceID, .genreScores, .activeHours, .activeDays, .preferredPlatforms, .contentRestrictions, .averageWatch,
        .survey, .surveyAnswers,
      ]
    case .availability: [.available, .region, .source, .deepLinkValidated, .checkedAt]
    case .catalog:
      [
        .title, .contentType, .year, .genres, .runtimeMinutes, .platforms, .embedding, .crossValidation,
        .fieldCompleteness, .isOfficial, .lastUpdated,
      ]
    case .source: [.sourceID, .uptime, .official, .window]
    case .control: [.op]
    case .decision:
      [.items, .policy, .modelVersion, .features, .featureScale, .slotRows, .deferred, .op]
    }
  }

  /// Members of the envelope that are known and not read.
  var ignored: [String] {
    switch self {
    case .catalog:
      [
        "description", "cast", "director", "certificate", "rating", "imdb_score", "poster_url", "trailer_url", "moods",
        "themes", "popularity_score", "duration_minutes", "embedding_model", "pacing", "complexity", "text_embedding",
        "multimodal_embedding",
      ]
    default: []
    }
  }

  var isReference: Bool { self == .catalog || self == .source }
}

public import JSON

extension WorkerStatus {
  /// The JSON object that `/summary` answers with.
  public func json() -> [UInt8] {
    var writer = JSONWriter(reserving: 4096)
    writer.beginObject()
    writer.field("version", version)
    writer.field("group", group)
    writer.field("at", at)
    writer.field("uptime_s", uptimeS)
    writer.field("is_ready", isReady)
    writer.field("state", state)
    writer.field("note", note)
    writer.field("events", events)
    writer.field("events_per_s", eventsPerS)
    writer.field("lag", lag)
    writer.field("lag_s", lagS)
    write(topics, "topics", &writer) { topic, writer in
      writer.field("topic", topic.topic)
      writer.field("events", topic.events)
      writer.field("events_per_s", topic.eventsPerS)
      writer.field("lag", topic.lag)
      writer.field("lag_s", topic.lagS)
    }
    writer.field("freshness_s", freshnessS)
    writer.field("publish_p50_s", publishP50S)
    writer.field("publish_p99_s", publishP99S)
    writer.field("viewers", viewers)
    writer.field("titles", titles)
    writer.field("dirty_keys", dirtyKeys)
    writer.beginObject("checkpoint")
    writer.field("count", checkpoint.count)
    writer.field("age_s", checkpoint.ageS)
    writer.field("duration_s", checkpoint.durationS)
    writer.field("bytes", checkpoint.bytes)
    writer.endObject()
    writeTitles(topTrust, "top_trust", &writer)
    writeTitles(topTrend, "top_trend", &writer)
    writer.field("alerts_fired", alertsFired)
    writer.field("alerts_resolved", alertsResolved)
    write(alerts, "alerts", &writer) { alert, writer in
      writer.field("id", alert.id)
      writer.field("scope", alert.scope)
      writer.field("metric", alert.metric)
      writer.field("baseline", alert.baseline)
      writer.field("current", alert.current)
      writer.field("fired_at", alert.firedAt)
      writer.field("resolved_at", alert.resolvedAt)
    }
    writer.field("dead_letter_count", deadLetterCount)
    write(deadLetters, "dead_letters", &writer) { letter, writer in
      writer.field("reason", letter.reason)
      writer.field("count", letter.count)
      writer.field("topic", letter.topic)
      writer.field("partition", letter.partition)
      writer.field("offset", letter.offset)
      writer.field("field", letter.field)
      writer.field("sample", letter.sample)
    }
    writer.key("spotlight")
    if let spotlight { writeViewer(spotlight, &writer) } else { writer.null() }
    writer.endObject()
    return writer.bytes
  }

  /// Reads what ``json()`` wrote; members that are missing keep their defaults, so that an older view understands
  /// a newer worker.
  public init(_ json: JSONValue) {
    self.init()
    func text(_ value: JSONValue?) -> String { value?.string ?? "" }
    func list<T>(_ key: String, _ read: (JSONValue) -> T) -> [T] { json[key]?.array?.map(read) ?? [] }
    version = text(json["version"])
    group = text(json["group"])
    at = json["at"]?.int64 ?? 0
    uptimeS = json["uptime_s"]?.double ?? 0
    isReady = json["is_ready"]?.bool ?? false
    state = text(json["state"])
    note = text(json["note"])
    events = json["events"]?.int ?? 0
    eventsPerS = json["events_per_s"]?.double ?? 0
    topics = list("topics") { value in
      var topic = Topic()
      topic.topic = text(value["topic"])
      topic.events = value["events"]?.int ?? 0
      topic.eventsPerS = value["events_per_s"]?.double ?? 0
      topic.lag = value["lag"]?.int ?? 0
      topic.lagS = value["lag_s"]?.double ?? 0
      return topic
    }
    freshnessS = json["freshness_s"]?.double
    publishP50S = json["publish_p50_s"]?.double
    publishP99S = json["publish_p99_s"]?.double
    viewers = json["viewers"]?.int ?? 0
    titles = json["titles"]?.int ?? 0
    dirtyKeys = json["dirty_keys"]?.int ?? 0
    checkpoint.count = json["checkpoint"]?["count"]?.int ?? 0
    checkpoint.ageS = json["checkpoint"]?["age_s"]?.double
    checkpoint.durationS = json["checkpoint"]?["duration_s"]?.double
    checkpoint.bytes = json["checkpoint"]?["bytes"]?.int ?? 0
    topTrust = list("top_trust", Title.init)
    topTrend = list("top_trend", Title.init)
    alertsFired = json["alerts_fired"]?.int ?? 0
    alertsResolved = json["alerts_resolved"]?.int ?? 0
    alerts = list("alerts") { value in
      var alert = Alert()
      alert.id = text(value["id"])
      alert.scope = text(value["scope"])
      alert.metric = text(value["metric"])
      alert.baseline = value["baseline"]?.double ?? 0
      alert.current = value["current"]?.double ?? 0
      alert.firedAt = value["fired_at"]?.int64 ?? 0
      alert.resolvedAt = value["resolved_at"]?.int64
      return alert
    }
    deadLetterCount = json["dead_letter_count"]?.int ?? 0
    deadLetters = list("dead_letters") { value in
      var letter = DeadLetter()
      letter.reason = text(value["reason"])
      letter.count = value["count"]?.int ?? 0
      letter.topic = text(value["topic"])
      letter.partition = Int32(clamping: value["partition"]?.int ?? 0)
      letter.offset = value["offset"]?.int64 ?? 0
      letter.field = text(value["field"])
      letter.sample = text(value["sample"])
      return letter
    }
    spotlight = json["spotlight"].flatMap { $0.isNull ? nil : Viewer($0) }
  }

  private func write<T>(
    _ items: [T], _ key: String, _ writer: inout JSONWriter, _ fields: (T, inout JSONWriter) -> Void
  ) {
    writer.beginArray(key)
    for item in items {
      writer.beginObject()
      fields(item, &writer)
      writer.endObject()
    }
    writer.endArray()
  }

  private func writeTitles(_ titles: [Title], _ key: String, _ writer: inout JSONWriter) {
    write(titles, key, &writer) { title, writer in
      writer.field("id", title.id)
      writer.field("name", title.name)
      writer.field("trust", title.trust)
      writer.field("trend", title.trend)
      writer.beginObject("components")
      for (name, value) in zip(Self.componentNames, title.components) { writer.field(name, value) }
      writer.endObject()
      writer.field("evidence", title.evidence)
    }
  }

  private func writeViewer(_ viewer: Viewer, _ writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("id", viewer.id)
    writer.field("n", viewer.n)
    write(viewer.affinity, "affinity", &writer) { genre, writer in
      writer.field("name", genre.name)
      writer.field("value", genre.value)
    }
    writer.field("session_count", viewer.sessionCount)
    writer.field("session_events", viewer.sessionEvents)
    writer.field("session_s", viewer.sessionS)
    writer.field("last", viewer.last)
    writer.endObject()
  }
}

extension WorkerStatus.Title {
  init(_ json: JSONValue) {
    self.init()
    id = json["id"]?.string ?? ""
    name = json["name"]?.string ?? ""
    trust = json["trust"]?.double ?? 0
    trend = json["trend"]?.double ?? 0
    components = WorkerStatus.componentNames.map { json["components"]?[$0]?.double ?? 0 }
    evidence = json["evidence"]?.int ?? 0
  }
}

extension WorkerStatus.Viewer {
  init(_ json: JSONValue) {
    self.init()
    id = json["id"]?.string ?? ""
    n = json["n"]?.int ?? 0
    affinity = (json["affinity"]?.array ?? []).map { value in
      var genre = WorkerStatus.Genre()
      genre.name = value["name"]?.string ?? ""
      genre.value = value["value"]?.double ?? 0
      return genre
    }
    sessionCount = json["session_count"]?.int ?? 0
    sessionEvents = json["session_events"]?.int ?? 0
    sessionS = json["session_s"]?.double ?? 0
    last = json["last"]?.string ?? ""
  }
}

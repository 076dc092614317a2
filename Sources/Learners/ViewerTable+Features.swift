import Events

/// Features of a viewer by their names (`conventions` of the stories, decision 33).
extension ViewerTable {
  private static let hours = (0..<24).map { String($0) }
  private static let weekdays = (0..<7).map { String($0) }
  private static let devices = ["", "tv", "mobile", "web", "voice", "other", "tablet"]

  /// Gives out everything but the vectors. Maps are sorted by name, lists of ids by id.
  ///
  /// None of a viewer's features but its history vector depends on the time of reading.
  ///
  /// - Parameter standing: Features of these are left out.
  public func features(
    _ slot: UInt32, ids: Identities, options: LearnOptions, leavingOut standing: Standing = [],
    into sink: inout some FeatureSink
  ) {
    let row = rows.row(slot)
    sink.integer("n", Int64(row.pointee.s.n))
    sink.integer("watches", Int64(row.pointee.s.watches))
    if options.folds.contains(.affinity) {
      if standing.contains(.affinities) { sink.kept(3) } else { affinities(row, ids, options, into: &sink) }
    }
    if options.folds.contains(.temporal), standing.contains(.histograms) {
      sink.kept(2)
    } else if options.folds.contains(.temporal) {
      histogram("hours", row, 0, Self.hours, into: &sink)
      histogram("weekdays", row, 24, Self.weekdays, into: &sink)
    }
    if options.folds.contains(.traits) {
      if standing.contains(.affinities) {
        sink.kept(1)
      } else {
        sink.number("diversity_tolerance", row.pointee.diversityTolerance(decay: options.affinityDecay))
      }
      sink.number("exploration_tendency", row.pointee.explorationTendency)
      sink.number("recency_bias", row.pointee.recencyBias)
    }
    if options.folds.contains(.session) { session(row, into: &sink) }
    if options.folds.contains(.context) {
      counts("moods", Vocabulary.moods, into: &sink) { row.counted(Counted.moods + $0) }
      counts("companions", Vocabulary.companions, into: &sink) { row.counted(Counted.companions + $0) }
      counts("devices", Self.devices, into: &sink) { row.counted(Counted.devices + $0) }
      platforms(row, ids, into: &sink)
    }
    if options.folds.contains(.memory), standing.contains(.memory) {
      sink.kept(3)
    } else if options.folds.contains(.memory) {
      ExplicitPreferences.features(row.explicit, into: &sink)
      blocked(row, ids, into: &sink)
      queries(row, into: &sink)
    }
    sink.integer("updated_at", row.pointee.s.touchedAt)
  }

  /// Gives out `vector` and, by the reader, `vector_history` as of a time.
  public func vectors(
    _ slot: UInt32, asOf time: Int64, options: LearnOptions, reader: HistoryReader, into sink: inout some FeatureSink
  ) {
    guard dimension > 0 else { return }
    if options.folds.contains(.vector) {
      sink.vector("vector", UnsafeBufferPointer(start: vectors.vector(slot), count: dimension))
    }
    if options.folds.contains(.history) {
      let history = reader.vector(of: slot, in: self, asOf: time)
      sink.vector("vector_history", UnsafeBufferPointer(start: history, count: dimension))
    }
  }

  private func affinities(
    _ row: UnsafeMutablePointer<ViewerRow>, _ ids: Identities, _ options: LearnOptions,
    into sink: inout some FeatureSink
  ) {
    let values = row.affinities.values
    // By name: rank above, place below.
    withUnsafeTemporaryAllocation(of: UInt64.self, capacity: max(1, values.count)) { order in
      for index in 0..<values.count {  // insertion: a handful of genres
        var at = index
        let key = UInt64(ids.symbols.rank(values[index].genre)) << 32 | UInt64(index)
        while at > 0, key < order[at - 1] {
          order[at] = order[at - 1]
          at -= 1
        }
        order[at] = key
      }
      func write(_ name: String, _ number: (Affinity) -> Double) {
        sink.beginObject(name)
        for at in 0..<values.count {
          let affinity = values[Int(UInt32(truncatingIfNeeded: order[at]))]
          sink.number(ids.symbols[affinity.genre], number(affinity))
        }
        sink.end()
      }
      write("affinity") { $0.raw }
      write("affinity_corrected") { $0.corrected(options.affinityDecay) }
      write("affinity_timed") { $0.timed }
    }
  }

  private func histogram(
    _ name: String, _ row: UnsafeMutablePointer<ViewerRow>, _ first: Int, _ names: [String],
    into sink: inout some FeatureSink
  ) {
    sink.beginObject(name)
    for index in names.indices where row.pointee.s.histogram[first + index] > 0 {
      sink.number(names[index], Double(row.pointee.s.histogram[first + index]))
    }
    sink.end()
  }

  private func session(_ row: UnsafeMutablePointer<ViewerRow>, into sink: inout some FeatureSink) {
    sink.integer("session_count", Int64(row.pointee.s.sessionCount))
    guard row.pointee.s.sessionCount > 0 else { return }
    let features = row.pointee.session
    let plain = features.plain
    let scaled = features.scaled
    sink.beginObject("session")
    sink.integer("started", row.pointee.s.sessionStarted)
    sink.integer("last", row.pointee.s.sessionLast)
    sink.beginList("features")
    for index in plain.indices { sink.number("", plain[index]) }
    sink.end()
    sink.beginList("scaled")
    for index in scaled.indices { sink.number("", scaled[index]) }
    sink.end()
    sink.end()
  }

  private func counts(
    _ name: String, _ names: [String], into sink: inout some FeatureSink, _ count: (UInt32) -> Int
  ) {
    sink.beginObject(name)
    for (index, name) in names.enumerated() {
      let number = count(UInt32(index))
      if number > 0 { sink.integer(name, Int64(number)) }
    }
    sink.end()
  }

  private func platforms(_ row: UnsafeMutablePointer<ViewerRow>, _ ids: Identities, into sink: inout some FeatureSink) {
    sink.beginObject("platforms")
    let sorted = row.counts.values.filter { $0 >> 48 == 0 }.sorted {
      ids.symbols.rank(UInt16($0 >> 32)) < ids.symbols.rank(UInt16($1 >> 32))
    }
    for cell in sorted { sink.integer(ids.symbols[UInt16(cell >> 32)], Int64(cell & 0xffff_ffff)) }
    sink.end()
  }

  private func blocked(_ row: UnsafeMutablePointer<ViewerRow>, _ ids: Identities, into sink: inout some FeatureSink) {
    sink.beginList("blocked")
    var titles: [String] = []
    for cell in row.flags.values where cell & TitleFlag.block.rawValue != 0 {
      titles.append(ids.titles.text(UInt32(cell >> 32)))
    }
    for title in titles.sorted() { sink.text("", title) }
    sink.end()
  }

  private func queries(_ row: UnsafeMutablePointer<ViewerRow>, into sink: inout some FeatureSink) {
    sink.beginList("queries")
    var reader = ByteReader(UnsafeRawBufferPointer(row.queries.values))
    while !reader.isAtEnd, (try? reader.take(Int64.self)) != nil, let count = try? reader.take(UInt16.self),
      let text = try? reader.bytes(Int(count))
    {
      sink.text("", String(decoding: text, as: UTF8.self))
    }
    sink.end()
  }
}

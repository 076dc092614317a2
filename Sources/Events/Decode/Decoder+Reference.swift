import JSON

/// Rows of the reference topics. Cold: a row is read with strings and arrays.
extension Decoder {
  @inline(never)
  mutating func reference(_ emit: Emit) throws(DecodeFault) -> ReferenceRow {
    var event = Event(kind: .availability)
    if programs[input].isEnvelope { try readEventID(emit, &event) }
    var time = max(recordTime, 0)
    if programs[input].isEnvelope || token(.timestamp).kind != .absent { time = try readTime(.timestamp) }
    return emit == .catalog ? try catalog(time) : try source(time)
  }

  private mutating func catalog(_ time: Int64) throws(DecodeFault) -> ReferenceRow {
    let id = try id(.contentID, .badContentID, required: true)!
    try checkRequired()
    var row = CatalogRow()
    row.title = try string(.title) ?? ""
    row.contentType = try string(.contentType) ?? ""
    row.year = try whole(.year, 0, 9999).map { Int($0) }
    row.runtimeMinutes = try optional(.runtimeMinutes, 0, .greatestFiniteMagnitude)
    if row.runtimeMinutes == 0 { row.runtimeMinutes = nil }
    row.genres = try genres()
    for platform in try list(.platforms) ?? [] {
      let slug = platform.lowercased()
      if !row.platforms.contains(slug) { row.platforms.append(slug) }
    }
    row.crossValidation = try optional(.crossValidation, 0, 1)
    row.fieldCompleteness = try optional(.fieldCompleteness, 0, 1)
    row.isOfficial = try flag(.isOfficial) ?? false
    let updated = token(.lastUpdated)
    row.lastUpdated = updated.kind == .absent ? time : try otherTime(updated, .lastUpdated, .badField)
    row.embedding = try embedding()
    return .title(id: String(decoding: id, as: UTF8.self), row)
  }

  private mutating func source(_ time: Int64) throws(DecodeFault) -> ReferenceRow {
    let token = token(.sourceID)
    guard token.kind != .absent else { throw DecodeFault(.missingField, .sourceID) }
    let id = try text(token, .sourceID)
    guard isID(id) else { throw DecodeFault(.badField, .sourceID) }
    try checkRequired()
    guard let uptime = try optional(.uptime, 0, 1) else { throw DecodeFault(.missingField, .uptime) }
    _ = try number(.window, 0, .greatestFiniteMagnitude)
    let official = try flag(.official)
    return .source(
      id: String(decoding: id, as: UTF8.self), SourceRow(uptime: uptime, official: official, timestamp: time))
  }

  // MARK: Parts

  private mutating func string(_ field: Field) throws(DecodeFault) -> String? {
    let token = token(field)
    if token.kind == .absent { return nil }
    return String(decoding: try text(token, field), as: UTF8.self)
  }

  private mutating func optional(_ field: Field, _ low: Double, _ high: Double) throws(DecodeFault) -> Double? {
    let value = try number(field, low, high)
    return value.isNaN ? nil : value
  }

  /// Texts; on foreign topics numbers too, as they are written.
  private mutating func list(_ field: Field) throws(DecodeFault) -> [String]? {
    let token = token(field)
    if token.kind == .absent { return nil }
    guard token.kind == .array, let elements = (try? JSONValue(parsing: token.bytes))?.array else {
      throw DecodeFault(.badField, field)
    }
    var texts: [String] = []
    for element in elements {
      if let text = element.string {
        texts.append(text)
      } else if !programs[input].isEnvelope, element.double != nil {
        texts.append(element.text())
      } else {
        throw DecodeFault(.badField, field)
      }
    }
    return texts
  }

  private mutating func genres() throws(DecodeFault) -> [String] {
    let words = try list(.genres) ?? []
    guard words.count <= 20 else { throw DecodeFault(.badField, .genres) }
    var genres: [String] = []
    for word in words {
      var genre = word.lowercased()
      if genre == "science fiction" { genre = "sci-fi" }
      guard !genre.isEmpty, genre.utf8.count <= 128 else { throw DecodeFault(.badField, .genres) }
      if !genres.contains(genre) { genres.append(genre) }
    }
    return genres
  }

  private mutating func embedding() throws(DecodeFault) -> [Float]? {
    let token = token(.embedding)
    if token.kind == .absent { return nil }
    guard token.kind == .array, let numbers = Self.numbers(token.bytes) else {
      throw DecodeFault(.badField, .embedding)
    }
    guard !numbers.isEmpty, options.embeddingDim == nil || options.embeddingDim == numbers.count else {
      throw DecodeFault(.badDim, .embedding)
    }
    let vector = numbers.map { Float($0) }
    guard vector.allSatisfy(\.isFinite) else { throw DecodeFault(.notFinite, .embedding) }
    options.embeddingDim = numbers.count
    return vector
  }
}

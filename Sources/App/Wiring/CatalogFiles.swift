import Events
import JSON
import Options

/// Catalog rows from files: JSON lines (gzipped too), or a folder with `catalog.ndjson` and `embeddings.f32`, whose
/// rows of little-endian Float32 belong to the lines in order.
enum CatalogFiles {
  static func read(_ paths: [String]) throws -> [ReferenceRow] {
    var rows: [ReferenceRow] = []
    for path in paths {
      let isFolder = FileSystem.isDirectory(path)
      let lines = isFolder ? path + "/catalog.ndjson" : path
      let bytes: [UInt8]
      do { bytes = try GzipText.read(lines) } catch { throw Failure(ExitCode.data, "catalog.files: \(error)") }
      let vectors = isFolder ? FileSystem.read(path + "/embeddings.f32") : nil
      let texts = bytes.split(separator: 10).filter { !$0.isEmpty }
      let dimension = vectors.map { $0.count / 4 / max(1, texts.count) } ?? 0
      for (number, text) in texts.enumerated() {
        do {
          rows.append(try row(JSONValue(parsing: text), number, vectors, dimension))
        } catch {
          throw Failure(ExitCode.data, "\(lines):\(number + 1): \(error)")
        }
      }
    }
    return rows
  }

  private static func row(_ json: JSONValue, _ number: Int, _ vectors: [UInt8]?, _ dimension: Int) throws
    -> ReferenceRow
  {
    if let source = json["source_id"]?.string {
      guard let uptime = json["uptime"]?.double, uptime >= 0, uptime <= 1 else {
        throw Failure(ExitCode.data, "uptime must be a number from 0 to 1")
      }
      return .source(
        id: source,
        SourceRow(uptime: uptime, official: json["official"]?.bool, timestamp: json["timestamp"]?.int64 ?? 0))
    }
    guard let id = json["content_id"]?.string ?? json["content_id"]?.int64.map(String.init), !id.isEmpty else {
      throw Failure(ExitCode.data, "content_id is missing")
    }
    var row = CatalogRow()
    row.title = json["title"]?.string ?? ""
    row.contentType = json["content_type"]?.string ?? ""
    row.year = json["year"]?.int
    for genre in json["genres"]?.array ?? [] {
      let name = genre.string?.lowercased() ?? ""
      let known = name == "science fiction" ? "sci-fi" : name
      if !known.isEmpty, !row.genres.contains(known) { row.genres.append(known) }
    }
    row.runtimeMinutes = json["runtime_minutes"]?.double
    row.platforms = (json["platforms"]?.array ?? []).compactMap { $0.string?.lowercased() }
    row.crossValidation = json["cross_validation_score"]?.double
    row.fieldCompleteness = json["field_completeness"]?.double
    row.isOfficial = json["is_official_source"]?.bool ?? false
    row.lastUpdated = json["last_updated"]?.int64 ?? json["timestamp"]?.int64 ?? 0
    row.embedding = json["embedding"]?.array?.map { Float($0.double ?? 0) }
    if let vectors, dimension > 0 {
      row.embedding = (0..<dimension).map { k in
        let at = (number * dimension + k) * 4
        return Float(bitPattern: (0..<4).reduce(UInt32(0)) { $0 | UInt32(vectors[at + $1]) << UInt32(8 * $1) })
      }
    }
    return .title(id: id, row)
  }
}

import JSON

/// A folder of recorded rows with what must follow from them, described by its `params.json`.
///
/// `{column}` in text is that column's value; `{"column", "unit" | "scale" | "split" | "map"}` converts; `when` keeps
/// rows by `eq` or `gt`; `settings` are options of the worker; `compare` names each column's feature and tolerance.
struct StreamFolder {
  struct Event {
    var kind: String
    var user: String
    var json: [UInt8]
    var timestamp: Int64
  }
  struct Comparison {
    var file: String
    /// `content` or `user`.
    var kind: String
    var keyColumn: String
    /// In the order of `params.json`; `*` in name and feature stands for a genre.
    var columns: [(name: String, feature: String, tolerance: Double)]
  }
  let path: String
  let params: JSONValue
  var comparisons: [Comparison] = []

  init(path: String) throws {
    self.path = path
    params = try JSONValue(parsing: GzipText.read(path + "/params.json"))
    for file in params["compare"]?.object ?? [] {
      var comparison = Comparison(
        file: file.key, kind: file.value["kind"]?.string ?? "", keyColumn: file.value["key"]?.string ?? "", columns: [])
      for column in file.value["columns"]?.object ?? [] {
        comparison.columns.append(
          (column.key, column.value[0]?.string ?? "", column.value[1]?.double ?? 0))
      }
      comparisons.append(comparison)
    }
  }

  /// Options of the worker, as `a.b` = JSON value.
  var settings: [(name: String, value: JSONValue)] {
    (params["settings"]?.object ?? []).map { ($0.key, $0.value) }
  }

  /// The input's rows as events, in the order of the file and of `emit`.
  func events() throws -> [Event] {
    let input = params["input"] ?? .object([])
    let table = CSVTable(try GzipText.read(path + "/" + (input["file"]?.string ?? "events.csv.gz")))
    var events: [Event] = []
    for row in table.rows {
      let reader = RowReader(table: table, row: row)
      guard let user = reader.value(input["user_id"] ?? nil)?.string,
        let time = reader.value(input["record_timestamp"] ?? nil)?.int64
      else { continue }
      for emit in params["emit"]?.array ?? [] {
        guard reader.matches(emit["when"]) else { continue }
        let kind = emit["kind"]?.string ?? ""
        var members: [JSONValue.Member] = []
        if kind != "interaction" { members.append(.init("type", .string(kind))) }
        members.append(.init("user_id", .string(user)))
        members.append(.init("timestamp", .integer(time)))
        for member in emit.object ?? [] where member.key != "kind" && member.key != "when" {
          if let value = reader.value(member.value) { members.append(.init(member.key, value)) }
        }
        events.append(Event(kind: kind, user: user, json: JSONValue.object(members).serialized(), timestamp: time))
      }
    }
    return events
  }

  /// Catalog rows: one per row of a file, or one per distinct value met in the input.
  func catalog(timestamp: Int64) throws -> [(id: String, json: [UInt8])] {
    guard let catalog = params["catalog"] else { return [] }
    var rows: [(id: String, json: [UInt8])] = []
    var seen: Set<String> = []
    let file = catalog["file"]?.string ?? params["input"]?["file"]?.string ?? "events.csv.gz"
    let table = CSVTable(try GzipText.read(path + "/" + file))
    let idForm = catalog["one_per"] ?? catalog["content_id"]
    for row in table.rows {
      let reader = RowReader(table: table, row: row)
      guard let form = idForm, let id = reader.value(form)?.string, seen.insert(id).inserted else { continue }
      var members: [JSONValue.Member] = [
        .init("schema", "catalog/1"), .init("event_id", .string("k-\(rows.count)")),
        .init("timestamp", .integer(timestamp)), .init("content_id", .string(id)), .init("content_type", "movie"),
      ]
      for member in catalog.object ?? [] where !["file", "one_per", "content_id", "empty"].contains(member.key) {
        if let value = reader.value(member.value) { members.append(.init(member.key, value)) }
      }
      for (name, value) in [("title", JSONValue.string(id)), ("genres", .array([]))]
      where !members.contains(where: { $0.key == name }) {
        members.append(.init(name, value))
      }
      rows.append((id, JSONValue.object(members).serialized()))
    }
    return rows
  }

  /// The expected file, nil when the folder lacks it.
  func expected(_ comparison: Comparison) throws -> CSVTable? {
    guard FileSystem.exists(path + "/" + comparison.file) else { return nil }
    return CSVTable(try GzipText.read(path + "/" + comparison.file))
  }
}

/// Evaluates the forms of `params.json` over one row.
private struct RowReader {
  let table: CSVTable
  let row: [String]

  private func cell(_ column: String) -> String? { table.index(column).flatMap { $0 < row.count ? row[$0] : nil } }

  func value(_ form: JSONValue) -> JSONValue? {
    switch form {
    case .string(let text): return filled(text).map { .string($0) }
    case .array(let list): return .array(list.compactMap { value($0) })
    case .object(let members):
      guard let column = form["column"]?.string else {
        return .object(members.compactMap { member in value(member.value).map { .init(member.key, $0) } })
      }
      guard let cell = cell(column), !cell.isEmpty else { return nil }
      if let map = form["map"] { return map[cell] }
      if let separator = form["split"]?.string { return .array(split(cell, separator).map { .string($0) }) }
      guard let number = Double(cell) else { return .string(cell) }
      if let scale = form["scale"]?.double { return .number(number * scale) }
      switch form["unit"]?.string {
      case "s": return .integer(Int64((number * 1000).rounded()))
      case "ms": return .integer(Int64(number.rounded()))
      default: return number == number.rounded() && abs(number) < 1e15 ? .integer(Int64(number)) : .number(number)
      }
    default: return form
    }
  }

  func matches(_ rule: JSONValue?) -> Bool {
    guard let rule, let column = rule["column"]?.string, let cell = cell(column) else { return true }
    if let wanted = rule["eq"] {
      if let text = wanted.string { return cell == text }
      return Double(cell) == wanted.double
    }
    if let least = rule["gt"]?.double { return (Double(cell) ?? -.infinity) > least }
    return true
  }

  /// Text with `{column}` replaced; nil where a named column is empty.
  private func filled(_ text: String) -> String? {
    guard let open = text.firstIndex(of: "{"), let close = text[open...].firstIndex(of: "}") else { return text }
    guard let value = cell(String(text[text.index(after: open)..<close])), !value.isEmpty else { return nil }
    guard let rest = filled(String(text[text.index(after: close)...])) else { return nil }
    return text[..<open] + value + rest
  }

  private func split(_ cell: String, _ separator: String) -> [String] {
    cell.split(separator: separator, omittingEmptySubsequences: true).map(String.init)
  }
}

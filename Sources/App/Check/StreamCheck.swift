import JSON
import KafkaPort
import Options
import Pipeline
import Ports
import SQLitePort

/// Replays a folder through an in-process broker, a worker and a SQLite store, and compares what the store then holds.
struct StreamCheck {
  struct Report {
    var lines: [String] = []
    var isGood = true
  }
  let folder: StreamFolder
  let output: Output
  private static let partitions = 64
  /// Kinds that the mixed topic carries, so that the events of one row keep their order.
  private static let mixed: Set<String> = ["watch", "click", "rate", "impression", "interaction"]

  init(folder: StreamFolder, output: Output) {
    self.folder = folder
    self.output = output
  }

  func run(writeTo target: String) throws -> Report {
    let work = FileSystem.temporaryDirectory()
    defer { FileSystem.removeTree(work) }
    let events = try folder.events()
    let catalog = try folder.catalog(timestamp: events.first?.timestamp ?? 1)
    var keys: [String: Set<String>] = ["user": Set(events.map(\.user)), "content": Set(catalog.map(\.id))]
    let topics =
      ["user-interactions", "content.catalog"]
      + Set(events.map(\.kind)).subtracting(Self.mixed).sorted().map { "events." + $0 }
    let mock = try MockCluster(topics: topics.map { ($0, Self.partitions) })
    let loaded = try SettingsOverlay.apply(
      folder.settings.filter { $0.value.object == nil }
        + folder.settings.flatMap { SettingsOverlay.flat($0.value, prefix: $0.name) },
      more: [
        ("kafka.brokers", mock.bootstrap), ("kafka.group", "check-stream"), ("state_dir", work + "/state"),
        ("store.kind", "sqlite"), ("store.path", work + "/features.db"), ("until", "caught-up"), ("from", "earliest"),
        ("viewer.idle", "0"), ("align.max_bytes", "2GiB"),
      ])
    let outlet = try KafkaOutlet(loaded.settings.kafkaConfig(joinsGroup: false), topics: topics)
    for row in catalog {
      try outlet.send(
        OutRecord(
          topic: "content.catalog", key: Array(row.id.utf8), value: row.json, timestamp: events.first?.timestamp ?? 1))
    }
    // The mock keeps 5 MiB a partition: a backlog beyond that is folded while it is produced.
    let host = try WorkerHost(loaded: loaded, joinsGroup: false)
    try produce(events, through: outlet)
    try host.run { true }
    outlet.close()
    if host.worker.status.deadLetters.values.reduce(0, +) > 0 {
      output.line("dead letters: \(host.worker.status.deadLetters)")
    }
    keys["content"]!.formUnion(
      (0..<UInt32(host.worker.road.ids.titles.count)).map { host.worker.road.ids.titles.text($0) })
    let reader = try SQLiteReader(path: work + "/features.db")
    var report = Report()
    report.lines.append("\(events.count) events, \(keys["user"]!.count) viewers, \(keys["content"]!.count) titles")
    if !target.isEmpty { FileSystem.makeDirectory(target) }
    for comparison in folder.comparisons {
      let found = try read(comparison, keys[comparison.kind] ?? [], reader, host.parts.options)
      if !target.isEmpty { write(comparison, found, to: target) }
      if let expected = try folder.expected(comparison) {
        compare(comparison, expected, found, &report)
      } else {
        report.lines.append("\(comparison.file): not in the folder, not compared; \(found.rows.count) rows read")
      }
    }
    return report
  }

  private func produce(_ events: [StreamFolder.Event], through outlet: KafkaOutlet) throws {
    for (i, event) in events.enumerated() {
      let topic = Self.mixed.contains(event.kind) ? "user-interactions" : "events." + event.kind
      while outlet.unacknowledged > 50_000 { _ = outlet.flush(timeoutMs: 10) }
      try outlet.send(
        OutRecord(topic: topic, key: Array(event.user.utf8), value: event.json, timestamp: event.timestamp))
      if i % 1000 == 0 { Progress.show("events", i + 1, of: events.count, output) }
    }
    guard outlet.flush(timeoutMs: 60_000) else {
      throw Failure(ExitCode.unavailable, "the broker did not take all events")
    }
  }

  /// What the store holds, one row a key, columns in the order of `params.json`, `*` spread by genre.
  private struct Found {
    var columns: [(name: String, feature: String)] = []
    var rows: [(key: String, values: [JSONValue])] = []
  }

  private func read(
    _ comparison: StreamFolder.Comparison, _ keys: Set<String>, _ reader: any FeatureReader, _ options: WorkerOptions
  ) throws -> Found {
    var all: [(key: String, features: JSONValue)] = []
    var genres: Set<String> = []
    for key in keys.sorted(by: { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) }) {
      guard
        let features = try StoredFeatures.read(
          comparison.kind + ":" + key, reader: reader, at: 0, options: options.learn)
      else { continue }
      let touched =
        comparison.kind == "content" ? features["last_event"]?.isNull == false : (features["n"]?.int64 ?? 0) > 0
      guard touched else { continue }
      all.append((key, features))
      for column in comparison.columns where column.feature.hasSuffix(".*") {
        for member in features[String(column.feature.dropLast(2))]?.object ?? [] { genres.insert(member.key) }
      }
    }
    var found = Found()
    for column in comparison.columns {
      if column.feature.hasSuffix(".*") {
        for genre in genres.sorted() {
          found.columns.append(
            (column.name.replacing("*", with: genre), String(column.feature.dropLast(1)) + genre))
        }
      } else {
        found.columns.append((column.name, column.feature))
      }
    }
    found.rows = all.map { row in (row.key, found.columns.map { Self.value(row.features, $0.feature) ?? .null }) }
    return found
  }

  /// `affinity.drama` is member `drama` of feature `affinity`.
  private static func value(_ features: JSONValue, _ feature: String) -> JSONValue? {
    guard let dot = feature.firstIndex(of: ".") else { return features[feature] }
    return features[String(feature[..<dot])]?[String(feature[feature.index(after: dot)...])]
  }

  private func write(_ comparison: StreamFolder.Comparison, _ found: Found, to target: String) {
    var text = ([comparison.keyColumn] + found.columns.map(\.name)).joined(separator: ",") + "\n"
    for row in found.rows {
      text += ([row.key] + row.values.map { $0.isNull ? "" : $0.text() }).joined(separator: ",") + "\n"
    }
    let name = comparison.file.hasSuffix(".gz") ? String(comparison.file.dropLast(3)) : comparison.file
    GzipText.write(target + "/" + name + (comparison.file.hasSuffix(".gz") ? ".gz" : ""), Array(text.utf8))
  }

  private func compare(
    _ comparison: StreamFolder.Comparison, _ expected: CSVTable, _ found: Found, _ report: inout Report
  ) {
    guard let keyColumn = expected.index(comparison.keyColumn) else {
      report.isGood = false
      report.lines.append("\(comparison.file): has no column \(comparison.keyColumn)")
      return
    }
    let byKey = Dictionary(found.rows.map { ($0.key, $0.values) }, uniquingKeysWith: { a, _ in a })
    var expectedKeys: Set<String> = []
    var missing: [String] = []
    for row in expected.rows {
      let key = row[keyColumn]
      expectedKeys.insert(key)
      if byKey[key] == nil, row.indices.contains(where: { $0 != keyColumn && (Double(row[$0]) ?? 0) != 0 }) {
        missing.append(key)
      }
    }
    let surplus = found.rows.map(\.key).filter { !expectedKeys.contains($0) }
    if !missing.isEmpty || !surplus.isEmpty {
      report.isGood = false
      report.lines.append(
        "\(comparison.file): \(missing.count) rows missing \(missing.prefix(3)), \(surplus.count) surplus \(surplus.prefix(3))"
      )
    }
    for column in comparison.columns {
      for (at, name) in expected.columns.enumerated() {
        guard let feature = Self.feature(of: name, column) else { continue }
        compareColumn(comparison.file, name, expected, keyColumn, at, found, feature, column.tolerance, byKey, &report)
      }
    }
  }

  /// The feature a column of the expected file stands for: itself, or one genre of a `*`.
  private static func feature(of name: String, _ column: (name: String, feature: String, tolerance: Double)) -> String?
  {
    guard let star = column.name.firstIndex(of: "*") else { return name == column.name ? column.feature : nil }
    let before = column.name[..<star]
    let after = column.name[column.name.index(after: star)...]
    guard name.hasPrefix(before), name.hasSuffix(after), name.count > before.count + after.count else { return nil }
    return column.feature.replacing("*", with: name.dropFirst(before.count).dropLast(after.count).lowercased())
  }

  private func compareColumn(
    _ file: String, _ name: String, _ expected: CSVTable, _ keyColumn: Int, _ at: Int, _ found: Found,
    _ feature: String, _ tolerance: Double, _ byKey: [String: [JSONValue]], _ report: inout Report
  ) {
    let place = found.columns.firstIndex { $0.feature == feature }
    var n = 0
    var worst = -1.0
    var worstRow = ""
    for row in expected.rows {
      guard let values = byKey[row[keyColumn]] else { continue }
      // An empty cell stands for 0; what is no number equals nothing.
      let wanted = row[at].isEmpty ? 0 : Double(row[at]) ?? .nan
      let read = place.flatMap { values[$0].double } ?? 0
      n += 1
      let error = abs(wanted - read) / (tolerance > 0 ? max(1, abs(wanted)) : 1)
      if !(error <= worst), !worst.isNaN {
        worst = error
        worstRow = "\(row[keyColumn]): expected \(row[at]), read \(place.map { values[$0].text() } ?? "nothing")"
      }
    }
    let isGood = worst <= tolerance
    if !isGood { report.isGood = false }
    report.lines.append("\(file) \(name): n \(n), worst \(worst) at \(worstRow)\(isGood ? "" : "  ABOVE \(tolerance)")")
  }
}

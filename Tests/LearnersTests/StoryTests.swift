import Events
import Foundation
import Testing

@testable import Learners

/// The folds of one small worker, without the road around them.
final class StoryWorker {
  let ids = Identities()
  let catalog: Catalog
  let options: LearnOptions
  let viewers: ViewerTable
  let titles = TitleTable()
  var viewerFold: ViewerFold
  var titleFold: TitleFold
  var metrics: MetricFold
  var tally = Tally()
  var reader: StoryReader
  var seen: Set<String> = []
  var queue: [StoryRecord] = []
  let history: HistoryReader

  init(_ options: LearnOptions) {
    self.options = options
    catalog = Catalog(dimension: options.dimension)
    viewers = ViewerTable(options: options)
    viewerFold = ViewerFold(table: viewers, catalog: catalog, ids: ids, options: options)
    titleFold = TitleFold(table: titles, catalog: catalog, ids: ids, options: options)
    metrics = MetricFold(catalog: catalog, ids: ids, options: options)
    reader = StoryReader(ids: ids)
    history = HistoryReader(catalog: catalog, options: options)
  }

  func reserve() {
    catalog.reserve(ids.titles.count)
    titles.reserve(ids.titles.count)
    viewers.reserve(ids.viewers.count)
  }

  func apply(_ line: [String: Any]) {
    let row = reader.catalogRow(line)
    if case .title(_, let title?) = row, !catalog.accepts(title) { return }
    let changed = catalog.apply(row, ids: ids)
    reserve()
    for slot in changed { titleFold.catalogChanged(slot, at: reader.time(line["timestamp"]!)) }
    catalog.settle()
  }

  func run(_ lines: [[String: Any]]) {
    let records = lines.flatMap { reader.unroll($0) }.map { reader.record($0) }.sorted {
      ($0.event.mergeTime, $0.topic, $0.offset) < ($1.event.mergeTime, $1.topic, $1.offset)
    }
    reserve()
    for record in records { fold(record) }
  }

  private func fold(_ record: StoryRecord) {
    var event = record.event
    if !seen.insert(record.id).inserted { event.flags.insert(.duplicate) }
    var bytes = record.payload
    bytes.withUnsafeMutableBytes { raw in
      let payload = Payload(raw)
      var effect = Effect()
      _ = viewerFold.advance(to: event.mergeTime)
      _ = metrics.advance(to: event.mergeTime, tally: &tally)
      viewerFold.fold(event, payload, into: &effect, tally: &tally)
      if event.kind == .impression, effect.flags.contains(.folded), let items = payload.field(.items) {
        for index in 0..<payload.itemCount {
          titleFold.foldItem(event, ShownItem(reading: items.baseAddress! + index * ShownItem.byteCount))
        }
      }
      titleFold.fold(event, payload, effect)
      metrics.fold(event, payload, effect, tally: &tally)
    }
  }

  func read(_ key: String, at time: Int64) -> [String: Any] {
    var tree = FeatureTree()
    if key == "counters" {
      for counter in Counter.allCases { tree.integer(counter.name, Int64(tally[counter])) }
    } else if key.hasPrefix("user:"), let slot = ids.viewers.find(String(key.dropFirst(5))) {
      viewers.features(slot, ids: ids, options: options, into: &tree)
      viewers.vectors(slot, asOf: time, options: options, reader: history, into: &tree)
    } else if key.hasPrefix("content:"), let slot = ids.titles.find(String(key.dropFirst(8))) {
      titles.features(slot, asOf: time, catalog: catalog, options: options, into: &tree)
    }
    return tree.values
  }

  /// Everything the state holds, as stored rows.
  func stored() -> [[UInt8]] {
    var rows: [[UInt8]] = []
    for slot in 0..<UInt32(ids.titles.count) {
      var bytes: [UInt8] = []
      catalog.encode(slot, into: &bytes)
      rows.append(bytes)
      bytes = []
      titles.encode(slot, into: &bytes)
      rows.append(bytes)
    }
    for slot in 0..<UInt32(ids.viewers.count) {
      var bytes: [UInt8] = []
      viewers.encode(slot, into: &bytes)
      rows.append(bytes)
    }
    var sources: [UInt8] = []
    catalog.encodeSources(into: &sources)
    rows.append(sources)
    return rows
  }

  /// The same worker after its state was stored and loaded.
  func reloaded() throws -> StoryWorker {
    let other = StoryWorker(options)
    for slot in 0..<UInt32(ids.viewers.count) { other.ids.viewers.restore(ids.viewers.bytes(slot), at: slot) }
    for slot in 0..<UInt32(ids.titles.count) { other.ids.titles.restore(ids.titles.bytes(slot), at: slot) }
    other.ids.symbols = ids.symbols
    other.reserve()
    let rows = stored()
    var at = 0
    for slot in 0..<UInt32(ids.titles.count) {
      if !rows[at].isEmpty { try rows[at].withUnsafeBytes { try other.catalog.decode(slot, $0) } }
      if !rows[at + 1].isEmpty { try rows[at + 1].withUnsafeBytes { try other.titles.decode(slot, $0) } }
      at += 2
    }
    for slot in 0..<UInt32(ids.viewers.count) {
      if !rows[at].isEmpty { try rows[at].withUnsafeBytes { try other.viewers.decode(slot, $0) } }
      at += 1
    }
    try rows[at].withUnsafeBytes { try other.catalog.decodeSources($0) }
    other.catalog.finishLoading(titles: ids.titles.count)
    other.viewerFold.finishLoading()
    metrics.headIsDirty = true
    for number in 0..<metrics.nodeCount { metrics.saving.mark(number) }
    try metrics.drainSaving { key, bytes in try bytes.withUnsafeBytes { try other.metrics.decode(key, $0) } }
    other.metrics.finishLoading()
    other.tally = tally
    other.seen = seen
    other.reader = StoryReader(copying: reader, ids: other.ids)
    return other
  }
}

struct StoryTests {
  /// Stories whose point lies before the folds (decoding) or after them (rewards of decisions).
  static let elsewhere: Set<String> = ["T28", "T29", "T37"]

  static func stories() throws -> [[String: Any]] {
    let file = try golden("stories.json") as! [String: Any]
    return file["stories"] as! [[String: Any]]
  }

  static let names: [String] = ((try? stories()) ?? []).map { $0["id"] as! String }.filter { !elsewhere.contains($0) }

  static func options(_ story: [String: Any]) -> LearnOptions {
    var options = LearnOptions()
    let settings = story["settings"] as? [String: Any] ?? [:]
    if let trust = settings["trust"] as? String { options.trust = TrustPreset.named(trust)! }
    if let embedding = settings["embedding"] as? [String: Any] { options.dimension = embedding["dim"] as! Int }
    return options
  }

  @Test(arguments: names, [false, true])
  func `a story gives the features it expects, with and without a restart between its steps`(
    _ name: String, _ restarts: Bool
  ) throws {
    let story = try Self.stories().first { $0["id"] as! String == name }!
    var worker = StoryWorker(Self.options(story))
    let steps = [story] + (story["then"] as? [[String: Any]] ?? [])
    for (index, step) in steps.enumerated() {
      if restarts, index > 0 {
        let before = worker.stored()
        worker = try worker.reloaded()
        #expect(worker.stored() == before)
      }
      for line in step["catalog"] as? [[String: Any]] ?? [] { worker.apply(line) }
      worker.run(step["events"] as? [[String: Any]] ?? [])
      let expected = step["expect"] as? [String: Any] ?? [:]
      if let time = step["sweep_at"] as? NSNumber {
        let moved = worker.titleFold.sweep(at: time.int64Value).map { "content:" + worker.ids.titles.text($0) }
        #expect(moved.sorted() == (expected["republished"] as! [String]).sorted())
        continue
      }
      let time = (step["read_at"] as! NSNumber).int64Value
      for (key, value) in expected where key != "dead_letters" {
        let found = difference(value, worker.read(key, at: time), at: "\(name) step \(index) \(key)", tolerance: 1e-6)
        #expect(found == nil)
      }
    }
  }
}

import Events
import JSON
import Learners
import Ports

/// Every stored row of the folds as text: what two runs are compared by.
///
/// One line a row: kind, TAB, key, TAB, JSON (see ``DumpSink``). Kinds: `arm`, `catalog`, `content`, `decision`,
/// `genre`, `metric`, `model`, `user`. Time-dependent features stand as of their row's `updated_at`. Versions, positions,
/// plans, timers and the publisher's marks are not in it.
extension Road {
  /// Gives out the lines, without their line feed, sorted as bytes (`LC_ALL=C sort`). O(rows), not for hot paths.
  public func dump(_ line: ([UInt8]) -> Void) {
    eachArm(line)
    eachCatalogRow(line)
    eachSorted("content", titleKeys, line) { slot, sink in
      titles.features(
        slot, asOf: titles.row(slot).pointee.updatedAt, catalog: catalog, options: learn, into: &sink)
      titles.memory(slot, into: &sink)
    }
    eachDecision { key, decision in
      write("decision", key, line) { decision.dump(ids: ids, dimension: pendingFolds![0].dimension, into: &$0) }
    }
    var trends: [(key: [UInt8], sum: Double, at: Int64)] = []
    metricFold.pointee.eachGenreTrend(ids: ids) { trends.append((Array($0.utf8), $1, $2)) }
    for trend in trends.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
      write("genre", trend.key, line) { sink in
        sink.number("trend_raw", trend.sum)
        sink.integer("trend_at", trend.at)
      }
    }
    var scopes: [(key: [UInt8], slot: UInt32)] = []
    metricFold.pointee.eachScope(ids: ids) { scopes.append((Array($0.utf8), $1)) }
    eachSorted("metric", scopes, line) { node, sink in metricFold.pointee.series(of: node, into: &sink) }
    eachModelRow { write("model", $0, line, $1) }
    eachSorted("user", viewerKeys, line) { slot, sink in
      viewers.features(slot, ids: ids, options: learn, into: &sink)
      viewers.vectors(
        slot, asOf: viewers.row(slot).pointee.updatedAt, options: learn, reader: historyReaders[0], into: &sink)
      viewers.memory(slot, ids: ids, into: &sink)
    }
  }

  /// The whole dump, each line ended by a line feed.
  public var dumpBytes: [UInt8] {
    var bytes: [UInt8] = []
    dump {
      bytes += $0
      bytes.append(10)
    }
    return bytes
  }

  private func eachArm(_ line: ([UInt8]) -> Void) {
    guard let arms else { return }
    arms.settle()
    let known = (0..<UInt32(ids.titles.count)).filter { arms.contains($0, key: ids.titles.hash(of: $0)) }
    eachSorted("arm", known.map { (Array(ids.titles.bytes($0)), $0) }, line) { slot, sink in
      arms.features(slot, key: ids.titles.hash(of: slot), into: &sink)
    }
  }

  private var titleKeys: [(key: [UInt8], slot: UInt32)] {
    (0..<UInt32(min(titles.slots, ids.titles.count))).filter { titles.row($0).pointee.isAlive }
      .map { (Array(ids.titles.bytes($0)), $0) }
  }

  private var viewerKeys: [(key: [UInt8], slot: UInt32)] {
    (0..<UInt32(min(viewers.slots, ids.viewers.count))).filter { viewers.row($0).pointee.isAlive }
      .map { (Array(ids.viewers.bytes($0)), $0) }
  }

  private func eachCatalogRow(_ line: ([UInt8]) -> Void) {
    catalog.reserve(ids.titles.count)
    let known = (0..<UInt32(ids.titles.count)).filter { catalog.title($0).pointee.isInCatalog }
    eachSorted("catalog", known.map { (Array(ids.titles.bytes($0)), $0) }, line) { slot, sink in
      catalog.features(slot, ids: ids, into: &sink)
    }
  }

  private func eachSorted(
    _ kind: String, _ keys: [(key: [UInt8], slot: UInt32)], _ line: ([UInt8]) -> Void,
    _ body: (UInt32, inout DumpSink) -> Void
  ) {
    for row in keys.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
      write(kind, row.key, line) { body(row.slot, &$0) }
    }
  }

  /// A key's own tabs, line feeds and backslashes are escaped: a row is a line whatever its id.
  private func write(_ kind: String, _ key: [UInt8], _ line: ([UInt8]) -> Void, _ body: (inout DumpSink) -> Void) {
    var bytes = Array(kind.utf8)
    bytes.append(9)
    for byte in key {
      switch byte {
      case 9: bytes += Array("\\t".utf8)
      case 10: bytes += Array("\\n".utf8)
      case 92: bytes += Array("\\\\".utf8)
      default: bytes.append(byte)
      }
    }
    bytes.append(9)
    bytes += DumpSink.object(body)
    line(bytes)
  }
}

/// A state read from its store without a worker: for dumps and comparisons.
extension Road {
  /// - Returns: The road as the state left it, and the state's manifest.
  public static func reading(
    _ state: any StateStore, options: WorkerOptions
  ) throws(WorkerFault) -> (road: Road, manifest: Manifest) {
    let ids = Identities(viewers: options.expectedViewers, titles: options.expectedTitles)
    let road = Road(options: options, ids: ids, onOneThread: true)
    do {
      let manifest = try Manifest(decoding: try state.load { table, slot, row in road.load(table, slot, row) })
      road.finishLoading(manifest)
      return (road, manifest)
    } catch { throw WorkerFault.state(error) }
  }
}

/// Metric rows in the state: one a scope, keyed by kind << 32 | symbol or slot, and a head.
extension MetricFold {
  /// Key of the head row: next border and genre trends.
  public static var headKey: UInt64 { .max }

  /// Hands out every row that changed since the last call, ascending by key; empty bytes = delete it.
  public mutating func drainSaving(_ body: (UInt64, [UInt8]) throws -> Void) rethrows {
    var changed: [UInt32] = []
    saving.drain { changed.append($0) }
    var rows: [(UInt64, [UInt8])] = []
    var gone = Set(deleted)
    deleted.removeAll()
    for index in changed where nodes[Int(index)].isLive {
      var bytes: [UInt8] = []
      encode(nodes[Int(index)], into: &bytes)
      gone.remove(nodes[Int(index)].key)
      rows.append((nodes[Int(index)].key, bytes))
    }
    rows += gone.map { ($0, []) }
    if headIsDirty {
      var bytes: [UInt8] = [1]
      bytes.put(boundary)
      bytes.put(lastBucket)
      bytes.put(touches)
      for trend in genreTrends {
        bytes.put(trend.sum)
        bytes.put(trend.at)
      }
      rows.append((Self.headKey, bytes))
      headIsDirty = false
    }
    for (key, bytes) in rows.sorted(by: { $0.0 < $1.0 }) { try body(key, bytes) }
  }

  /// A save failed: the row of this key is handed out again.
  public mutating func markUnsaved(_ key: UInt64) {
    let id = Int(UInt32(truncatingIfNeeded: key))
    switch key >> 32 {
    case 0: saving.mark(global)
    case 1: if id < genres.count, genres[id] != .max { saving.mark(genres[id]) }
    case 2: if id < titles.count, titles[id] != .max { saving.mark(titles[id]) } else { deleted.append(key) }
    default: headIsDirty = true
    }
  }

  /// Puts a stored row back; ``finishLoading()`` follows the last one.
  public mutating func decode(_ key: UInt64, _ stored: UnsafeRawBufferPointer) throws(StateError) {
    var reader = ByteReader(stored)
    let layout = try reader.take(UInt8.self)
    guard layout == 1 else { throw .unknownLayout(layout) }
    guard key != Self.headKey else {
      boundary = try reader.take(Int64.self)
      lastBucket = try reader.take(Int64.self)
      touches = try reader.take(UInt64.self)
      genreTrends = []
      while !reader.isAtEnd {
        let sum = try reader.take(Double.self)
        genreTrends.append((sum, try reader.take(Int64.self)))
      }
      return
    }
    var node = MetricNode(key: key)
    node.touched = try reader.take(UInt64.self)
    node.bucket = try reader.take(UInt32.self)
    node.series.0 = try Self.series(&reader)
    node.series.1 = try Self.series(&reader)
    node.series.2 = try Self.series(&reader)
    let id = Int(UInt32(truncatingIfNeeded: key))
    switch key >> 32 {
    case 0: nodes[Int(global)] = node
    case 1:
      while genres.count <= id { genres.append(.max) }
      genres[id] = make(key)
      nodes[Int(genres[id])] = node
    default:
      while titles.count <= id { titles.append(.max) }
      titles[id] = make(key)
      nodes[Int(titles[id])] = node
      bytes += node.byteCount
    }
  }

  /// Restores the order in which titles leave.
  public mutating func finishLoading() {
    oldest = .max
    newest = .max
    let order = titles.filter { $0 != .max }.sorted { nodes[Int($0)].touched < nodes[Int($1)].touched }
    for node in order { link(node) }
    headIsDirty = false
    saving.removeAll()
  }

  private func encode(_ node: MetricNode, into bytes: inout [UInt8]) {
    bytes.put(UInt8(1))
    bytes.put(node.touched)
    bytes.put(node.bucket)
    for series in [node.series.0, node.series.1, node.series.2] {
      series.recent.encode(into: &bytes)
      series.hours.encode(into: &bytes)
      bytes.put(series.firedAt)
      bytes.put(series.judgedAt)
      bytes.put(series.direction)
      bytes.put(series.kind)
    }
  }

  private static func series(_ reader: inout ByteReader) throws(StateError) -> MetricSeries {
    var series = MetricSeries()
    try series.recent.decode(&reader)
    try series.hours.decode(&reader)
    series.firedAt = try reader.take(Int64.self)
    series.judgedAt = try reader.take(Int64.self)
    series.direction = try reader.take(UInt8.self)
    series.kind = try reader.take(UInt8.self)
    return series
  }
}

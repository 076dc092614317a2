import Kernels

/// Metric rows in the state: one a scope, keyed by kind << 32 | symbol or slot, and a head.
extension MetricFold {
  /// Key of the head row: next border and genre trends.
  public static var headKey: UInt64 { .max }

  /// Hands out every row that changed since the last call, ascending by key; empty bytes = delete it.
  public mutating func drainSaving(_ body: (UInt64, [UInt8]) throws -> Void) rethrows {
    var gone = Set(deleted)
    deleted.removeAll()
    /// What stands for the head and for rows that are gone.
    let (head, nothing) = (UInt32.max, UInt32.max - 1)
    var rows: [(key: UInt64, node: UInt32)] = []
    rows.reserveCapacity(saving.count + gone.count + 1)
    let nodes = nodes
    saving.drain { number in
      guard nodes.row(number).pointee.isLive else { return }
      let key = nodes.row(number).pointee.key
      gone.remove(key)
      rows.append((key, number))
    }
    for key in gone { rows.append((key, nothing)) }
    if headIsDirty { rows.append((Self.headKey, head)) }
    headIsDirty = false
    var bytes: [UInt8] = []
    rows.sort { $0.key < $1.key }
    for at in rows.indices {
      // Nodes stand anywhere, and their cells elsewhere.
      if at + 8 < rows.count, rows[at + 8].node < nothing {
        prefetch(nodes.row(rows[at + 8].node), bytes: MemoryLayout<MetricNode>.stride)
      }
      if at + 4 < rows.count, rows[at + 4].node < nothing { nodes.row(rows[at + 4].node).pointee.prefetchRuns() }
      let (key, node) = rows[at]
      bytes.removeAll(keepingCapacity: true)
      switch node {
      case head: encodeHead(into: &bytes)
      case nothing: break
      default: encode(nodes.row(node).pointee, into: &bytes)
      }
      try body(key, bytes)
    }
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
      genreTrends.removeAll()
      while !reader.isAtEnd {
        let sum = try reader.take(Double.self)
        genreTrends.append(GenreTrend(sum: sum, at: try reader.take(Int64.self)))
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
    case 0: nodes.row(global).pointee = node
    case 1:
      while genres.count <= id { genres.append(.max) }
      genres[id] = make(key)
      nodes.row(genres[id]).pointee = node
    default:
      while titles.count <= id { titles.append(.max) }
      titles[id] = make(key)
      nodes.row(titles[id]).pointee = node
      bytes += node.byteCount
    }
  }

  /// Nothing that was loaded is to be saved.
  public mutating func finishLoading() {
    leaving = LeavingTitles()
    headIsDirty = false
    saving.removeAll()
  }

  private func encodeHead(into bytes: inout [UInt8]) {
    bytes.put(UInt8(1))
    bytes.put(boundary)
    bytes.put(lastBucket)
    bytes.put(touches)
    for trend in genreTrends.values {
      bytes.put(trend.sum)
      bytes.put(trend.at)
    }
  }

  private func encode(_ node: MetricNode, into bytes: inout [UInt8]) {
    bytes.put(UInt8(1))
    bytes.put(node.touched)
    bytes.put(node.bucket)
    encode(node.series.0, into: &bytes)
    encode(node.series.1, into: &bytes)
    encode(node.series.2, into: &bytes)
  }

  private func encode(_ series: MetricSeries, into bytes: inout [UInt8]) {
    series.recent.encode(into: &bytes)
    series.hours.encode(into: &bytes)
    bytes.put(series.firedAt)
    bytes.put(series.judgedAt)
    bytes.put(series.direction)
    bytes.put(series.kind)
  }

  private static func series(_ reader: inout ByteReader) throws(StateError) -> MetricSeries {
    var (recent, hours) = (Run<MetricCell>(), Run<MetricCell>())
    try recent.decode(&reader)
    try hours.decode(&reader)
    var series = MetricSeries(recent: recent, hours: hours)
    series.firedAt = try reader.take(Int64.self)
    series.judgedAt = try reader.take(Int64.self)
    series.direction = try reader.take(UInt8.self)
    series.kind = try reader.take(UInt8.self)
    return series
  }
}

import Events
import Kernels

/// Computes a viewer's history vector as of a time, by the batch formula over its entries. All weights decay alike: as of
/// another time it differs by last bits.
///
/// One a thread: it holds the buffer the result stands in until the next call.
///
/// - Complexity: one exponential and one vector addition an entry (about 1 us for 100 entries of 128 floats).
public final class HistoryReader {
  private let catalog: Catalog
  private let options: LearnOptions
  private let kernels = VectorKernels.best
  private var buffer: UnsafeMutablePointer<Float>
  /// Floats of the buffer.
  private var length = 0
  /// Of entries: their times, then what those leave of their weights.
  private var decays: UnsafeMutablePointer<Double>
  private var versions: UnsafeMutablePointer<UInt32>
  /// Of entries that have a vector.
  private var weights: UnsafeMutablePointer<Float>
  private var vectors: UnsafeMutablePointer<UnsafePointer<Float>?>
  /// Entries there is room for.
  private var room = 1
  /// By genre.
  private let counts: UnsafeMutablePointer<UInt32>
  /// Genres counted, in the order in which they were met.
  private var met: [UInt16] = []
  private var occurrences = 0

  public init(catalog: Catalog, options: LearnOptions) {
    self.catalog = catalog
    self.options = options
    buffer = .allocate(capacity: 1)
    decays = .allocate(capacity: 1)
    versions = .allocate(capacity: 1)
    weights = .allocate(capacity: 1)
    vectors = .allocate(capacity: 1)
    counts = .allocate(capacity: Symbols.ceiling)
    counts.initialize(repeating: 0, count: Symbols.ceiling)
  }

  deinit {
    buffer.deallocate()
    counts.deallocate()
    freeRoom()
  }

  /// The vector, ``Catalog/stride`` floats, zero while cold; valid until the next call.
  public func vector(of slot: UInt32, in table: ViewerTable, asOf time: Int64) -> UnsafePointer<Float> {
    let stride = table.stride
    if length < stride {
      buffer.deallocate()
      buffer = .allocate(capacity: stride)
      length = stride
    }
    buffer.update(repeating: 0, count: stride)
    let row = table.row(slot)
    guard stride > 0, table.dimension == catalog.dimension else { return UnsafePointer(buffer) }
    switch options.historyForm {
    case .d5: blend(row, time, stride)
    case .d6:
      let weight = mean(row, stride, decayedTo: nil)
      if weight > 0 { kernels.scale(buffer, by: Float(1 / weight), count: stride) }
    case .d7:
      if row.pointee.s.historyCount >= options.historyMinimum, row.pointee.s.historyWeight > 0, let sums = table.sums {
        kernels.add(
          sums.vector(slot), times: Float(1 / row.pointee.s.historyWeight), to: buffer, count: stride)
      }
    }
    return UnsafePointer(buffer)
  }

  /// D5: unit(0.7 mean by weight and recency + 0.3 mean genre vector by share of genre occurrences).
  private func blend(_ row: UnsafeMutablePointer<ViewerRow>, _ time: Int64, _ stride: Int) {
    let weight = mean(row, stride, decayedTo: time)
    defer { for genre in met { counts[Int(genre)] = 0 } }
    guard weight > 0 else {
      buffer.update(repeating: 0, count: stride)
      return
    }
    let share = options.historyGenreShare
    kernels.scale(buffer, by: Float((1 - share) / weight), count: stride)
    for genre in met {
      let part = Float(share * Double(counts[Int(genre)]) / Double(max(1, occurrences)))
      if let vector = catalog.genreVector(genre) { kernels.add(vector, times: part, to: buffer, count: stride) }
    }
    let norm = kernels.norm(buffer, count: stride)
    if norm > 0 { kernels.scale(buffer, by: 1 / norm, count: stride) }
  }

  /// Adds every entry's vector by its weight into the buffer; the weights of those that have a vector. Of those that
  /// decay genres are counted.
  private func mean(_ row: UnsafeMutablePointer<ViewerRow>, _ stride: Int, decayedTo time: Int64?) -> Double {
    let cells = row.history.values
    if room < cells.count { makeRoom(cells.count) }
    if let time { decay(cells, to: Double(time)) }
    // Titles stand anywhere in the catalog: each step asks for what the one after the next reads.
    for at in 0..<cells.count {
      versions[at] = cells[at].entry.catalogVersion
      catalog.prefetch(version: versions[at])
    }
    for at in 0..<min(Self.ahead, cells.count) { catalog.prefetchParts(ofVersion: versions[at]) }
    met.removeAll(keepingCapacity: true)
    occurrences = 0
    var sum = 0.0
    var found = 0
    for at in 0..<cells.count {
      if at + Self.ahead < cells.count { catalog.prefetchParts(ofVersion: versions[at + Self.ahead]) }
      if time != nil { count(catalog.versionGenres(versions[at])) }
      guard let vector = catalog.versionVector(versions[at]) else { continue }
      let weight = time != nil ? cells[at].entry.weight * Float(decays[at]) : cells[at].entry.weight
      guard weight > 0 else { continue }
      vectors[found] = vector
      weights[found] = weight
      found += 1
      sum += Double(weight)
    }
    kernels.add(vectors, times: weights, of: found, to: buffer, count: stride)
    return sum
  }

  private static let ahead = 8

  @inline(__always)
  private func count(_ genres: UnsafeBufferPointer<UInt16>) {
    for genre in genres {
      if counts[Int(genre)] == 0 { met.append(genre) }
      counts[Int(genre)] += 1
    }
    occurrences += genres.count
  }

  /// What the time since each entry leaves of its weight.
  private func decay(_ cells: UnsafeMutableBufferPointer<HistoryCell>, to now: Double) {
    var newest = -Double.infinity
    var oldest = Double.infinity
    for at in 0..<cells.count {
      let time = Double(cells[at].entry.time)
      decays[at] = time
      newest = max(newest, time)
      oldest = min(oldest, time)
    }
    let tau = options.historyTauMs
    if max(newest - now, now - oldest) < 700 * tau {
      kernels.decays(decays, from: now, tau: tau, count: cells.count)
    } else {
      for at in 0..<cells.count { decays[at] = Elementary.exp((decays[at] - now) / tau) }
    }
  }

  private func makeRoom(_ count: Int) {
    freeRoom()
    room = max(count, options.historyTitles)
    decays = .allocate(capacity: room)
    versions = .allocate(capacity: room)
    weights = .allocate(capacity: room)
    vectors = .allocate(capacity: room)
  }

  private func freeRoom() {
    decays.deallocate()
    versions.deallocate()
    weights.deallocate()
    vectors.deallocate()
  }
}

import Events
import Kernels

/// Computes a viewer's history vector as of a time, by the batch formula over its entries.
///
/// One a thread: it holds the buffer the result stands in until the next call.
///
/// - Complexity: one exponential and one vector addition an entry (about 1 us for 100 entries of 128 floats).
public final class HistoryReader {
  private let catalog: Catalog
  private let options: LearnOptions
  private let kernels = VectorKernels.best
  private var buffer: UnsafeMutablePointer<Float>
  private var room = 0
  /// By genre.
  private let counts: UnsafeMutablePointer<UInt32>
  private var met: [UInt16] = []

  public init(catalog: Catalog, options: LearnOptions) {
    self.catalog = catalog
    self.options = options
    buffer = .allocate(capacity: 1)
    counts = .allocate(capacity: Symbols.ceiling)
    counts.initialize(repeating: 0, count: Symbols.ceiling)
  }

  deinit {
    buffer.deallocate()
    counts.deallocate()
  }

  /// The vector, ``Catalog/stride`` floats, zero while cold; valid until the next call.
  public func vector(of slot: UInt32, in table: ViewerTable, asOf time: Int64) -> UnsafePointer<Float> {
    let stride = table.stride
    if room < stride {
      buffer.deallocate()
      buffer = .allocate(capacity: stride)
      room = stride
    }
    buffer.update(repeating: 0, count: stride)
    let row = table.row(slot)
    guard stride > 0, table.dimension == catalog.dimension else { return UnsafePointer(buffer) }
    switch options.historyForm {
    case .d5: blend(row, time, stride)
    case .d6:
      let weight = mean(row, stride) { $0.weight }
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
    let tau = options.historyTauMs
    let weight = mean(row, stride) { $0.weight * Float(Elementary.exp(-Double(time - $0.time) / tau)) }
    guard weight > 0 else {
      buffer.update(repeating: 0, count: stride)
      return
    }
    let share = options.historyGenreShare
    kernels.scale(buffer, by: Float((1 - share) / weight), count: stride)
    let total = countGenres(row)
    for genre in met {
      let part = Float(share * Double(counts[Int(genre)]) / Double(max(1, total)))
      if let vector = catalog.genreVector(genre) { kernels.add(vector, times: part, to: buffer, count: stride) }
      counts[Int(genre)] = 0
    }
    let norm = kernels.norm(buffer, count: stride)
    if norm > 0 { kernels.scale(buffer, by: 1 / norm, count: stride) }
  }

  /// Adds every entry's vector by its weight into the buffer; the weights of those that have a vector.
  private func mean(
    _ row: UnsafeMutablePointer<ViewerRow>, _ stride: Int, _ weigh: (HistoryEntry) -> Float
  ) -> Double {
    var sum = 0.0
    let cells = row.history.values
    for at in 0..<cells.count {
      // Titles stand anywhere in the catalog.
      if at + 2 * Self.ahead < cells.count {
        catalog.prefetch(version: cells[at + 2 * Self.ahead].entry.catalogVersion)
      }
      if at + Self.ahead < cells.count {
        catalog.prefetchParts(ofVersion: cells[at + Self.ahead].entry.catalogVersion)
      }
      let entry = cells[at].entry
      guard let vector = catalog.versionVector(entry.catalogVersion) else { continue }
      let weight = weigh(entry)
      guard weight > 0 else { continue }
      kernels.add(vector, times: weight, to: buffer, count: stride)
      sum += Double(weight)
    }
    return sum
  }

  private static let ahead = 4

  private func countGenres(_ row: UnsafeMutablePointer<ViewerRow>) -> Int {
    met.removeAll(keepingCapacity: true)
    var total = 0
    for cell in row.history.values {
      for genre in catalog.versionGenres(cell.entry.catalogVersion) {
        if counts[Int(genre)] == 0 { met.append(genre) }
        counts[Int(genre)] += 1
        total += 1
      }
    }
    return total
  }
}

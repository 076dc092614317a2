import Glibc

/// The vector of a genre: the mean of the catalog vectors of its titles (decision 5).
///
/// Sums are integers (units of 2^-32), so that neither the order of rows nor a restart can change a bit.
struct GenreVectors {
  private struct Genre {
    var count = 0
    var sums: [Int64]
    var mean: UnsafeMutablePointer<Float>
    var isStale = false
  }
  private var genres: [Genre?] = []
  /// Counts the times that means changed.
  private(set) var generation: UInt32 = 0
  private let dimension: Int
  private let stride: Int

  init(dimension: Int, stride: Int) {
    self.dimension = dimension
    self.stride = stride
  }

  /// Adds (`by` = 1) or takes away (-1) one title's vector.
  mutating func move(_ symbols: UnsafeBufferPointer<UInt16>, _ vector: UnsafePointer<Float>, by sign: Int) {
    for symbol in symbols {
      while genres.count <= Int(symbol) { genres.append(nil) }
      if genres[Int(symbol)] == nil {
        let mean = UnsafeMutablePointer<Float>.allocate(capacity: stride)
        mean.initialize(repeating: 0, count: stride)
        genres[Int(symbol)] = Genre(sums: [Int64](repeating: 0, count: dimension), mean: mean)
      }
      genres[Int(symbol)]!.count += sign
      genres[Int(symbol)]!.isStale = true
      for k in 0..<dimension {
        let held = min(16_384, max(-16_384, Double(vector[k])))
        let units = Int64((held * 4_294_967_296).rounded(.toNearestOrEven))
        genres[Int(symbol)]!.sums[k] &+= units * Int64(sign)
      }
    }
  }

  /// Brings the means up to date; called between turns only, since shards read them.
  mutating func settle() {
    var isChanged = false
    defer { if isChanged { generation &+= 1 } }
    for index in genres.indices where genres[index]?.isStale == true {
      let genre = genres[index]!
      for k in 0..<dimension {
        genre.mean[k] = genre.count > 0 ? Float(Double(genre.sums[k]) / 4_294_967_296 / Double(genre.count)) : 0
      }
      genres[index]!.isStale = false
      isChanged = true
    }
  }

  /// The mean of a genre, nil if no title of it has a vector.
  func mean(_ symbol: UInt16) -> UnsafePointer<Float>? {
    guard Int(symbol) < genres.count, let genre = genres[Int(symbol)], genre.count > 0 else { return nil }
    return UnsafePointer(genre.mean)
  }

  func free() {
    for case let genre? in genres { genre.mean.deallocate() }
  }
}

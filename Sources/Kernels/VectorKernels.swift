import CKernels

/// Float kernels that change state: one fixed reduction shape, so that every instruction set gives the same bits.
///
/// Element-wise steps are multiply, then add; sums run in 16 partial sums and one tree. A call costs 4-10 ns at
/// 128 floats.
public struct VectorKernels: @unchecked Sendable {
  private let table: UnsafePointer<ck_vector_table>

  /// All variants this machine runs, best first; the last is the plain loop that the others must equal.
  public static let all: [VectorKernels] = (0..<ck_vector_variants()).map {
    VectorKernels(table: ck_vector_variant($0)!)
  }
  public static let best = all[0]

  public var name: String { String(cString: table.pointee.name) }

  /// u = decay * u + scale * c
  @inline(__always)
  public func ema(
    _ u: UnsafeMutablePointer<Float>, toward c: UnsafePointer<Float>, decay: Float, scale: Float, count: Int
  ) { table.pointee.ema(u, c, decay, scale, count) }

  /// u = decay * u + scale * c, then of unit length; zeros stay zeros. Returns the length it had.
  @inline(__always) @discardableResult
  public func emaUnit(
    _ u: UnsafeMutablePointer<Float>, toward c: UnsafePointer<Float>, decay: Float, scale: Float, count: Int
  ) -> Float { table.pointee.ema_unit(u, c, decay, scale, count) }

  /// u += scale * c
  @inline(__always)
  public func add(_ c: UnsafePointer<Float>, times scale: Float, to u: UnsafeMutablePointer<Float>, count: Int) {
    table.pointee.add(u, c, scale, count)
  }

  /// u += scales[k] * vectors[k], one k after another: the bits of so many calls of ``add(_:times:to:count:)``.
  @inline(__always)
  public func add(
    _ vectors: UnsafePointer<UnsafePointer<Float>?>, times scales: UnsafePointer<Float>, of number: Int,
    to u: UnsafeMutablePointer<Float>, count: Int
  ) { table.pointee.add_all(u, vectors, scales, number, count) }

  @inline(__always)
  public func scale(_ u: UnsafeMutablePointer<Float>, by factor: Float, count: Int) {
    table.pointee.scale(u, factor, count)
  }

  @inline(__always)
  public func dot(_ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, count: Int) -> Float {
    table.pointee.dot(a, b, count)
  }

  /// x = e to the (x - from) / tau, the bits of ``Elementary/exp(_:)``, for x within 700 tau of `from`. About 1 ns a
  /// number.
  @inline(__always)
  public func decays(_ x: UnsafeMutablePointer<Double>, from: Double, tau: Double, count: Int) {
    table.pointee.decays(x, from, tau, count)
  }

  /// Length of a vector.
  public func norm(_ a: UnsafePointer<Float>, count: Int) -> Float { dot(a, a, count: count).squareRoot() }
}

/// Index of the last `value` in a list, scanned from its end in blocks.
@inline(__always)
public func findLast(_ value: UInt32, in list: UnsafePointer<UInt32>?, count: Int) -> Int {
  guard let list else { return -1 }
  return ck_find_u32(list, count, value)
}

/// Index of the last cell whose bits from `shift` up equal `value`.
@inline(__always)
public func findLast(_ value: UInt64, shift: UInt32, in list: UnsafePointer<UInt64>?, count: Int) -> Int {
  guard let list else { return -1 }
  return ck_find_u64(list, count, shift, value)
}

/// Places of those cells of 14 bytes (weight f32, 4 bytes, time i48) that may weigh least; `ck_lightest.h` says how.
@inline(__always)
public func lightestCells(
  _ cells: UnsafeRawBufferPointer, at time: Int64, rate: UInt32, floor: Int32, slack: Int32,
  _ places: UnsafeMutableBufferPointer<UInt16>
) -> Int {
  guard let base = cells.baseAddress else { return -1 }
  return Int(
    ck_lightest(
      base.assumingMemoryBound(to: UInt8.self), cells.count / 14, time, rate, floor, slack, places.baseAddress,
      Int32(places.count)))
}

/// The lightest of those cells, lightest first: their logarithms, as they stand 2^30 units of 256 ms after `time`, and
/// places. All others have at least the last of these logarithms. 0 = it cannot tell.
@inline(__always)
public func lightestFew(
  _ cells: UnsafeRawBufferPointer, at time: Int64, rate: UInt32, floor: Int32,
  _ keys: UnsafeMutablePointer<Int32>, _ places: UnsafeMutablePointer<UInt16>, room: Int
) -> Int {
  guard let base = cells.baseAddress else { return 0 }
  return Int(
    ck_lightest_few(
      base.assumingMemoryBound(to: UInt8.self), cells.count / 14, time, rate, floor, keys, places, Int32(room)))
}

/// The logarithm that these go by, of a normal float by its bits.
@inline(__always)
public func logarithm(ofFloat bits: UInt32) -> UInt32 { ck_log2(bits) }

/// Asks for cache lines that a fold will soon change; changes nothing.
@inline(__always)
public func prefetch(_ from: UnsafeRawPointer, bytes: Int) { ck_prefetch_lines(from, (bytes + 63) / 64) }

/// The same for what is only read: lines that several shards read stay in the caches of all.
@inline(__always)
public func prefetchShared(_ from: UnsafeRawPointer, bytes: Int) { ck_prefetch_lines_shared(from, (bytes + 63) / 64) }

/// Tells the core that this thread waits for another's memory.
@inline(__always)
public func pauseBriefly() { ck_pause() }

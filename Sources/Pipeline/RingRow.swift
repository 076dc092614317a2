import Kernels

/// A saved row of the de-duplication ring: its number, then each id's hash and how far its time is from the one before,
/// zigzag, in groups of seven bits. 9 bytes an id where events are close, 16 in rows of older states, which have the
/// time itself.
private enum RingRow {
  /// In the row's number: times are differences.
  static let isPacked: UInt64 = 1 << 63
  static let most = 8 + 10
}

/// Writes rows one after another into the same memory.
struct RingPacker: ~Copyable {
  private let base: UnsafeMutableRawPointer
  private var count = 0
  private var previous: Int64 = 0

  init(entries: Int) { base = .allocate(byteCount: 8 + entries * RingRow.most, alignment: 8) }

  deinit { base.deallocate() }

  /// The row begun last, lent until the next begins.
  var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count) }

  mutating func begin(row: UInt64) {
    base.storeBytes(of: row | RingRow.isPacked, as: UInt64.self)
    count = 8
    previous = 0
  }

  @inline(__always)
  mutating func put(_ hash: UInt64, _ time: Int64) {
    base.storeBytes(of: hash, toByteOffset: count, as: UInt64.self)
    count += 8
    let difference = time &- previous
    previous = time
    var left = UInt64(bitPattern: difference << 1 ^ difference >> 63)
    while left > 127 {
      base.storeBytes(of: UInt8(truncatingIfNeeded: left) | 128, toByteOffset: count, as: UInt8.self)
      left >>= 7
      count += 1
    }
    base.storeBytes(of: UInt8(left), toByteOffset: count, as: UInt8.self)
    count += 1
  }
}

/// Reads a saved row of either form.
struct RingReader {
  let row: UInt64
  private let isPacked: Bool
  private var reader: ByteReader
  private var previous: Int64 = 0

  init(_ bytes: UnsafeRawBufferPointer) {
    reader = ByteReader(bytes)
    let number = reader.take(UInt64.self)
    row = number & ~RingRow.isPacked
    isPacked = number & RingRow.isPacked != 0
  }

  /// The next id; nil = the row is at its end.
  mutating func next() -> (hash: UInt64, time: Int64)? {
    guard reader.remaining >= (isPacked ? 9 : 16) else { return nil }
    let hash = reader.take(UInt64.self)
    guard isPacked else { return (hash, reader.take(Int64.self)) }
    var left: UInt64 = 0
    var shift: UInt64 = 0
    while reader.remaining > 0, shift < 64 {
      let byte = reader.take(UInt8.self)
      left |= UInt64(byte & 127) << shift
      shift += 7
      if byte < 128 { break }
    }
    previous &+= Int64(bitPattern: left >> 1) ^ -Int64(bitPattern: left & 1)
    return (hash, previous)
  }
}

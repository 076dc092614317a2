/// A value as Feast's online stores know it: `feast.types.Value`.
public enum FeastValue: Sendable, Equatable {
  case integer(Int64)
  case double(Double)
  case float(Float)
  case text(String)
  case flag(Bool)
  case floats([Float])

  /// Appends the protobuf form. Zero values are written, since Feast reads a missing one as null.
  public func encode(into bytes: inout [UInt8]) {
    switch self {
    case .text(let value):
      bytes.append(0x12)
      Self.varint(UInt64(value.utf8.count), into: &bytes)
      bytes += value.utf8
    case .integer(let value):
      bytes.append(0x20)
      Self.varint(UInt64(bitPattern: value), into: &bytes)
    case .double(let value):
      bytes.append(0x29)
      Self.fixed(value.bitPattern, into: &bytes)
    case .float(let value):
      bytes.append(0x35)
      Self.fixed(value.bitPattern, into: &bytes)
    case .flag(let value): bytes += [0x38, value ? 1 : 0]
    case .floats(let values):
      bytes += [0x82, 0x01]
      var inner: [UInt8] = []
      if !values.isEmpty {
        inner.append(0x0a)
        Self.varint(UInt64(4 * values.count), into: &inner)
      }
      Self.varint(UInt64(inner.count + 4 * values.count), into: &bytes)
      bytes += inner
      for value in values { Self.fixed(value.bitPattern, into: &bytes) }
    }
  }

  /// Appends a `google.protobuf.Timestamp`; Unix ms.
  static func encode(timestamp: Int64, into bytes: inout [UInt8]) {
    let milliseconds = (timestamp % 1000 + 1000) % 1000
    let seconds = (timestamp - milliseconds) / 1000
    if seconds != 0 {
      bytes.append(0x08)
      varint(UInt64(bitPattern: seconds), into: &bytes)
    }
    if milliseconds != 0 {
      bytes.append(0x10)
      varint(UInt64(milliseconds * 1_000_000), into: &bytes)
    }
  }

  private static func varint(_ value: UInt64, into bytes: inout [UInt8]) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(truncatingIfNeeded: rest))
  }

  static func fixed(_ value: some FixedWidthInteger, into bytes: inout [UInt8]) {
    withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
  }
}

/// A value of a join key.
public enum FeastEntity: Sendable, Equatable {
  case text(String)
  case integer(Int64)

  func encode(into bytes: inout [UInt8]) {
    switch self {
    case .text(let value):
      FeastValue.fixed(UInt32(2), into: &bytes)
      FeastValue.fixed(UInt32(value.utf8.count), into: &bytes)
      bytes += value.utf8
    case .integer(let value):
      FeastValue.fixed(UInt32(4), into: &bytes)
      FeastValue.fixed(UInt32(8), into: &bytes)
      FeastValue.fixed(value, into: &bytes)
    }
  }
}

/// murmur3, x86, 32 bits, seed 0 (Appleby): how Feast names a feature inside a row.
func murmur3(_ bytes: some Collection<UInt8>) -> UInt32 {
  func rotated(_ value: UInt32, _ count: UInt32) -> UInt32 { value << count | value >> (32 - count) }
  func scrambled(_ word: UInt32) -> UInt32 { rotated(word &* 0xcc9e_2d51, 15) &* 0x1b87_3593 }
  var hash: UInt32 = 0
  var word: UInt32 = 0
  var shift: UInt32 = 0
  for byte in bytes {
    word |= UInt32(byte) << shift
    shift += 8
    if shift == 32 {
      hash = rotated(hash ^ scrambled(word), 13) &* 5 &+ 0xe654_6b64
      word = 0
      shift = 0
    }
  }
  if shift > 0 { hash ^= scrambled(word) }
  hash ^= UInt32(truncatingIfNeeded: bytes.count)
  hash = (hash ^ hash >> 16) &* 0x85eb_ca6b
  hash = (hash ^ hash >> 13) &* 0xc2b2_ae35
  return hash ^ hash >> 16
}

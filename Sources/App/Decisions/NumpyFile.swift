/// A numpy array as `.npy` bytes: version 1.0, little-endian, C order.
///
/// - SeeAlso: NumPy's `numpy.lib.format`.
enum NumpyFile {
  static func bytes(_ values: [Double], shape: [Int]) -> [UInt8] {
    var out = header("<f8", shape)
    out.reserveCapacity(out.count + 8 * values.count)
    for value in values { withUnsafeBytes(of: value.bitPattern.littleEndian) { out.append(contentsOf: $0) } }
    return out
  }

  static func bytes(_ values: [Int64], shape: [Int]) -> [UInt8] {
    var out = header("<i8", shape)
    out.reserveCapacity(out.count + 8 * values.count)
    for value in values { withUnsafeBytes(of: value.littleEndian) { out.append(contentsOf: $0) } }
    return out
  }

  /// Padded so that the values begin at a multiple of 64 bytes.
  private static func header(_ type: String, _ shape: [Int]) -> [UInt8] {
    let sizes = shape.map { "\($0)," }.joined(separator: " ")
    var text = "{'descr': '\(type)', 'fortran_order': False, 'shape': (\(sizes)), }"
    text += String(repeating: " ", count: 63 - (10 + text.utf8.count) % 64) + "\n"
    let length = UInt16(text.utf8.count)
    return [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(length & 255), UInt8(length >> 8)] + Array(text.utf8)
  }
}

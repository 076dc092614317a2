/// A stored row that cannot be read back.
public enum StateError: Error, Equatable {
  case truncated(at: Int)
  case unknownLayout(UInt8)
  case dimension(expected: Int, found: Int)
}

/// Reads plain values from a stored row, little-endian, unaligned.
struct ByteReader {
  private let base: UnsafeRawBufferPointer
  private(set) var at = 0

  init(_ bytes: UnsafeRawBufferPointer) { base = bytes }

  var isAtEnd: Bool { at == base.count }

  mutating func take<T: BitwiseCopyable>(_ type: T.Type) throws(StateError) -> T {
    let size = MemoryLayout<T>.size
    guard at + size <= base.count else { throw .truncated(at: at) }
    defer { at += size }
    return base.loadUnaligned(fromByteOffset: at, as: type)
  }

  mutating func bytes(_ count: Int) throws(StateError) -> UnsafeRawBufferPointer {
    guard count >= 0, at + count <= base.count else { throw .truncated(at: at) }
    defer { at += count }
    return UnsafeRawBufferPointer(rebasing: base[at..<(at + count)])
  }
}

extension [UInt8] {
  mutating func put<T: BitwiseCopyable>(_ value: T) {
    Swift.withUnsafeBytes(of: value) { append(contentsOf: $0) }
  }
}

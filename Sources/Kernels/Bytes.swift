/// Little-endian writing of stored rows, plans and manifests.
extension [UInt8] {
  @inlinable
  public mutating func put<T: BitwiseCopyable>(_ value: T) {
    Swift.withUnsafeBytes(of: value) { append(contentsOf: $0) }
  }

  /// A count of up to 4 GiB, then the bytes.
  public mutating func putRun(_ bytes: some Collection<UInt8>) {
    put(UInt32(bytes.count))
    append(contentsOf: bytes)
  }

  public mutating func putText(_ text: String) { putRun(text.utf8) }
}

/// Reads what ``Swift/Array/put(_:)`` wrote. Past the end it yields zeros and remembers that it did.
public struct ByteReader {
  private let bytes: UnsafeRawBufferPointer
  public private(set) var at = 0
  /// True once something was read past the end: the row is not what it claims to be.
  public private(set) var isTorn = false

  public init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  public var remaining: Int { bytes.count - at }

  @inlinable
  public mutating func take<T: BitwiseCopyable>(_ type: T.Type) -> T where T: ExpressibleByIntegerLiteral {
    guard let start = advance(MemoryLayout<T>.size) else { return 0 }
    return start.loadUnaligned(as: T.self)
  }

  public mutating func takeRun() -> UnsafeRawBufferPointer {
    let count = Int(take(UInt32.self))
    guard let start = advance(count) else { return UnsafeRawBufferPointer(start: nil, count: 0) }
    return UnsafeRawBufferPointer(start: start, count: count)
  }

  public mutating func takeText() -> String { String(decoding: takeRun(), as: UTF8.self) }

  @usableFromInline
  mutating func advance(_ count: Int) -> UnsafeRawPointer? {
    guard count >= 0, at + count <= bytes.count else {
      isTorn = true
      at = bytes.count
      return nil
    }
    defer { at += count }
    return bytes.baseAddress.map { $0 + at }
  }
}

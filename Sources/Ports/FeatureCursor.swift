/// Walks the operations of a batch without building anything; the way stores read one.
///
/// The bytes are those of ``FeatureBatch/bytes``, lent by `withUnsafeBytes`. After ``next()`` said true, call
/// ``nextField()`` at most `fieldCount` times; what was not read is skipped by the next ``next()``.
public struct FeatureCursor {
  @usableFromInline let bytes: UnsafeRawBufferPointer
  @usableFromInline var at = 0
  @usableFromInline var left = 0
  public var operation = FeatureBatch.Operation.put
  public var key = UnsafeRawBufferPointer(start: nil, count: 0)
  public var fieldCount = 0

  @inlinable public init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  /// Moves to the next operation; false = there is none.
  @inlinable public mutating func next() -> Bool {
    while left > 0 { _ = nextField() }
    guard at < bytes.count else { return false }
    guard let operation = FeatureBatch.Operation(rawValue: bytes[at]) else {
      preconditionFailure("a batch holds operations only")
    }
    self.operation = operation
    at += 1
    key = take(read16())
    fieldCount = read16()
    left = fieldCount
    return true
  }

  @inlinable public mutating func nextField() -> (name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer) {
    left -= 1
    let name = take(read16())
    let count = Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt32.self)))
    at += 4
    return (name, take(count))
  }

  @inlinable mutating func read16() -> Int {
    defer { at += 2 }
    return Int(UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt16.self)))
  }

  @inlinable mutating func take(_ count: Int) -> UnsafeRawBufferPointer {
    defer { at += count }
    return UnsafeRawBufferPointer(rebasing: bytes[at..<(at + count)])
  }
}

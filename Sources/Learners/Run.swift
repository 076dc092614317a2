import Glibc

/// A growable list of plain values inside a row: a pointer and two counts, 16 bytes, no reference counts.
///
/// Its row owns the memory and gives it back by ``free()``; copying the row copies the pointer, so only one copy
/// may live on. Grows to the allocator's next size, 12 to 25 % more: a million short lists must not be half empty.
public struct Run<Element: BitwiseCopyable>: BitwiseCopyable {
  public private(set) var base: UnsafeMutablePointer<Element>?
  private var used: UInt32 = 0
  private var room: UInt32 = 0

  public init() {}

  public var count: Int { Int(used) }
  public var isEmpty: Bool { used == 0 }
  public var byteCount: Int { Int(room) * MemoryLayout<Element>.stride }
  public var values: UnsafeMutableBufferPointer<Element> { UnsafeMutableBufferPointer(start: base, count: count) }

  @inline(__always)
  public subscript(_ index: Int) -> Element {
    get { base.unsafelyUnwrapped[index] }
    nonmutating set { base.unsafelyUnwrapped[index] = newValue }
  }

  @inline(__always)
  public mutating func append(_ element: Element) {
    if used == room { grow(by: 1) }
    base.unsafelyUnwrapped[Int(used)] = element
    used += 1
  }

  public mutating func append(contentsOf more: UnsafeRawBufferPointer) {
    let number = more.count / MemoryLayout<Element>.stride
    guard number > 0, let from = more.baseAddress else { return }
    if Int(room) - Int(used) < number { grow(by: number) }
    memcpy(base.unsafelyUnwrapped + Int(used), from, number * MemoryLayout<Element>.stride)
    used += UInt32(number)
  }

  /// Takes the first `number` out; the others move up.
  public mutating func removeFirst(_ number: Int = 1) {
    guard number > 0, let base else { return }
    used -= UInt32(number)
    memmove(base, base + number, Int(used) * MemoryLayout<Element>.stride)
  }

  public mutating func removeAll() { used = 0 }

  public mutating func free() {
    Glibc.free(base)
    base = nil
    used = 0
    room = 0
  }

  private mutating func grow(by number: Int) {
    let bytes = Self.allocated((Int(used) + number) * MemoryLayout<Element>.stride)
    guard let moved = realloc(base, bytes) else { fatalError("out of memory") }
    base = moved.assumingMemoryBound(to: Element.self)
    room = UInt32(bytes / MemoryLayout<Element>.stride)
  }

  /// What the allocator sets aside for so many bytes: steps of 16, from 128 on four steps to a doubling.
  private static func allocated(_ bytes: Int) -> Int {
    let step = bytes <= 128 ? 16 : (1 << (Int.bitWidth - 1 - (bytes - 1).leadingZeroBitCount)) / 4
    return (bytes + step - 1) / step * step
  }
}

extension Run {
  func encode(into bytes: inout [UInt8]) {
    bytes.put(used)
    bytes.append(contentsOf: UnsafeRawBufferPointer(values))
  }

  mutating func decode(_ reader: inout ByteReader) throws(StateError) {
    removeAll()
    let number = Int(try reader.take(UInt32.self))
    append(contentsOf: try reader.bytes(number * MemoryLayout<Element>.stride))
  }
}

/// Up to 16 bytes of a word as two machine words; longer ones are no short word.
struct ShortWord: Equatable {
  var low: UInt64
  var high: UInt64

  static let empty = ShortWord(low: 0, high: 0)

  private init(low: UInt64, high: UInt64) {
    self.low = low
    self.high = high
  }

  @inline(__always)
  init?(_ bytes: UnsafeRawBufferPointer) {
    guard bytes.count > 0 else { return nil }
    self.init(bytes.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: UInt8.self), bytes.count)
  }

  @inline(__always)
  init?(_ start: UnsafePointer<UInt8>, _ count: Int) {
    guard count <= 16 else { return nil }
    low = ShortWord.load(start, min(count, 8))
    high = count > 8 ? ShortWord.load(start + 8, count - 8) : 0
  }

  init?(_ word: String) {
    let bytes = Array(word.utf8)
    guard bytes.count <= 16 else { return nil }
    self = bytes.withUnsafeBufferPointer { buffer in
      ShortWord(buffer.baseAddress ?? Token.nowhere, buffer.count)!
    }
  }

  /// Whether these first bytes are all of printable ASCII.
  @inline(__always)
  func isPrintable(_ count: Int) -> Bool {
    ShortWord.isPrintable(low, min(count, 8)) && (count <= 8 || ShortWord.isPrintable(high, count - 8))
  }

  @inline(__always)
  private static func isPrintable(_ word: UInt64, _ count: Int) -> Bool {
    // Blanks behind the end; then neither bit 7, nor 0x7f, nor below 0x20 anywhere.
    let filled = count == 8 ? word : word | 0x2020_2020_2020_2020 << UInt64(8 * count)
    let high: UInt64 = 0x8080_8080_8080_8080
    return (filled | (filled &+ 0x0101_0101_0101_0101) | (filled &- 0x2020_2020_2020_2020)) & high == 0
  }

  /// 0...8 bytes, little endian, never reading past the last.
  @inline(__always)
  private static func load(_ p: UnsafePointer<UInt8>, _ n: Int) -> UInt64 {
    let raw = UnsafeRawPointer(p)
    if n == 8 { return raw.loadUnaligned(as: UInt64.self) }
    if n >= 4 {
      let first = UInt64(raw.loadUnaligned(as: UInt32.self))
      let last = UInt64(raw.loadUnaligned(fromByteOffset: n - 4, as: UInt32.self))
      return first | last << UInt64(8 * (n - 4))
    }
    if n == 0 { return 0 }
    return UInt64(p[0]) | UInt64(p[n / 2]) << UInt64(8 * (n / 2)) | UInt64(p[n - 1]) << UInt64(8 * (n - 1))
  }
}

/// What a checkpoint keeps of a learner: little-endian words, read back into a learner made with the same settings.
public protocol BanditState {
  func encode(into bytes: inout [UInt8])
  /// False when the bytes are not such a state; the learner is then not to be used.
  mutating func decode(_ reader: inout StateReader) -> Bool
}

/// Walks the bytes of a state; every read says whether it was there.
public struct StateReader {
  private let bytes: [UInt8]
  private var at = 0
  public init(_ bytes: [UInt8]) { self.bytes = bytes }
  public var isAtEnd: Bool { at == bytes.count }

  public mutating func word() -> UInt64? {
    guard bytes.count - at >= 8 else { return nil }
    defer { at += 8 }
    return bytes.withUnsafeBytes { UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: at, as: UInt64.self)) }
  }

  public mutating func words(_ n: Int) -> [UInt64]? {
    guard n >= 0, (bytes.count - at) / 8 >= n else { return nil }
    var all: [UInt64] = []
    all.reserveCapacity(n)
    for _ in 0..<n { all.append(word()!) }
    return all
  }

  public mutating func doubles(_ n: Int) -> [Double]? { words(n).map { $0.map(Double.init(bitPattern:)) } }

  public mutating func text() -> String? {
    guard let n = word(), n <= UInt64(bytes.count - at) else { return nil }
    defer { at += Int(n) }
    return String(decoding: bytes[at..<(at + Int(n))], as: UTF8.self)
  }
}

extension [UInt8] {
  mutating func append(little word: UInt64) { Swift.withUnsafeBytes(of: word.littleEndian) { append(contentsOf: $0) } }
  mutating func append(_ numbers: [Double]) { for number in numbers { append(little: number.bitPattern) } }
  mutating func append(text: String) {
    append(little: UInt64(text.utf8.count))
    append(contentsOf: text.utf8)
  }
}

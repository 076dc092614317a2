import JSON
import Learners
import Ports

/// Writes features as JSON members, in the order the row gives them.
public struct JSONFeatureSink: FeatureSink {
  /// How numbers are written.
  public enum Numbers: Sendable {
    /// Shortest text that reads back to the same double.
    case decimal
    /// The bit pattern in hexadecimal, quoted: two dumps are equal exactly when the states are.
    case bits
  }
  public var writer = JSONWriter()
  private let numbers: Numbers
  /// A bit a value that is open, the innermost lowest: 1 = a list, in which names are left out.
  private var lists: UInt64 = 0

  public init(numbers: Numbers = .decimal) { self.numbers = numbers }

  fileprivate mutating func open(list: Bool) { lists = lists << 1 | (list ? 1 : 0) }

  private mutating func name(_ name: String) {
    if lists & 1 == 0 { writer.key(name) }
  }
  public mutating func integer(_ name: String, _ value: Int64) {
    self.name(name)
    writer.integer(value)
  }
  public mutating func number(_ name: String, _ value: Double) {
    self.name(name)
    plain(value)
  }
  public mutating func flag(_ name: String, _ value: Bool) {
    self.name(name)
    writer.bool(value)
  }
  public mutating func text(_ name: String, _ value: String) {
    self.name(name)
    writer.string(value)
  }
  public mutating func null(_ name: String) {
    self.name(name)
    writer.null()
  }
  public mutating func vector(_ name: String, _ value: UnsafeBufferPointer<Float>) {
    self.name(name)
    writer.beginArray()
    for x in value {
      switch numbers {
      case .decimal: writer.raw(x == x.rounded() && abs(x) < 1e6 ? String(Int(x)) : x.description)
      case .bits: writer.string(String(x.bitPattern, radix: 16))
      }
    }
    writer.endArray()
  }
  public mutating func beginObject(_ name: String) {
    self.name(name)
    writer.beginObject()
    open(list: false)
  }
  public mutating func beginList(_ name: String) {
    self.name(name)
    writer.beginArray()
    open(list: true)
  }
  public mutating func end() {
    if lists & 1 == 1 { writer.endArray() } else { writer.endObject() }
    lists >>= 1
  }

  private mutating func plain(_ value: Double) {
    switch numbers {
    case .decimal: writer.number(value)
    case .bits: writer.string(String(value.bitPattern, radix: 16))
    }
  }

  /// Runs `body` inside one object and returns its JSON.
  public static func object(numbers: Numbers = .decimal, _ body: (inout JSONFeatureSink) -> Void) -> [UInt8] {
    var sink = JSONFeatureSink(numbers: numbers)
    sink.writer.beginObject()
    body(&sink)
    sink.writer.endObject()
    return sink.writer.bytes
  }
}

/// Writes features as fields of a hash: scalars as text, vectors as little-endian Float32, all else as JSON.
struct StoreFeatureSink: FeatureSink {
  var batch: FeatureBatch
  private var nested = JSONFeatureSink()
  private var depth = 0
  private var open = ""
  private var scratch: [UInt8] = []

  private mutating func scalar(_ name: String, _ write: (inout [UInt8]) -> Void) {
    scratch.removeAll(keepingCapacity: true)
    write(&scratch)
    scratch.withUnsafeBytes { batch.field(name, $0) }
  }

  init(batch: consuming FeatureBatch) { self.batch = batch }

  mutating func integer(_ name: String, _ value: Int64) {
    guard depth == 0 else { return nested.integer(name, value) }
    scalar(name) { $0.appendDecimal(value) }
  }
  mutating func number(_ name: String, _ value: Double) {
    guard depth == 0 else { return nested.number(name, value) }
    scalar(name) {
      if value == value.rounded() && abs(value) < 1e15 {
        $0.appendDecimal(Int64(value))
      } else {
        $0.appendText(of: value)
      }
    }
  }
  mutating func flag(_ name: String, _ value: Bool) {
    guard depth == 0 else { return nested.flag(name, value) }
    batch.field(name, value ? "true" : "false")
  }
  mutating func text(_ name: String, _ value: String) {
    guard depth == 0 else { return nested.text(name, value) }
    batch.field(name, value)
  }
  mutating func null(_ name: String) {
    guard depth == 0 else { return nested.null(name) }
    batch.field(name, "null")
  }
  mutating func vector(_ name: String, _ value: UnsafeBufferPointer<Float>) {
    guard depth == 0 else { return nested.vector(name, value) }
    batch.field(name, UnsafeRawBufferPointer(value))
  }
  mutating func beginObject(_ name: String) {
    guard depth == 0 else {
      depth += 1
      return nested.beginObject(name)
    }
    open = name
    depth = 1
    nested.writer.removeAll()
    nested.writer.beginObject()
    nested.open(list: false)
  }
  mutating func beginList(_ name: String) {
    guard depth == 0 else {
      depth += 1
      return nested.beginList(name)
    }
    open = name
    depth = 1
    nested.writer.removeAll()
    nested.writer.beginArray()
    nested.open(list: true)
  }
  mutating func kept(_ count: Int) {
    for _ in 0..<count { batch.keptField() }
  }
  mutating func end() {
    nested.end()
    depth -= 1
    if depth == 0 { nested.writer.bytes.withUnsafeBytes { batch.field(open, $0) } }
  }
}

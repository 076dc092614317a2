/// Writes JSON into one buffer, front to back.
///
/// Commas are placed here, so callers only say keys and values; pairing `begin…` with `end…` is theirs.
/// What it writes is compact, UTF-8, and the same bytes for the same calls.
///
/// - Complexity: appends only; a number costs its digits, a string its bytes.
public struct JSONWriter: Sendable {
  public private(set) var bytes: [UInt8] = []
  /// The next key or value stands after another one.
  private var follows = false

  public init(reserving capacity: Int = 0) { bytes.reserveCapacity(capacity) }

  /// What was written, as text.
  public var text: String { String(decoding: bytes, as: UTF8.self) }

  /// Starts over in the same memory.
  public mutating func removeAll() {
    bytes.removeAll(keepingCapacity: true)
    follows = false
  }

  // MARK: Containers

  public mutating func beginObject() { open(0x7b) }
  public mutating func endObject() { close(0x7d) }
  public mutating func beginArray() { open(0x5b) }
  public mutating func endArray() { close(0x5d) }
  public mutating func beginObject(_ key: String) {
    self.key(key)
    open(0x7b)
  }
  public mutating func beginArray(_ key: String) {
    self.key(key)
    open(0x5b)
  }

  // MARK: Values

  public mutating func key(_ name: String) {
    var name = name
    name.withUTF8 { key(utf8: UnsafeRawBufferPointer($0)) }
  }

  /// A key given as bytes of UTF-8.
  public mutating func key(utf8 name: UnsafeRawBufferPointer) {
    bytes.appendQuoted(name, after: follows, before: 0x3a)
    follows = false
  }

  public mutating func string(_ value: String) {
    var value = value
    value.withUTF8 { string(utf8: UnsafeRawBufferPointer($0)) }
  }

  /// A string given as bytes of UTF-8, which the caller answers for.
  public mutating func string(utf8 value: UnsafeRawBufferPointer) {
    bytes.appendQuoted(value, after: follows)
    follows = true
  }

  public mutating func integer(_ value: some BinaryInteger) {
    separate()
    bytes.appendDecimal(Int64(value))
    follows = true
  }

  /// The shortest text that reads back as the same number; `null` for what JSON cannot say (NaN, infinities).
  ///
  /// - Parameter integers: Writes 3.0 as `3`.
  public mutating func number(_ value: Double, integers: Bool = false) {
    separate()
    bytes.appendNumber(value, integers: integers)
    follows = true
  }

  public mutating func bool(_ value: Bool) { raw(value ? "true" : "false") }
  public mutating func null() { raw("null") }

  /// A value that is JSON already.
  public mutating func raw(_ json: String) {
    separate()
    bytes.append(contentsOf: json.utf8)
    follows = true
  }

  /// A value that is JSON already, as bytes.
  public mutating func raw(_ json: some Collection<UInt8>) {
    separate()
    bytes.append(contentsOf: json)
    follows = true
  }

  public mutating func value(_ value: JSONValue, sorted: Bool = false) {
    separate()
    value.write(into: &bytes, sorted: sorted)
    follows = true
  }

  // MARK: Fields

  public mutating func field(_ name: String, _ value: String?) {
    key(name)
    if let value { string(value) } else { null() }
  }
  public mutating func field(_ name: String, _ value: (some BinaryInteger)?) {
    key(name)
    if let value { integer(value) } else { null() }
  }
  public mutating func field(_ name: String, _ value: Double?, integers: Bool = false) {
    key(name)
    if let value { number(value, integers: integers) } else { null() }
  }
  public mutating func field(_ name: String, _ value: Bool?) {
    key(name)
    if let value { bool(value) } else { null() }
  }
  public mutating func field(_ name: String, json value: JSONValue, sorted: Bool = false) {
    key(name)
    self.value(value, sorted: sorted)
  }

  /// Ends a line (JSON lines) and begins a new document in the same buffer.
  public mutating func newline() {
    bytes.append(0x0a)
    follows = false
  }

  // MARK: Inside

  private mutating func separate() {
    if follows { bytes.append(0x2c) }
  }
  private mutating func open(_ byte: UInt8) {
    separate()
    bytes.append(byte)
    follows = false
  }
  private mutating func close(_ byte: UInt8) {
    bytes.append(byte)
    follows = true
  }
}

extension [UInt8] {
  /// Appends a JSON string: quotes around, `"`, `\` and control characters escaped, all else as it is.
  public mutating func appendQuoted(_ utf8: UnsafeRawBufferPointer) { appendQuoted(utf8, after: false) }

  /// The same with a comma in front where it stands after something, and with a byte behind it.
  mutating func appendQuoted(_ utf8: UnsafeRawBufferPointer, after comma: Bool, before end: UInt8? = nil) {
    // In one piece where nothing is to be escaped, as nearly always.
    var isPlain = true
    append(addingCapacity: utf8.count + 4) { out in
      out.withUnsafeMutableBufferPointer { room, count in
        var at = comma ? 1 : 0
        if comma { room[0] = 0x2c }
        room[at] = 0x22
        at += 1
        var special = false
        for i in 0..<utf8.count {
          let byte = utf8[i]
          special = special || byte < 0x20 || byte == 0x22 || byte == 0x5c
          room[at + i] = byte
        }
        at += utf8.count
        room[at] = 0x22
        at += 1
        if let end {
          room[at] = end
          at += 1
        }
        isPlain = !special
        count = special ? 0 : at
      }
    }
    guard !isPlain else { return }
    if comma { append(0x2c) }
    appendEscaped(utf8)
    if let end { append(end) }
  }

  private mutating func appendEscaped(_ utf8: UnsafeRawBufferPointer) {
    append(0x22)
    var plain = 0
    for i in 0..<utf8.count {
      let byte = utf8[i]
      if byte >= 0x20 && byte != 0x22 && byte != 0x5c { continue }
      append(contentsOf: UnsafeRawBufferPointer(rebasing: utf8[plain..<i]))
      plain = i + 1
      append(0x5c)
      switch byte {
      case 0x22, 0x5c: append(byte)
      case 0x08: append(0x62)
      case 0x09: append(0x74)
      case 0x0a: append(0x6e)
      case 0x0c: append(0x66)
      case 0x0d: append(0x72)
      default:
        append(contentsOf: [0x75, 0x30, 0x30])
        let hex: StaticString = "0123456789abcdef"
        append(hex.utf8Start[Int(byte >> 4)])
        append(hex.utf8Start[Int(byte & 15)])
      }
    }
    append(contentsOf: UnsafeRawBufferPointer(rebasing: utf8[plain...]))
    append(0x22)
  }

  /// Appends an integer in decimal.
  public mutating func appendDecimal(_ value: Int64) {
    append(addingCapacity: 20) { out in
      out.withUnsafeMutableBufferPointer { room, count in
        var rest = value.magnitude
        var width = 1
        var bound: UInt64 = 10
        while width < 19, rest >= bound {
          width += 1
          bound *= 10
        }
        if value < 0 {
          room[0] = 0x2d
          width += 1
        }
        var at = width
        repeat {
          at -= 1
          room[at] = UInt8(truncatingIfNeeded: rest % 10) + 48
          rest /= 10
        } while rest > 0
        count = width
      }
    }
  }

  /// Appends a number as JSON: shortest text that reads back the same, `null` when it is not finite.
  ///
  /// - Complexity: about 70 ns.
  public mutating func appendNumber(_ value: Double, integers: Bool = false) {
    if integers, let whole = Int64(exactly: value), whole.magnitude < 1 << 53, value.sign == .plus || whole != 0 {
      return appendDecimal(whole)
    }
    guard value.isFinite else { return append(contentsOf: "null".utf8) }
    appendText(of: value)
  }

  /// Appends what `description` says, without the String.
  public mutating func appendText(of value: Double) {
    var text = TextTail()
    swap(&text.bytes, &self)
    value.write(to: &text)
    swap(&text.bytes, &self)
  }
}

/// Takes text as bytes.
private struct TextTail: TextOutputStream {
  var bytes: [UInt8] = []
  mutating func write(_ string: String) { bytes.append(contentsOf: string.utf8) }
  /// How numbers give their digits, from the stack; where the library has this no more they come by `write`.
  mutating func _writeASCII(_ digits: UnsafeBufferPointer<UInt8>) { bytes.append(contentsOf: digits) }
}

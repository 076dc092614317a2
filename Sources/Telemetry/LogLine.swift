/// One line of the log as bytes. No field can forge a line or move a cursor: control characters are
/// escaped in both forms, and a value is cut at 1,000 bytes.
struct LogLine {
  static let valueBytesMax = 1000
  var level: LogLevel
  var wallMs: Int64
  var message: StaticString
  var mend: StaticString?
  var suppressed: Int

  /// `12:30:01.250 WARNING redis reconnected attempt=3 host=a; mend: ...`
  func text(_ fields: Log.Fields) -> [UInt8] {
    var out = Array(Timestamp.utc(wallMs).utf8.dropFirst(11).dropLast())
    let name = level == .info ? "info" : level.name.uppercased()
    out.append(contentsOf: " \(name) ".utf8)
    out.append(contentsOf: message.bytes)
    for (key, value) in fields {
      out.append(UInt8(ascii: " "))
      out.append(contentsOf: key.bytes)
      out.append(UInt8(ascii: "="))
      switch value {
      case .text(let text):
        let plain = !text.isEmpty && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != 0x22 && $0 != 0x3d }
        plain && text.utf8.count <= Self.valueBytesMax ? out.append(contentsOf: text.utf8) : quote(text, into: &out)
      case .integer(let number): out.append(contentsOf: "\(number)".utf8)
      case .real(let number): out.append(contentsOf: "\(number)".utf8)
      case .flag(let flag): out.append(contentsOf: "\(flag)".utf8)
      }
    }
    if suppressed > 0 { out.append(contentsOf: " suppressed=\(suppressed)".utf8) }
    if let mend {
      out.append(contentsOf: "; mend: ".utf8)
      out.append(contentsOf: mend.bytes)
    }
    out.append(UInt8(ascii: "\n"))
    return out
  }

  /// `{"time":"…","level":"warning","message":"…","attempt":3,"mend":"…"}`
  func json(_ fields: Log.Fields) -> [UInt8] {
    var out = Array("{\"time\":\"\(Timestamp.utc(wallMs))\",\"level\":\"\(level.name)\",\"message\":".utf8)
    quote("\(message)", into: &out)
    for (key, value) in fields {
      out.append(UInt8(ascii: ","))
      quote("\(key)", into: &out)
      out.append(UInt8(ascii: ":"))
      switch value {
      case .text(let text): quote(text, into: &out)
      case .integer(let number): out.append(contentsOf: "\(number)".utf8)
      case .real(let number): out.append(contentsOf: (number.isFinite ? "\(number)" : "null").utf8)
      case .flag(let flag): out.append(contentsOf: "\(flag)".utf8)
      }
    }
    if suppressed > 0 { out.append(contentsOf: ",\"suppressed\":\(suppressed)".utf8) }
    if let mend {
      out.append(contentsOf: ",\"mend\":".utf8)
      quote("\(mend)", into: &out)
    }
    out.append(contentsOf: "}\n".utf8)
    return out
  }

  private func quote(_ text: String, into out: inout [UInt8]) {
    out.append(UInt8(ascii: "\""))
    var count = 0
    for scalar in text.unicodeScalars {
      if count >= Self.valueBytesMax {
        out.append(contentsOf: "...".utf8)
        break
      }
      count += scalar.utf8.count
      switch scalar.value {
      case 0x22: out.append(contentsOf: "\\\"".utf8)
      case 0x5c: out.append(contentsOf: "\\\\".utf8)
      case 0x0a: out.append(contentsOf: "\\n".utf8)
      case 0x09: out.append(contentsOf: "\\t".utf8)
      case 0..<0x20, 0x7f..<0xa0, 0x2028, 0x2029, 0x202a...0x202e, 0x2066...0x2069:
        let hex = String(scalar.value, radix: 16)
        out.append(contentsOf: "\\u".utf8)
        out.append(contentsOf: String(repeating: "0", count: 4 - hex.utf8.count).utf8)
        out.append(contentsOf: hex.utf8)
      default: out.append(contentsOf: UTF8.encode(scalar)!)
      }
    }
    out.append(UInt8(ascii: "\""))
  }
}

extension StaticString {
  var bytes: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: utf8Start, count: utf8CodeUnitCount) }
}

extension YAML {
  /// A node on one line, quoted where a plain scalar would read differently.
  public static func flow(_ node: Node, isInside: Bool = false) -> String {
    switch node.content {
    case .scalar(let text):
      if node.isEmpty { return isInside ? "~" : text }
      return isPlain(text, isInside: isInside) ? text : quoted(text)
    case .list(let nodes): return "[" + nodes.map { flow($0, isInside: true) }.joined(separator: ", ") + "]"
    case .map(let entries):
      let members = entries.map { entry in
        let key = isPlain(entry.key, isInside: true) ? entry.key : quoted(entry.key)
        return key + ": " + flow(entry.value, isInside: true)
      }
      return "{" + members.joined(separator: ", ") + "}"
    }
  }

  /// Whether a text may stand without quotes, also for readers that guess types from YAML 1.1.
  private static func isPlain(_ text: String, isInside: Bool) -> Bool {
    guard let first = text.utf8.first, let last = text.utf8.last else { return false }
    if text == "null" || first == 0x20 || first == UInt8(ascii: ":") || last == 0x20 || last == UInt8(ascii: ":") {
      return false
    }
    if "-?:,[]{}#&*!|>'\"%@`~".utf8.contains(first) { return text.utf8.count > 1 && isNumber(text) }
    var previous: UInt8 = 0
    for byte in text.utf8 {
      if byte < 0x20 || byte == 0x7f { return false }
      if byte == UInt8(ascii: "#") && previous == 0x20 { return false }
      if byte == 0x20 && previous == UInt8(ascii: ":") { return false }
      if isInside {
        if ",[]{}".utf8.contains(byte) { return false }
        if previous == UInt8(ascii: ":"), !isWord(byte) { return false }
      }
      previous = byte
    }
    return true
  }

  private static func isWord(_ byte: UInt8) -> Bool {
    (byte >= 48 && byte <= 57) || (byte >= 65 && byte <= 90) || (byte >= 97 && byte <= 122) || byte == 47
  }
  private static func isNumber(_ text: String) -> Bool { Double(text) != nil }

  private static func quoted(_ text: String) -> String { JSONText.quoted(text) }
}

/// JSON strings, enough for schemas and quoted scalars (a JSON string is a YAML double-quoted scalar).
public enum JSONText {
  public static func quoted(_ text: String) -> String {
    var out = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": out += "\\\""
      case "\\": out += "\\\\"
      case "\n": out += "\\n"
      case "\t": out += "\\t"
      case "\r": out += "\\r"
      case _ where scalar.value < 0x20 || scalar.value == 0x7f:
        let hex = String(scalar.value, radix: 16)
        out += "\\u" + String(repeating: "0", count: 4 - hex.utf8.count) + hex
      default: out.unicodeScalars.append(scalar)
      }
    }
    return out + "\""
  }
}

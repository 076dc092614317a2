extension Node {
  /// Replaces `${NAME}`, `${NAME:default}` and `${file:/path}` inside scalars; `${{text}}` stands for `${text}`.
  ///
  /// Happens after parsing, so that a variable can never add structure. A name that is not set and has no default
  /// is a problem with its place; a file's trailing line ends are dropped.
  public func interpolated(_ environment: [String: String], problems: inout [Problem]) -> Node {
    var found: [Problem] = []
    let node = mapScalars { text, origin in
      guard text.contains("${") else { return text }
      return Interpolation.replace(text, environment) { found.append(Problem(origin, $0)) }
    }
    problems += found
    return node
  }
}

enum Interpolation {
  static func replace(_ text: String, _ environment: [String: String], _ complain: (String) -> Void) -> String {
    var out: [UInt8] = []
    let bytes = Array(text.utf8)
    var at = 0
    while at < bytes.count {
      guard bytes[at] == UInt8(ascii: "$"), at + 1 < bytes.count, bytes[at + 1] == UInt8(ascii: "{") else {
        out.append(bytes[at])
        at += 1
        continue
      }
      guard let close = closing(bytes, from: at + 2) else {
        complain("${ without its }")
        return text
      }
      let inner = String(decoding: bytes[(at + 2)..<close], as: UTF8.self)
      if inner.hasPrefix("{"), inner.hasSuffix("}") {
        out += Array("${\(inner.dropFirst().dropLast())}".utf8)
      } else {
        out += Array(value(inner, environment, complain).utf8)
      }
      at = close + 1
    }
    return String(decoding: out, as: UTF8.self)
  }

  private static func value(
    _ inner: String, _ environment: [String: String], _ complain: (String) -> Void
  ) -> String {
    let parts = inner.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    let name = String(parts[0])
    if name == "file", parts.count == 2 {
      do { return try secretFile(String(parts[1])) } catch {
        complain("\(parts[1]) \(error.message)")
        return ""
      }
    }
    let isName = !name.isEmpty && name.utf8.allSatisfy { $0 == 95 || $0 == 46 || isWord($0) }
    guard isName else {
      complain("${\(inner)} is no variable; write ${NAME}, ${NAME:default} or ${file:/path}")
      return ""
    }
    if let value = environment[name] { return value }
    guard parts.count == 2 else {
      complain("the environment variable \(name) is not set; set it or write ${\(name):default}")
      return ""
    }
    return replace(String(parts[1]), environment, complain)
  }

  /// The text of a file that holds one secret.
  static func secretFile(_ path: String) throws(Problem) -> String {
    var bytes = try YAML.bytes(of: path, limit: 65_536)
    while let last = bytes.last, last == 10 || last == 13 { bytes.removeLast() }
    return String(decoding: bytes, as: UTF8.self)
  }

  private static func isWord(_ byte: UInt8) -> Bool {
    (byte >= 48 && byte <= 57) || (byte >= 65 && byte <= 90) || (byte >= 97 && byte <= 122)
  }

  /// Place of the brace that closes, inner braces counted.
  private static func closing(_ bytes: [UInt8], from start: Int) -> Int? {
    var depth = 0
    for at in start..<bytes.count {
      if bytes[at] == UInt8(ascii: "{") { depth += 1 }
      if bytes[at] == UInt8(ascii: "}") {
        if depth == 0 { return at }
        depth -= 1
      }
    }
    return nil
  }
}

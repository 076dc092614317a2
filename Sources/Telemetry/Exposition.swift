/// Text pieces of Prometheus' exposition format 0.0.4.
enum Exposition {
  /// `{a="x",b="y"}`, or nothing without labels. Backslash, quote and newline are escaped in values.
  static func labels(_ names: [String], _ values: [String]) -> String {
    if names.isEmpty { return "" }
    let pairs = zip(names, values).map { name, value in
      var text = name + "=\""
      for scalar in value.unicodeScalars {
        switch scalar {
        case "\\": text += "\\\\"
        case "\"": text += "\\\""
        case "\n": text += "\\n"
        default: text.unicodeScalars.append(scalar)
        }
      }
      return text + "\""
    }
    return "{" + pairs.joined(separator: ",") + "}"
  }

  static func help(_ text: String) -> String {
    var escaped = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\\": escaped += "\\\\"
      case "\n": escaped += "\\n"
      default: escaped.unicodeScalars.append(scalar)
      }
    }
    return escaped
  }

  static func number(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
    if value == value.rounded(), abs(value) < 1e15 { return "\(Int64(value))" }
    return "\(value)"
  }

  static func line(_ name: String, _ labels: String, _ value: String, into text: inout [UInt8]) {
    text.append(contentsOf: name.utf8)
    text.append(contentsOf: labels.utf8)
    text.append(UInt8(ascii: " "))
    text.append(contentsOf: value.utf8)
    text.append(UInt8(ascii: "\n"))
  }
}

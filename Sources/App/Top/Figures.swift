/// Numbers as people read them, in few cells.
enum Figures {
  /// `12,345`
  static func count(_ value: Int) -> String {
    var digits = Array(String(value.magnitude))
    var at = digits.count - 3
    while at > 0 {
      digits.insert(",", at: at)
      at -= 3
    }
    return (value < 0 ? "-" : "") + String(digits)
  }

  /// `1.4M` once it would need more than six digits.
  static func short(_ value: Int) -> String {
    switch value {
    case ..<1_000_000: count(value)
    case ..<1_000_000_000: fixed(Double(value) / 1e6, 1) + "M"
    default: fixed(Double(value) / 1e9, 2) + "G"
    }
  }

  static func rate(_ value: Double) -> String { value < 10 ? fixed(value, 1) : count(Int(value.rounded())) }

  static func seconds(_ value: Double?) -> String {
    guard let value, value.isFinite else { return "-" }
    switch value {
    case ..<0.001: return count(Int((value * 1e6).rounded())) + " us"
    case ..<0.01: return fixed(value * 1000, 1) + " ms"
    case ..<1: return count(Int((value * 1000).rounded())) + " ms"
    case ..<100: return fixed(value, 1) + " s"
    case ..<7200: return count(Int(value / 60)) + " min"
    case ..<172_800: return fixed(value / 3600, 1) + " h"
    default: return fixed(value / 86_400, 1) + " d"
    }
  }

  static func bytes(_ value: Int) -> String {
    switch value {
    case ..<1_000_000: fixed(Double(value) / 1e3, 1) + " kB"
    case ..<1_000_000_000: fixed(Double(value) / 1e6, 1) + " MB"
    default: fixed(Double(value) / 1e9, 2) + " GB"
    }
  }

  /// With so many digits after the point.
  static func fixed(_ value: Double, _ digits: Int) -> String {
    guard value.isFinite, value.magnitude < 1e15 else { return "-" }
    let scale = digits == 0 ? 1 : digits == 1 ? 10 : 100
    let scaled = Int((value.magnitude * Double(scale)).rounded())
    let text = "\(scaled / scale)"
    let sign = value < 0 && scaled > 0 ? "-" : ""
    if digits == 0 { return sign + text }
    let rest = "\(scaled % scale)"
    return sign + text + "." + String(repeating: "0", count: digits - rest.utf8.count) + rest
  }

  /// A bar of eighths, as wide as `cells`.
  static func bar(_ fraction: Double, _ cells: Int) -> String {
    let eighths = Int((max(0, min(1, fraction.isFinite ? fraction : 0)) * Double(cells) * 8).rounded())
    let full = String(repeating: "█", count: eighths / 8)
    let rest = eighths % 8 == 0 ? "" : ["▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths % 8 - 1]
    let used = eighths / 8 + (rest.isEmpty ? 0 : 1)
    return full + rest + String(repeating: " ", count: cells - used)
  }

  /// The newest values at the right, one cell each.
  static func spark(_ values: [Double], _ cells: Int) -> String {
    let shown = values.suffix(cells)
    let peak = max(shown.max() ?? 0, 1e-9)
    let line = shown.map { value in
      ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"][max(0, min(7, Int(value / peak * 7.999)))]
    }.joined()
    return String(repeating: " ", count: cells - shown.count) + line
  }
}

/// Text measured in the cells a terminal gives it.
enum Cells {
  /// 0 for what joins the character before it, 2 for wide scripts and pictures, else 1.
  ///
  /// - SeeAlso: Unicode Standard Annex 11, and the defaults most terminals keep.
  static func width(_ scalar: Unicode.Scalar) -> Int {
    switch scalar.value {
    case 0x300...0x36f, 0x483...0x489, 0x591...0x5bd, 0x610...0x61a, 0x64b...0x65f, 0x200b...0x200f, 0x20d0...0x20ff,
      0xfe00...0xfe0f, 0xfe20...0xfe2f, 0xe0100...0xe01ef, 0x1f3fb...0x1f3ff:
      0
    case 0x1100...0x115f, 0x231a...0x231b, 0x2329...0x232a, 0x23e9...0x23ec, 0x25fd...0x25fe, 0x2614...0x2615,
      0x2e80...0x303e, 0x3041...0x33ff, 0x3400...0x4dbf, 0x4e00...0x9fff, 0xa000...0xa4cf, 0xa960...0xa97f,
      0xac00...0xd7a3, 0xf900...0xfaff, 0xfe30...0xfe6f, 0xff00...0xff60, 0xffe0...0xffe6, 0x1f300...0x1f64f,
      0x1f680...0x1f6ff, 0x1f900...0x1faff, 0x20000...0x3fffd:
      2
    default: 1
    }
  }

  static func width(_ text: String) -> Int { text.unicodeScalars.reduce(0) { $0 + width($1) } }

  /// Text without anything that moves the cursor or changes direction: data cannot draw.
  static func plain(_ text: String) -> String {
    var out = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      switch scalar.value {
      case 0..<0x20, 0x7f..<0xa0, 0x2028...0x202e, 0x2066...0x2069: out.append("·")
      default: out.append(scalar)
      }
    }
    return String(out)
  }

  /// At most so many cells, the last of them `…` where something was cut.
  static func cut(_ text: String, _ most: Int) -> String {
    if width(text) <= most { return text }
    if most < 1 { return "" }
    var out = String.UnicodeScalarView()
    var used = 0
    for scalar in text.unicodeScalars {
      if used + width(scalar) > most - 1 { break }
      used += width(scalar)
      out.append(scalar)
    }
    return String(out) + "…"
  }

  /// Exactly so many cells.
  static func fit(_ text: String, _ cells: Int, right: Bool = false) -> String {
    let short = cut(text, cells)
    let space = String(repeating: " ", count: max(0, cells - width(short)))
    return right ? space + short : short + space
  }
}

/// One line of a view, put together piece by piece and never wider than the view.
struct TopLine {
  enum Style: String {
    case plain = ""
    case bold = "1"
    case quiet = "2"
    case good = "32"
    case warn = "33"
    case bad = "1;31"
    case bar = "36"
  }
  private var pieces: [(text: String, style: Style)] = []
  private var used = 0
  private let width: Int

  init(width: Int) { self.width = width }

  mutating func add(_ text: String, _ style: Style = .plain) {
    let short = Cells.cut(Cells.plain(text), width - used)
    if short.isEmpty { return }
    used += Cells.width(short)
    pieces.append((short, style))
  }

  /// In a column of its own, then one blank.
  mutating func column(_ text: String, _ cells: Int, right: Bool = false, _ style: Style = .plain) {
    add(Cells.fit(Cells.plain(text), cells, right: right) + " ", style)
  }

  func text(color: Bool) -> String {
    if !color { return trimmed(pieces.map(\.text).joined()) }
    return pieces.map { $0.style == .plain ? $0.text : "\u{1b}[\($0.style.rawValue)m\($0.text)\u{1b}[0m" }.joined()
  }

  private func trimmed(_ text: String) -> String {
    var text = text
    while text.hasSuffix(" ") { text.removeLast() }
    return text
  }
}

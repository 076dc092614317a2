import Telemetry

/// Lists shown and lists clicked of two groups, per second of the audience's life.
///
/// Written by the audience's thread, read by the picture's.
final class DemoScore: Sendable {
  struct Count {
    var shown = 0
    var clicked = 0
    /// Share of lists with a click; nil while none was shown.
    var rate: Double? { shown > 0 ? Double(clicked) / Double(shown) : nil }
  }
  struct Second {
    var ranked = Count()
    var control = Count()
  }
  private let seconds = Locked<[Second]>([])

  func note(isControl: Bool, isClicked: Bool, second: Double) {
    seconds.withLock { all in
      while all.count <= Int(second) { all.append(Second()) }
      let path = isControl ? \Second.control : \Second.ranked
      all[Int(second)][keyPath: path].shown += 1
      all[Int(second)][keyPath: path].clicked += isClicked ? 1 : 0
    }
  }

  /// Both groups in one line, such as `click-through: ranked .62, control .49`; nil = no list was shown yet.
  ///
  /// The ranked group of the last ten seconds, since it learns; the control group all along, since nothing moves it.
  var line: String? {
    guard let ranked = recent(10).ranked.rate else { return nil }
    return "click-through: ranked \(Self.short(ranked)), control \(all.control.rate.map(Self.short) ?? "-")"
  }

  /// Two decimals without the 0 before them.
  private static func short(_ rate: Double) -> String {
    let text = Figures.fixed(rate, 2)
    return text.hasPrefix("0.") ? String(text.dropFirst()) : text
  }

  /// Over the last so many seconds.
  func recent(_ count: Int) -> Second { sum { $0.suffix(count) } }
  /// Over the first so many seconds.
  func first(_ count: Int) -> Second { sum { $0.prefix(count) } }
  var all: Second { sum { $0[...] } }
  /// Over the last third of all there is.
  var late: Second { sum { $0.suffix(max(1, $0.count / 3)) } }
  /// Share of clicked lists of the ranked group, second by second.
  var course: [Double] { seconds.withLock { $0.compactMap(\.ranked.rate) } }

  private func sum(_ part: ([Second]) -> ArraySlice<Second>) -> Second {
    seconds.withLock { all in
      part(all).reduce(into: Second()) { sum, second in
        for path in [\Second.ranked, \Second.control] {
          sum[keyPath: path].shown += second[keyPath: path].shown
          sum[keyPath: path].clicked += second[keyPath: path].clicked
        }
      }
    }
  }
}

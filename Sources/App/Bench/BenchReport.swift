import JSON

/// Figures of a bench: a name, a number with its unit, and what it was measured against in the same run.
struct BenchReport {
  struct Figure {
    var name: String
    var value: Double
    var unit: String
    var against: String?
    var other: Double?
    /// The bar it has to meet, as text; nil = it has none.
    var bar: String?
    var meets: Bool?

    /// Ours over the other's.
    var ratio: Double? { other.flatMap { $0 > 0 ? value / $0 : nil } }
  }
  let name: String
  private(set) var figures: [Figure] = []
  private(set) var notes: [String] = []

  init(_ name: String) { self.name = name }

  mutating func add(
    _ name: String, _ value: Double, _ unit: String, against: String? = nil, _ other: Double? = nil,
    bar: String? = nil, meets: Bool? = nil
  ) {
    figures.append(
      Figure(name: name, value: value, unit: unit, against: against, other: other, bar: bar, meets: meets))
  }

  mutating func note(_ text: String) { notes.append(text) }

  func show(_ output: Output) {
    guard !output.isJSON else {
      var writer = JSONWriter()
      writer.beginObject()
      writer.field("bench", name)
      writer.beginArray("figures")
      for figure in figures {
        writer.beginObject()
        writer.field("name", figure.name)
        writer.field("value", figure.value)
        writer.field("unit", figure.unit)
        writer.field("against", figure.against)
        writer.field("other", figure.other)
        writer.field("ratio", figure.ratio)
        writer.field("bar", figure.bar)
        writer.field("meets", figure.meets)
        writer.endObject()
      }
      writer.endArray()
      writer.beginArray("notes")
      for note in notes { writer.string(note) }
      writer.endArray()
      writer.endObject()
      output.line(writer.text)
      return
    }
    output.table(
      ["what", "measured", "unit", "against", "measured", "ratio", "bar"],
      figures.map { figure in
        [
          figure.name, Self.text(figure.value), figure.unit, figure.against ?? "",
          figure.other.map { Self.text($0) } ?? "", figure.ratio.map { Self.text($0) } ?? "",
          figure.bar.map { $0 + (figure.meets == false ? " MISSED" : "") } ?? "",
        ]
      })
    for note in notes { output.line(note) }
  }

  /// Three digits that count.
  static func text(_ value: Double) -> String {
    let magnitude = abs(value)
    if magnitude >= 1000 { return grouped(Int(value.rounded())) }
    let decimals = magnitude >= 100 ? 0 : magnitude >= 10 ? 1 : magnitude >= 1 ? 2 : 3
    var power = 1.0
    for _ in 0..<decimals { power *= 10 }
    let number = (value * power).rounded() / power
    return decimals == 0 ? String(Int(number)) : number.description
  }

  private static func grouped(_ number: Int) -> String {
    var digits = Array(String(abs(number)))
    var at = digits.count - 3
    while at > 0 {
      digits.insert(",", at: at)
      at -= 3
    }
    return (number < 0 ? "-" : "") + String(digits)
  }
}

extension [Double] {
  /// The value below which this share of them lies; NaN without any.
  func percentile(_ share: Double) -> Double {
    guard !isEmpty else { return .nan }
    let sorted = self.sorted()
    return sorted[Swift.min(count - 1, Int(share * Double(count)))]
  }
}

/// A number of bytes: `64KiB`, `1.5GiB` is refused, `512MiB`, `10MB` (decimal) or plain `1024`.
public struct ByteCount: OptionValue, Comparable, Hashable {
  public var bytes: Int
  public init(_ bytes: Int) { self.bytes = bytes }
  public static func kibibytes(_ n: Int) -> Self { Self(n << 10) }
  public static func mebibytes(_ n: Int) -> Self { Self(n << 20) }
  public static func gibibytes(_ n: Int) -> Self { Self(n << 30) }
  public static func < (a: Self, b: Self) -> Bool { a.bytes < b.bytes }

  private static let units: [(name: String, factor: Int)] = [
    ("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000), ("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1000), ("B", 1), ("", 1),
  ]
  public static let shape = Shape("byte count", .string, pattern: "^[0-9]+([KMGT]iB|[kMGT]?B)?$", integers: 0...Int.max)

  public init(_ node: Node) throws(BadValue) {
    let text = try node.scalar()
    let digits = text.utf8.prefix { $0 >= 48 && $0 <= 57 }
    let unit = String(Substring(text.utf8.dropFirst(digits.count)))
    guard !digits.isEmpty, let factor = Self.units.first(where: { $0.name == unit })?.factor else {
      throw BadValue("must be a byte count such as 64KiB, 256MiB or 1GiB")
    }
    guard let number = Int(Substring(digits)), !number.multipliedReportingOverflow(by: factor).overflow else {
      throw BadValue("is too large for a byte count")
    }
    bytes = number * factor
  }

  public var node: Node {
    let unit = Self.units.first { $0.name.hasSuffix("iB") && bytes >= $0.factor && bytes % $0.factor == 0 }
    return Node(unit.map { "\(bytes / $0.factor)\($0.name)" } ?? String(bytes))
  }
}

extension Duration: OptionValue {
  private static let units: [(name: String, nanoseconds: Int64)] = [
    ("d", 86_400_000_000_000), ("h", 3_600_000_000_000), ("m", 60_000_000_000), ("s", 1_000_000_000),
    ("ms", 1_000_000), ("us", 1000), ("ns", 1), ("w", 604_800_000_000_000),
  ]
  public static let shape = Shape("duration", .string, pattern: "^(0|([0-9]+(ns|us|ms|s|m|h|d|w))+)$", integers: 0...0)

  /// Whole numbers with units, largest first by habit: `30s`, `90d`, `1h30m`; only `0` may stand alone.
  public init(_ node: Node) throws(BadValue) {
    let text = try node.scalar()
    if text == "0" {
      self = .zero
      return
    }
    let complaint = BadValue("must be a duration such as 30s, 5m, 1h or 7d")
    var rest = text.utf8[...]
    var total: Int64 = 0
    guard !rest.isEmpty else { throw complaint }
    while !rest.isEmpty {
      let digits = rest.prefix { $0 >= 48 && $0 <= 57 }
      rest = rest.dropFirst(digits.count)
      let letters = rest.prefix { $0 >= 97 && $0 <= 122 }
      rest = rest.dropFirst(letters.count)
      guard !digits.isEmpty, let unit = Self.units.first(where: { $0.name == String(Substring(letters)) }) else {
        throw complaint
      }
      guard let number = Int64(Substring(digits)) else { throw BadValue("is too long a duration") }
      let (part, tooMuch) = number.multipliedReportingOverflow(by: unit.nanoseconds)
      let (sum, overflow) = total.addingReportingOverflow(part)
      guard !tooMuch, !overflow else { throw BadValue("is too long a duration") }
      total = sum
    }
    self = .nanoseconds(total)
  }

  public var node: Node {
    let all = wholeNanoseconds
    guard all != 0 else { return Node("0") }
    for unit in Self.units where all % unit.nanoseconds == 0 { return Node("\(all / unit.nanoseconds)\(unit.name)") }
    return Node("\(all)ns")
  }

  public static func minutes(_ n: Int) -> Duration { .seconds(n * 60) }
  public static func hours(_ n: Int) -> Duration { .seconds(n * 3600) }
  public static func days(_ n: Int) -> Duration { .seconds(n * 86_400) }

  /// Nanoseconds, at most those of an Int64 (292 years).
  public var wholeNanoseconds: Int64 {
    let (seconds, attoseconds) = components
    let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    return overflow ? (seconds < 0 ? .min : .max) : scaled + attoseconds / 1_000_000_000
  }
  public var wholeMilliseconds: Int64 { wholeNanoseconds / 1_000_000 }
  /// Seconds as a number, for formulas.
  public var inSeconds: Double { Double(wholeNanoseconds) / 1e9 }
}

/// A time of the day, UTC: `04:00`.
public struct TimeOfDay: OptionValue, Comparable, Hashable {
  public var minutes: Int
  public init(hour: Int, minute: Int = 0) { minutes = hour * 60 + minute }
  public static func < (a: Self, b: Self) -> Bool { a.minutes < b.minutes }
  public static let shape = Shape("time of day", .string, pattern: "^([01][0-9]|2[0-3]):[0-5][0-9]$")

  public init(_ node: Node) throws(BadValue) {
    let bytes = Array(try node.scalar().utf8)
    let isForm = bytes.count == 5 && bytes[2] == UInt8(ascii: ":")
    let digits = isForm ? [bytes[0], bytes[1], bytes[3], bytes[4]].map { Int($0) - 48 } : []
    guard isForm, digits.allSatisfy({ $0 >= 0 && $0 <= 9 }), digits[0] * 10 + digits[1] < 24, digits[2] < 6 else {
      throw BadValue("must be a time of the day such as 04:00 (UTC)")
    }
    self.init(hour: digits[0] * 10 + digits[1], minute: digits[2] * 10 + digits[3])
  }

  public var node: Node {
    func two(_ n: Int) -> String { (n < 10 ? "0" : "") + String(n) }
    return Node("\(two(minutes / 60)):\(two(minutes % 60))")
  }
  public var wholeMilliseconds: Int64 { Int64(minutes) * 60_000 }
}

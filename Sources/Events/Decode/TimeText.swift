/// Times as text.
enum TimeText {
  /// Unix ms of an RFC 3339 time; digits below the millisecond are dropped. nil = not readable.
  ///
  /// - Parameter zoneRequired: RFC 3339 wants one; without it a time is UTC.
  static func milliseconds(_ text: UnsafeRawBufferPointer, zoneRequired: Bool) -> Int64? {
    var at = 0
    func digits(_ count: Int) -> Int? {
      guard at + count <= text.count else { return nil }
      var value = 0
      for i in at..<(at + count) {
        guard text[i] >= 0x30, text[i] <= 0x39 else { return nil }
        value = value * 10 + Int(text[i] - 0x30)
      }
      at += count
      return value
    }
    func mark(_ marks: StaticString) -> Bool {
      guard at < text.count else { return false }
      for i in 0..<marks.utf8CodeUnitCount where marks.utf8Start[i] == text[at] {
        at += 1
        return true
      }
      return false
    }
    guard let year = digits(4), mark("-"), let month = digits(2), mark("-"), let day = digits(2), mark("Tt "),
      let hour = digits(2), mark(":"), let minute = digits(2), mark(":"), let second = digits(2),
      (1...12).contains(month), day >= 1, day <= days(month, year), hour < 24, minute < 60, second <= 60
    else { return nil }
    var fraction = 0
    if mark(".,") {
      let start = at
      while at < text.count, let digit = digits(1) {
        let place = at - start
        if place <= 3 { fraction += digit * (place == 1 ? 100 : place == 2 ? 10 : 1) }
      }
      guard at > start else { return nil }
    }
    var offset = 0
    if mark("Zz") {
    } else if at < text.count, text[at] == 0x2b || text[at] == 0x2d {
      let sign = text[at] == 0x2d ? -1 : 1
      at += 1
      guard let hours = digits(2) else { return nil }
      if !mark(":"), zoneRequired { return nil }
      guard let minutes = digits(2), hours < 24, minutes < 60 else { return nil }
      offset = sign * (hours * 60 + minutes)
    } else if zoneRequired {
      return nil
    }
    guard at == text.count else { return nil }
    let seconds = daysSince1970(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset * 60
    return Int64(seconds) * 1000 + Int64(fraction)
  }

  /// Unix ms of a number whose size tells its unit: s, ms, us or ns.
  static func milliseconds(_ number: Double) -> Int64? {
    guard number > 0, number < 9e18 else { return nil }
    if number < 1e11 { return Int64(number * 1000) }
    if number < 1e14 { return Int64(number) }
    return number < 1e17 ? Int64(number / 1000) : Int64(number / 1_000_000)
  }

  private static func days(_ month: Int, _ year: Int) -> Int {
    if month == 2 { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28 }
    return [4, 6, 9, 11].contains(month) ? 30 : 31
  }

  /// Proleptic Gregorian (Hinnant 2013).
  private static func daysSince1970(_ year: Int, _ month: Int, _ day: Int) -> Int {
    let y = month <= 2 ? year - 1 : year
    let era = (y >= 0 ? y : y - 399) / 400
    let ofEra = y - era * 400
    let ofYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    return era * 146_097 + ofEra * 365 + ofEra / 4 - ofEra / 100 + ofYear - 719_468
  }
}

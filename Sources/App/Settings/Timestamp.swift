/// Times that people write: Unix ms or RFC 3339.
enum Timestamp {
  /// Unix ms; nil when unreadable. Without a zone a time is UTC; a date alone is its midnight.
  static func parse(_ text: String) -> Int64? {
    if let number = Int64(text), number > 0 { return number }
    var bytes = Array(text.utf8)[...]
    guard let year = digits(&bytes, 4), take(&bytes, "-"), let month = digits(&bytes, 2), take(&bytes, "-"),
      let day = digits(&bytes, 2), (1...12).contains(month), (1...31).contains(day)
    else { return nil }
    var milliseconds: Int64 = 0
    var offset: Int64 = 0
    if take(&bytes, "T") || take(&bytes, " ") {
      guard let hour = digits(&bytes, 2), take(&bytes, ":"), let minute = digits(&bytes, 2), hour < 24, minute < 60
      else { return nil }
      var second: Int64 = 0
      if take(&bytes, ":") {
        guard let value = digits(&bytes, 2), value <= 60 else { return nil }
        second = value
      }
      milliseconds = ((hour * 60 + minute) * 60 + second) * 1000
      if take(&bytes, ".") {
        var scale: Int64 = 100
        while let digit = bytes.first, digit >= 48, digit <= 57 {
          milliseconds += Int64(digit - 48) * scale
          scale /= 10
          bytes = bytes.dropFirst()
        }
      }
      if !take(&bytes, "Z"), let sign = bytes.first, sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") {
        bytes = bytes.dropFirst()
        guard let hours = digits(&bytes, 2) else { return nil }
        _ = take(&bytes, ":")
        guard let minutes = digits(&bytes, 2) else { return nil }
        offset = (hours * 60 + minutes) * (sign == UInt8(ascii: "+") ? 1 : -1)
      }
    }
    guard bytes.isEmpty else { return nil }
    return (days(year, month, day) * 86_400 - offset * 60) * 1000 + milliseconds
  }

  private static func digits(_ bytes: inout ArraySlice<UInt8>, _ count: Int) -> Int64? {
    guard bytes.count >= count, bytes.prefix(count).allSatisfy({ $0 >= 48 && $0 <= 57 }) else { return nil }
    defer { bytes = bytes.dropFirst(count) }
    return bytes.prefix(count).reduce(0) { $0 * 10 + Int64($1 - 48) }
  }

  private static func take(_ bytes: inout ArraySlice<UInt8>, _ character: Character) -> Bool {
    guard bytes.first == character.asciiValue else { return false }
    bytes = bytes.dropFirst()
    return true
  }

  /// Days since 1970 of a date in the Gregorian calendar (Hinnant, days_from_civil).
  private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
    let y = month <= 2 ? year - 1 : year
    let era = (y >= 0 ? y : y - 399) / 400
    let yearOfEra = y - era * 400
    let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
  }
}

import Telemetry

/// The date as HTTP writes it: `Sun, 06 Nov 1994 08:49:37 GMT`.
enum HTTPDate {
  private static let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
  private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

  static func text(_ unixMs: Int64) -> String {
    let utc = Array(Timestamp.utc(unixMs).utf8)
    func piece(_ range: Range<Int>) -> String { String(decoding: utc[range], as: UTF8.self) }
    let weekday = days[Int(unixMs / 86_400_000 % 7)]
    let month = months[Int(piece(5..<7))! - 1]
    return "\(weekday), \(piece(8..<10)) \(month) \(piece(0..<4)) \(piece(11..<19)) GMT"
  }
}

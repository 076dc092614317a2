/// Times as text, without Foundation.
public enum Timestamp {
  /// `2026-11-21T03:36:28.250Z` for Unix milliseconds; years 0000 to 9999.
  ///
  /// - SeeAlso: Hinnant, "chrono-compatible low-level date algorithms", `civil_from_days`.
  public static func utc(_ unixMs: Int64) -> String {
    let days = Int64((Double(unixMs) / 86_400_000).rounded(.down))
    let ms = unixMs - days * 86_400_000
    let z = days + 719_468
    let era = (z >= 0 ? z : z - 146_096) / 146_097
    let doe = z - era * 146_097
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100)
    let mp = (5 * doy + 2) / 153
    let day = doy - (153 * mp + 2) / 5 + 1
    let month = mp < 10 ? mp + 3 : mp - 9
    let year = yoe + era * 400 + (month <= 2 ? 1 : 0)
    func two(_ n: Int64) -> String { n < 10 ? "0\(n)" : "\(n)" }
    func padded(_ n: Int64, _ width: Int) -> String {
      let digits = "\(n)"
      return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
    }
    let clock = "\(two(ms / 3_600_000)):\(two(ms / 60_000 % 60)):\(two(ms / 1000 % 60)).\(padded(ms % 1000, 3))"
    return "\(padded(year, 4))-\(two(month))-\(two(day))T\(clock)Z"
  }
}

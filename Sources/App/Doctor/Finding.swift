import JSON

/// One line of the doctor: what was looked at, what was seen, and for what is ill the mend.
struct Finding: Equatable {
  enum Verdict: String { case ok, failed, skipped }
  var verdict: Verdict
  /// A word or two: `broker`, `topic watch`.
  var name: String
  var text: String
  var mend = ""

  static func ok(_ name: String, _ text: String) -> Finding { Finding(verdict: .ok, name: name, text: text) }
  static func failed(_ name: String, _ text: String, mend: String) -> Finding {
    Finding(verdict: .failed, name: name, text: text, mend: mend)
  }
  static func skipped(_ name: String, _ text: String) -> Finding { Finding(verdict: .skipped, name: name, text: text) }

  var line: String {
    let mark =
      switch verdict {
      case .ok: "ok      "
      case .failed: "FAILED  "
      case .skipped: "skipped "
      }
    let label = Cells.plain(name) + String(repeating: " ", count: max(0, 29 - Cells.width(name)))
    return "\(mark)\(label) \(Cells.plain(text))" + (mend.isEmpty ? "" : "; mend: \(mend)")
  }

  var json: String {
    var writer = JSONWriter()
    writer.beginObject()
    writer.field("check", name)
    writer.field("verdict", verdict.rawValue)
    writer.field("text", text)
    writer.field("mend", mend.isEmpty ? nil : mend)
    writer.endObject()
    return writer.text
  }
}

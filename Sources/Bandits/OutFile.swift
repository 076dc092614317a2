import Glibc

/// Folders and text files a check or a bench leaves behind.
enum OutFile {
  static func makeFolder(_ path: String) throws(DataError) {
    var built = path.hasPrefix("/") ? "/" : ""
    for part in path.split(separator: "/") {
      built += (built.isEmpty || built.hasSuffix("/") ? "" : "/") + part
      if mkdir(built, 0o755) != 0, errno != EEXIST { throw DataError("cannot make \(built)") }
    }
  }

  static func write(_ text: String, to path: String) throws(DataError) {
    guard let file = fopen(path, "w") else { throw DataError("cannot write \(path)") }
    var text = text
    let written = text.withUTF8 { fwrite($0.baseAddress, 1, $0.count, file) }
    let closed = fclose(file)
    if written != text.utf8.count || closed != 0 { throw DataError("cannot write all of \(path)") }
  }

  /// Folders inside a folder, by name.
  static func folders(_ path: String) -> [String] {
    guard let folder = opendir(path) else { return [] }
    defer { closedir(folder) }
    var names: [String] = []
    while let entry = readdir(folder) {
      let name = withUnsafePointer(to: entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name.hasPrefix(".") { continue }
      if let inner = opendir(path + "/" + name) {
        closedir(inner)
        names.append(name)
      }
    }
    return names.sorted { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) }
  }

  /// Fixed decimals, without a locale.
  static func decimal(_ value: Double, _ places: Int) -> String {
    guard value.isFinite else { return "nan" }
    var scale = 1.0
    for _ in 0..<places { scale *= 10 }
    let whole = Int64((abs(value) * scale).rounded())
    let digits = String(whole)
    let padded = String(repeating: "0", count: max(0, places + 1 - digits.count)) + digits
    let sign = value < 0 && whole > 0 ? "-" : ""
    return sign + padded.dropLast(places) + (places > 0 ? "." + padded.suffix(places) : "")
  }

  /// Two significant digits and an exponent, as errors are read.
  static func scientific(_ value: Double) -> String {
    guard value.isFinite, value != 0 else { return value == 0 ? "0" : "nan" }
    var exponent = Int(log10(abs(value)).rounded(.down))
    var lead = value / pow(10, Double(exponent))
    if abs(lead) >= 9.95 {
      lead /= 10
      exponent += 1
    }
    return decimal(lead, 1) + "e" + String(exponent)
  }
}

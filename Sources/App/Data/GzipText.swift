import CZlib

/// Reads a gzipped file (or a plain one) whole.
enum GzipText {
  struct Unreadable: Error, CustomStringConvertible {
    var description: String
  }

  static func read(_ path: String) throws(Unreadable) -> [UInt8] {
    guard let file = gzopen(path, "rb") else { throw Unreadable(description: "\(path) cannot be opened") }
    defer { gzclose(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let n = gzread(file, &chunk, UInt32(chunk.count))
      guard n >= 0 else { throw Unreadable(description: "\(path) is not a whole gzip file") }
      if n == 0 { return bytes }
      bytes.append(contentsOf: chunk[0..<Int(n)])
    }
  }

  /// Unpacks a gzip member held in memory.
  static func unpack(_ packed: UnsafeBufferPointer<UInt8>) -> [UInt8] {
    var stream = z_stream()
    guard inflateInit2_(&stream, 15 + 32, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else { return [] }
    defer { inflateEnd(&stream) }
    stream.next_in = UnsafeMutablePointer(mutating: packed.baseAddress!)
    stream.avail_in = UInt32(packed.count)
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let (status, made) = chunk.withUnsafeMutableBufferPointer { out -> (Int32, Int) in
        stream.next_out = out.baseAddress
        stream.avail_out = UInt32(out.count)
        let status = inflate(&stream, Z_NO_FLUSH)
        return (status, out.count - Int(stream.avail_out))
      }
      bytes.append(contentsOf: chunk[0..<made])
      if status != Z_OK { return bytes }
    }
  }
}

/// Rows of a comma-separated file with a header; quotes as in RFC 4180.
struct CSVTable {
  var columns: [String] = []
  var rows: [[String]] = []

  init(_ bytes: [UInt8]) {
    var row: [String] = []
    var field: [UInt8] = []
    var isQuoted = false
    var i = 0
    func closed(_ field: inout [UInt8]) -> String {
      defer { field.removeAll(keepingCapacity: true) }
      return String(decoding: field, as: UTF8.self)
    }
    while i < bytes.count {
      let c = bytes[i]
      i += 1
      if isQuoted {
        if c != UInt8(ascii: "\"") {
          field.append(c)
        } else if i < bytes.count, bytes[i] == UInt8(ascii: "\"") {
          field.append(c)
          i += 1
        } else {
          isQuoted = false
        }
        continue
      }
      switch c {
      case UInt8(ascii: "\""): isQuoted = true
      case UInt8(ascii: ","): row.append(closed(&field))
      case UInt8(ascii: "\r"): break
      case UInt8(ascii: "\n"):
        row.append(closed(&field))
        take(&row)
      default: field.append(c)
      }
    }
    if !field.isEmpty || !row.isEmpty {
      row.append(closed(&field))
      take(&row)
    }
  }

  private mutating func take(_ row: inout [String]) {
    defer { row.removeAll() }
    if columns.isEmpty { columns = row } else if row != [""] { rows.append(row) }
  }

  func index(_ column: String) -> Int? { columns.firstIndex(of: column) }
}

extension GzipText {
  /// Writes a gzipped file; the same bytes give the same file.
  static func write(_ path: String, _ bytes: [UInt8]) {
    if !path.hasSuffix(".gz") {
      FileSystem.write(path, bytes)
      return
    }
    guard let file = gzopen(path, "wb9") else { return }
    gzwrite(file, bytes, UInt32(bytes.count))
    gzclose(file)
  }
}

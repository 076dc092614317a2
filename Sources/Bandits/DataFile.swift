import CZlib

/// What a bench or a check could not read.
public struct DataError: Error, CustomStringConvertible, Sendable, Equatable {
  public var description: String
  public init(_ description: String) { self.description = description }
}

/// Files of data folders: whole, gzip or plain.
public enum DataFile {
  /// All bytes; gzip is undone where the file has its mark.
  public static func bytes(_ path: String) throws(DataError) -> [UInt8] {
    guard let file = gzopen(path, "rb") else { throw DataError("cannot open \(path)") }
    defer { gzclose(file) }
    var all: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 18)
    while true {
      let n = gzread(file, &chunk, UInt32(chunk.count))
      if n < 0 { throw DataError("\(path) is not a whole gzip file") }
      if n == 0 { return all }
      all.append(contentsOf: chunk[..<Int(n)])
    }
  }

  public static func exists(_ path: String) -> Bool {
    guard let file = gzopen(path, "rb") else { return false }
    gzclose(file)
    return true
  }
}

/// A table of comma-separated values without quotes: what the data folders hold. Blanks around a value are dropped.
public struct Table: Sendable {
  public let columns: [String]
  public let rows: [[String]]

  public init(_ path: String, header: Bool = true) throws(DataError) {
    self.path = path
    // By bytes: to Swift a carriage return and a line feed are one character, which is no line feed.
    var lines = try DataFile.bytes(path).split(separator: 0x0a).map { line in
      line.split(separator: 0x2c, omittingEmptySubsequences: false).map { field in
        let kept = field.drop(while: Self.isBlank)
        return String(
          decoding: kept[..<((kept.lastIndex { !Self.isBlank($0) } ?? kept.startIndex - 1) + 1)], as: UTF8.self)
      }
    }
    lines.removeAll { $0 == [""] }
    guard !lines.isEmpty else { throw DataError("\(path) is empty") }
    let names = header ? lines.removeFirst() : []
    columns = names
    rows = lines
    if header, let bad = lines.firstIndex(where: { $0.count != names.count }) {
      throw DataError("\(path), line \(bad + 2): \(lines[bad].count) values, \(names.count) columns")
    }
  }
  private let path: String

  private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x0d }

  public func column(_ name: String) throws(DataError) -> Int {
    guard let at = columns.firstIndex(of: name) else { throw DataError("\(path) has no column \(name)") }
    return at
  }

  /// Columns whose names begin so and go on with a number, in file order.
  public func columns(numbered prefix: String) -> [Int] {
    columns.indices.filter { columns[$0].hasPrefix(prefix) && Int(columns[$0].dropFirst(prefix.count)) != nil }
  }

  public func columns(from prefix: String) -> [Int] { columns.indices.filter { columns[$0].hasPrefix(prefix) } }

  public func number(_ row: Int, _ column: Int) throws(DataError) -> Double {
    guard let value = Double(rows[row][column]) else {
      throw DataError("\(path), line \(row + 2): \(rows[row][column]) is not a number")
    }
    return value
  }

  public func numbers(_ columns: [Int]) throws(DataError) -> [[Double]] {
    var all: [[Double]] = []
    for row in rows.indices {
      var values: [Double] = []
      for column in columns { values.append(try number(row, column)) }
      all.append(values)
    }
    return all
  }
}

import CSQLite
import Ports

/// The writing side of a feature database: applies a batch in one transaction behind the version fence.
///
/// Fields of a hash, members of a sorted set and of a stream entry are packed as in ``FeatureBatch``:
/// `([name count: u16][name][value count: u32][value])*`.
final class FeatureFile {
  static let format: Int64 = 1
  private let database: Database
  private let find: Statement
  private let put: Statement
  private let delete: Statement
  private let putSet: Statement
  private let deleteSet: Statement
  private let append: Statement
  private let trim: Statement
  private let deleteStream: Statement
  private let readMark: Statement
  private let writeMark: Statement
  private let streamLength: Int
  private var packed: [UInt8] = []
  private var names: [UnsafeRawBufferPointer] = []
  private var meta: [UInt8] = []

  init(_ path: String, streamLength: Int, maxPageCount: Int) throws(DatabaseError) {
    self.streamLength = streamLength
    var options = Database.Options()
    options.pageSize = 8192
    options.maxPageCount = maxPageCount
    database = try Database(path, options)
    let format = try database.integer("PRAGMA user_version")
    guard format == 0 || format == Self.format else {
      throw DatabaseError(
        code: SQLITE_MISUSE,
        message: "\(path) has format \(format), this program writes \(Self.format): move it away, it is filled anew")
    }
    if format == 0 {
      try database.execute(
        """
        BEGIN IMMEDIATE;
        CREATE TABLE IF NOT EXISTS hash (key BLOB PRIMARY KEY, fields BLOB NOT NULL) WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS ranked (key BLOB PRIMARY KEY, fields BLOB NOT NULL) WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS stream (id INTEGER PRIMARY KEY, key BLOB NOT NULL, fields BLOB NOT NULL);
        CREATE INDEX IF NOT EXISTS stream_key ON stream (key, id);
        CREATE TABLE IF NOT EXISTS mark (id INTEGER PRIMARY KEY, owner BLOB NOT NULL, version BLOB NOT NULL);
        PRAGMA user_version = \(Self.format);
        COMMIT
        """)
    }
    find = try Statement(database, "SELECT fields FROM hash WHERE key = ?")
    put = try Statement(database, "INSERT OR REPLACE INTO hash (key, fields) VALUES (?, ?)")
    delete = try Statement(database, "DELETE FROM hash WHERE key = ?")
    putSet = try Statement(database, "INSERT OR REPLACE INTO ranked (key, fields) VALUES (?, ?)")
    deleteSet = try Statement(database, "DELETE FROM ranked WHERE key = ?")
    append = try Statement(database, "INSERT INTO stream (key, fields) VALUES (?, ?)")
    trim = try Statement(
      database,
      "DELETE FROM stream WHERE key = ?1 AND id <= (SELECT id FROM stream WHERE key = ?1 ORDER BY id DESC LIMIT 1 "
        + "OFFSET ?2)")
    deleteStream = try Statement(database, "DELETE FROM stream WHERE key = ?")
    readMark = try Statement(database, "SELECT owner, version FROM mark WHERE id = 0")
    writeMark = try Statement(database, "INSERT OR REPLACE INTO mark (id, owner, version) VALUES (0, ?, ?)")
  }

  func mark() throws(DatabaseError) -> StoreMark? {
    guard try readMark.step() else { return nil }
    defer { readMark.reset() }
    let version = String(decoding: readMark.bytes(1), as: UTF8.self)
    return StoreMark(
      group: String(decoding: readMark.bytes(0), as: UTF8.self), version: Version(text: version) ?? .zero)
  }

  /// Applies the batch unless the mark forbids it; the mark that forbade it, nil = applied.
  func apply(_ batch: FeatureBatch, group: String) throws(DatabaseError) -> StoreMark? {
    var refusal: StoreMark?
    try database.transaction { () throws(DatabaseError) in
      if let mark = try mark(), mark.group != group || mark.version > batch.version {
        refusal = mark
        return
      }
      let version = Array(batch.version.text.utf8)
      let outcome: Result<Void, DatabaseError> = batch.bytes.withUnsafeBytes { bytes in
        version.withUnsafeBytes { version in
          do throws(DatabaseError) { return .success(try apply(bytes, version)) } catch { return .failure(error) }
        }
      }
      try outcome.get()
      try run(writeMark, Array(group.utf8), version)
    }
    if database.walBytes > 32 << 20 { try database.foldBack() }
    return refusal
  }

  func close() { try? database.foldBack(truncating: true) }

  private func apply(_ bytes: UnsafeRawBufferPointer, _ version: UnsafeRawBufferPointer) throws(DatabaseError) {
    var cursor = FeatureCursor(bytes)
    while cursor.next() {
      packed.removeAll(keepingCapacity: true)
      switch cursor.operation {
      case .put, .renew, .putRaw:
        try merge(&cursor, cursor.operation == .putRaw ? nil : version)
      case .delete, .deleteRaw:
        for statement in [delete, deleteSet, deleteStream] {
          statement.bind(1, cursor.key)
          try statement.run()
        }
      case .sortedSet:
        let key = cursor.key
        packAll(&cursor)
        if packed.isEmpty {
          deleteSet.bind(1, key)
          try deleteSet.run()
        } else {
          try run(putSet, key)
        }
        try stamp(key, version)
      case .append:
        let key = cursor.key
        packAll(&cursor)
        try run(append, key)
        trim.bind(1, key)
        trim.bind(2, Int64(streamLength))
        try trim.run()
        try stamp(key, version)
      }
    }
  }

  /// Packs the new fields, then those of the stored row that the new ones do not replace.
  private func merge(_ cursor: inout FeatureCursor, _ version: UnsafeRawBufferPointer?) throws(DatabaseError) {
    let key = cursor.key
    names.removeAll(keepingCapacity: true)
    for _ in 0..<cursor.fieldCount {
      let field = cursor.nextField()
      guard !field.name.isEmpty else { continue }
      names.append(field.name)
      pack(field.name, field.value)
    }
    if let version { Self.versionName.withUnsafeBytes { pack($0, version) } }
    find.bind(1, key)
    if try find.step() {
      var old = PackedFields(find.bytes(0))
      while let field = old.next() {
        if version != nil && field.name.elementsEqual(Self.versionName) { continue }
        if !names.contains(where: { Self.isEqual($0, field.name) }) { pack(field.name, field.value) }
      }
    }
    find.reset()
    try run(put, key)
  }

  private static let versionName = Array("v".utf8)

  private static func isEqual(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Bool {
    a.count == b.count && a.elementsEqual(b)
  }

  /// Notes the version of a sorted set or stream, which has no field for it, under `meta:<key>`.
  private func stamp(_ key: UnsafeRawBufferPointer, _ version: UnsafeRawBufferPointer) throws(DatabaseError) {
    packed.removeAll(keepingCapacity: true)
    Self.versionName.withUnsafeBytes { pack($0, version) }
    meta.removeAll(keepingCapacity: true)
    meta.append(contentsOf: "meta:".utf8)
    meta.append(contentsOf: key)
    try run(put, meta, packed)
  }

  private func packAll(_ cursor: inout FeatureCursor) {
    for _ in 0..<cursor.fieldCount {
      let field = cursor.nextField()
      pack(field.name, field.value)
    }
  }

  private func pack(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) {
    withUnsafeBytes(of: UInt16(name.count).littleEndian) { packed.append(contentsOf: $0) }
    packed.append(contentsOf: name)
    withUnsafeBytes(of: UInt32(value.count).littleEndian) { packed.append(contentsOf: $0) }
    packed.append(contentsOf: value)
  }

  private func run(_ statement: Statement, _ key: UnsafeRawBufferPointer) throws(DatabaseError) {
    let outcome: Result<Void, DatabaseError> = packed.withUnsafeBytes { fields in
      statement.bind(1, key)
      statement.bind(2, fields)
      do throws(DatabaseError) { return .success(try statement.run()) } catch { return .failure(error) }
    }
    try outcome.get()
  }

  private func run(_ statement: Statement, _ first: [UInt8], _ second: [UInt8]) throws(DatabaseError) {
    let outcome: Result<Void, DatabaseError> = first.withUnsafeBytes { first in
      second.withUnsafeBytes { second in
        statement.bind(1, first)
        statement.bind(2, second)
        do throws(DatabaseError) { return .success(try statement.run()) } catch { return .failure(error) }
      }
    }
    try outcome.get()
  }
}

/// Walks packed fields; ends at the first that does not fit its bytes.
struct PackedFields {
  private let bytes: UnsafeRawBufferPointer
  private var at = 0

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  mutating func next() -> (name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer)? {
    guard let name = take(width: 2), let value = take(width: 4) else { return nil }
    return (name, value)
  }

  private mutating func take(width: Int) -> UnsafeRawBufferPointer? {
    guard bytes.count - at >= width else { return nil }
    var count = 0
    for byte in 0..<width { count |= Int(bytes[at + byte]) << (8 * byte) }
    guard bytes.count - at - width >= count else { return nil }
    defer { at += width + count }
    return UnsafeRawBufferPointer(rebasing: bytes[(at + width)..<(at + width + count)])
  }
}

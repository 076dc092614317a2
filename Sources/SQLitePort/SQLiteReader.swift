import Glibc
public import Ports

/// Reads the features a worker writes to an SQLite file, from the same process or another.
public final class SQLiteReader: FeatureReader {
  private let database: Database
  private let find: Statement
  private let ranked: Statement
  private let list: Statement

  public init(path: String) throws(PortError) {
    guard access(path, F_OK) == 0 else {
      throw PortError(
        code: "store-missing",
        message: "there is no feature store at \(path): is a worker with store.kind sqlite using this state_dir?")
    }
    do throws(DatabaseError) {
      var options = Database.Options()
      options.isReadOnly = true
      database = try Database(path, options)
      find = try Statement(database, "SELECT fields FROM hash WHERE key = ?")
      ranked = try Statement(database, "SELECT fields FROM ranked WHERE key = ?")
      list = try Statement(
        database,
        """
        SELECT key FROM (SELECT key FROM hash UNION SELECT key FROM ranked UNION SELECT key FROM stream)
        WHERE key >= ? ORDER BY key
        """)
    } catch { throw Self.error(error) }
  }

  public func hash(_ key: String) throws(PortError) -> [(name: String, value: [UInt8])]? {
    try fields(find, key)
  }

  public func top(_ key: String, count: Int) throws(PortError) -> [(member: String, score: Double)] {
    let members = (try fields(ranked, key) ?? []).map { member in
      (member: member.name, score: Double(String(decoding: member.value, as: UTF8.self)) ?? 0)
    }
    let sorted = members.sorted { a, b in
      a.score == b.score ? Array(b.member.utf8).lexicographicallyPrecedes(Array(a.member.utf8)) : a.score > b.score
    }
    return Array(sorted.prefix(count))
  }

  public func keys(prefix: String, limit: Int) throws(PortError) -> [String] {
    let prefix = Array(prefix.utf8)
    let outcome: Result<[String], DatabaseError> = prefix.withUnsafeBytes { bytes in
      do throws(DatabaseError) {
        var keys: [String] = []
        list.bind(1, bytes)
        defer { list.reset() }
        while keys.count < limit, try list.step(), list.bytes(0).starts(with: prefix) {
          keys.append(String(decoding: list.bytes(0), as: UTF8.self))
        }
        return .success(keys)
      } catch { return .failure(error) }
    }
    return try Self.value(outcome)
  }

  private func fields(_ statement: Statement, _ key: String) throws(PortError) -> [(name: String, value: [UInt8])]? {
    let outcome: Result<[(name: String, value: [UInt8])]?, DatabaseError> = Array(key.utf8).withUnsafeBytes { bytes in
      do throws(DatabaseError) {
        statement.bind(1, bytes)
        defer { statement.reset() }
        guard try statement.step() else { return .success(nil) }
        var fields: [(name: String, value: [UInt8])] = []
        var packed = PackedFields(statement.bytes(0))
        while let field = packed.next() {
          fields.append((String(decoding: field.name, as: UTF8.self), Array(field.value)))
        }
        return .success(fields)
      } catch { return .failure(error) }
    }
    return try Self.value(outcome)
  }

  private static func value<T>(_ outcome: Result<T, DatabaseError>) throws(PortError) -> T {
    switch outcome {
    case .success(let value): value
    case .failure(let failure): throw error(failure)
    }
  }

  private static func error(_ error: DatabaseError) -> PortError {
    PortError(code: "store-io", number: Int(error.code), isRetriable: true, message: error.message)
  }
}

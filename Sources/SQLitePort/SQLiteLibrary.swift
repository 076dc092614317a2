import CSQLite

/// The SQLite that this process runs with.
public enum SQLiteLibrary {
  public static var version: String { String(cString: sqlite3_libversion()) }
  /// Whether it may be used from more than one thread, as the saver does.
  public static var isThreadSafe: Bool { sqlite3_threadsafe() != 0 }
}

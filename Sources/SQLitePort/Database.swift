import CSQLite
import Glibc

/// What SQLite could not do.
struct DatabaseError: Error {
  /// Primary result code, such as 13 = full.
  var code: Int32
  var message: String

  /// The file is not what was written: torn, overwritten, or no database at all.
  var isCorruption: Bool { code == SQLITE_CORRUPT || code == SQLITE_NOTADB }
  var isFull: Bool { code == SQLITE_FULL }
}

/// One connection in WAL mode. One thread at a time.
final class Database {
  struct Options {
    /// Bytes; holds for a file that is made, an older one keeps its own.
    var pageSize = 16384
    /// Bytes of page cache.
    var cacheBytes = 32 << 20
    /// Most pages the file may have; 0 = as many as fit the disk.
    var maxPageCount = 0
    var isReadOnly = false
    /// The file is its owner's alone (0600), and what SQLite makes beside it; an older one becomes so.
    var isPrivate = false
    /// A commit waits until the disk has it: survives the machine, not only the process.
    var survivesPower = false
  }

  let path: String
  let handle: OpaquePointer
  /// Pages in the write-ahead log after the last commit.
  private let walPages = UnsafeMutablePointer<Int32>.allocate(capacity: 1)
  private(set) var pageSize = 0

  init(_ path: String, _ options: Options) throws(DatabaseError) {
    self.path = path
    walPages.initialize(to: 0)
    if options.isPrivate && !options.isReadOnly { Self.makePrivate(path) }
    var opened: OpaquePointer?
    let flags =
      (options.isReadOnly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE) | SQLITE_OPEN_NOMUTEX
    let code = sqlite3_open_v2(path, &opened, flags, nil)
    guard let opened, code == SQLITE_OK else {
      let message = opened.map { String(cString: sqlite3_errmsg($0)) } ?? "out of memory"
      sqlite3_close_v2(opened)
      walPages.deallocate()
      throw DatabaseError(code: code & 0xff, message: "\(path): \(message)")
    }
    handle = opened
    sqlite3_busy_timeout(handle, 5000)
    try execute("PRAGMA cache_size = -\(options.cacheBytes / 1024)")
    try execute("PRAGMA temp_store = MEMORY")
    if !options.isReadOnly {
      try execute("PRAGMA page_size = \(options.pageSize)")
      try execute("PRAGMA journal_mode = WAL")
      try execute("PRAGMA synchronous = \(options.survivesPower ? "FULL" : "NORMAL")")
      try execute("PRAGMA journal_size_limit = \(256 << 20)")
      if options.maxPageCount > 0 { try execute("PRAGMA max_page_count = \(options.maxPageCount)") }
      // Replaces the automatic checkpoint too.
      sqlite3_wal_hook(
        handle,
        { counter, _, _, pages in
          counter?.storeBytes(of: pages, as: Int32.self)
          return SQLITE_OK
        }, walPages)
    }
    pageSize = Int(try integer("PRAGMA page_size"))
  }

  deinit {
    sqlite3_close_v2(handle)
    walPages.deallocate()
  }

  /// Closes a file to others, or makes an empty one that is. What exists is not opened for it: SQLite's locks on a file
  /// end with any descriptor of the process that is closed on it.
  private static func makePrivate(_ path: String) {
    let made = Glibc.open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard made < 0 else {
      FileOwner.followFolder(made, at: path)
      Glibc.close(made)
      return
    }
    for suffix in ["", "-wal", "-shm"] { chmod(path + suffix, 0o600) }
  }

  /// Bytes in the write-ahead log that the last commit left.
  var walBytes: Int { Int(walPages.pointee) * pageSize }

  func execute(_ sql: String) throws(DatabaseError) {
    try check(sqlite3_exec(handle, sql, nil, nil, nil))
  }

  func integer(_ sql: String) throws(DatabaseError) -> Int64 {
    let statement = try Statement(self, sql)
    guard try statement.step() else { return 0 }
    defer { statement.reset() }
    return statement.integer(0)
  }

  /// One immediate transaction; rolled back when the body throws.
  func transaction(_ body: () throws(DatabaseError) -> Void) throws(DatabaseError) {
    try execute("BEGIN IMMEDIATE")
    do throws(DatabaseError) {
      try body()
      try execute("COMMIT")
    } catch {
      rollBack()
      throw error
    }
  }

  /// Ends a transaction that failed, if SQLite has not done so itself.
  func rollBack() {
    if sqlite3_get_autocommit(handle) == 0 { sqlite3_exec(handle, "ROLLBACK", nil, nil, nil) }
  }

  /// Folds the write-ahead log back into the file as far as readers allow, and starts it anew.
  func foldBack(truncating: Bool = false) throws(DatabaseError) {
    let mode = truncating ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE
    try check(sqlite3_wal_checkpoint_v2(handle, nil, mode, nil, nil))
    walPages.pointee = 0
  }

  /// Copies the whole database, as it is at one instant, while others write to it; the copy is its owner's alone.
  func copy(to target: String) throws(DatabaseError) {
    let partial = target + ".partial"
    unlink(partial)
    Self.makePrivate(partial)
    var opened: OpaquePointer?
    let code = sqlite3_open_v2(partial, &opened, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nil)
    defer { sqlite3_close_v2(opened) }
    guard code == SQLITE_OK, let opened, let backup = sqlite3_backup_init(opened, "main", handle, "main") else {
      throw DatabaseError(code: code & 0xff, message: "\(partial) cannot be written")
    }
    let stepped = sqlite3_backup_step(backup, -1)
    let finished = sqlite3_backup_finish(backup)
    guard stepped == SQLITE_DONE, finished == SQLITE_OK else {
      unlink(partial)
      throw DatabaseError(
        code: (stepped == SQLITE_DONE ? finished : stepped) & 0xff,
        message: "\(partial): \(String(cString: sqlite3_errmsg(opened)))")
    }
    let renamed = rename(partial, target)
    guard renamed == 0 else {
      throw DatabaseError(code: SQLITE_CANTOPEN, message: "\(target): \(String(cString: strerror(errno)))")
    }
  }

  func check(_ code: Int32) throws(DatabaseError) {
    guard code != SQLITE_OK, code != SQLITE_ROW, code != SQLITE_DONE else { return }
    throw DatabaseError(code: code & 0xff, message: "\(path): \(String(cString: sqlite3_errmsg(handle)))")
  }
}

/// A prepared statement, kept for the life of its connection.
final class Statement {
  private unowned let database: Database
  private let handle: OpaquePointer

  init(_ database: Database, _ sql: String) throws(DatabaseError) {
    self.database = database
    var prepared: OpaquePointer?
    let code = sqlite3_prepare_v3(database.handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &prepared, nil)
    guard let prepared else {
      throw DatabaseError(
        code: code & 0xff, message: "\(database.path): \(String(cString: sqlite3_errmsg(database.handle)))")
    }
    handle = prepared
  }

  deinit { sqlite3_finalize(handle) }

  func bind(_ index: Int32, _ value: Int64) { sqlite3_bind_int64(handle, index, value) }
  func bind(_ index: Int32, _ value: Double) { sqlite3_bind_double(handle, index, value) }
  /// Lends the bytes until the statement is reset.
  func bind(_ index: Int32, _ value: UnsafeRawBufferPointer) {
    if let start = value.baseAddress, !value.isEmpty {
      sqlite3_bind_blob64(handle, index, start, UInt64(value.count), nil)
    } else {
      sqlite3_bind_zeroblob(handle, index, 0)
    }
  }

  /// True = a row is there to be read.
  func step() throws(DatabaseError) -> Bool {
    let code = sqlite3_step(handle)
    if code == SQLITE_ROW { return true }
    if code != SQLITE_DONE {
      let error = DatabaseError(
        code: code & 0xff, message: "\(database.path): \(String(cString: sqlite3_errmsg(database.handle)))")
      reset()
      throw error
    }
    return false
  }

  /// Runs a statement that yields no rows.
  func run() throws(DatabaseError) {
    _ = try step()
    reset()
  }

  func reset() { sqlite3_reset(handle) }
  func integer(_ column: Int32) -> Int64 { sqlite3_column_int64(handle, column) }
  func double(_ column: Int32) -> Double { sqlite3_column_double(handle, column) }
  /// Bytes of a column, lent until the next step or reset.
  func bytes(_ column: Int32) -> UnsafeRawBufferPointer {
    let start = sqlite3_column_blob(handle, column)
    return UnsafeRawBufferPointer(start: start, count: start == nil ? 0 : Int(sqlite3_column_bytes(handle, column)))
  }
}

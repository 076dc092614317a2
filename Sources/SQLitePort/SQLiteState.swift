import CSQLite
import Glibc
import Kernels
public import Ports

/// State in one SQLite file: a table per ``StateTable``, a row per slot, every row and their sum checksummed.
///
/// One transaction per ``save(_:)`` in WAL mode, `synchronous = NORMAL`: survives kill -9 whole, may lose its
/// last saves in a power loss, never tears. The write-ahead log is folded back after a save that leaves it
/// longer than `walLimit`. A damaged file is renamed to `<path>.corrupt-<n>` and a new one begun.
public final class SQLiteState: StateStore, @unchecked Sendable {
  public struct Options: Sendable {
    /// Bytes; for files that are made. Measured: a save costs .6 of what it does with pages of 4 KiB, whether
    /// the rows stand together or apart.
    public var pageSize = 65536
    /// Most pages; 0 = no bound. For tests of a full disk.
    public var maxPageCount = 0
    /// Bytes of write-ahead log after which it is folded back.
    public var walLimit = 128 << 20
    /// For dumps and backups beside a running worker: never writes, never renames.
    public var isReadOnly = false
    /// A save is on the disk when it returns, not only out of this process.
    public var survivesPower = false
    public init() {}
  }

  /// Version of the tables, not of what rows mean (the manifest says that).
  public static let format: Int64 = 1
  private static let tables = StateTable.allCases.filter { $0 != .manifest }

  private let path: String
  private let options: Options
  private let gate = Gate()
  private var database: Database?
  private var put: [Statement] = []
  private var delete: [Statement] = []
  private var seal: Statement?
  private var root = StateRoot()
  private var generation: Int64 = 0
  private var isLoaded = false
  /// Damage found when the file was opened, thrown once; a foreign format is thrown always.
  private var fault: StateFault?
  private var problem: String?

  /// Opens or makes the file. Damage found here is thrown by the first ``load(_:)``.
  public init(path: String, options: Options = Options()) throws(StateFault) {
    self.path = path
    self.options = options
    do throws(DatabaseError) {
      try open()
    } catch {
      let fault = describe(error)
      guard case .corrupt = fault else { throw fault }
      self.fault = fault
    }
  }

  deinit { close() }

  /// What kept the write-ahead log from being folded back last time, if something did; no save is lost by it.
  public var foldBackProblem: String? {
    gate.lock()
    defer { gate.unlock() }
    return problem
  }

  public func load(_ row: (StateTable, UInt32, UnsafeRawBufferPointer) -> Void) throws(StateFault) -> [UInt8] {
    gate.lock()
    defer { gate.unlock() }
    if let fault {
      if case .corrupt = fault { self.fault = nil }
      throw fault
    }
    let manifest: [UInt8]?
    do throws(DatabaseError) { manifest = try read(row) } catch { throw describe(error) }
    guard let manifest else { throw .empty }
    return manifest
  }

  public func save(_ snapshot: borrowing Snapshot) throws(StateFault) -> Int {
    gate.lock()
    defer { gate.unlock() }
    if let fault, case .format = fault { throw fault }
    do throws(DatabaseError) {
      if !isLoaded { _ = try read { _, _, _ in } }
      return try write(snapshot)
    } catch { throw describe(error) }
  }

  /// Copies the state as it is now into another file, while it is being written to.
  ///
  /// The copy appears under its name only when it is whole.
  public func backup(to target: String) throws(StateFault) {
    do throws(DatabaseError) {
      var reading = Database.Options()
      reading.isReadOnly = true
      try Database(path, reading).copy(to: target)
    } catch {
      throw .io(error.message)
    }
  }

  /// Folds the write-ahead log back and closes the file.
  public func close() {
    gate.lock()
    defer { gate.unlock() }
    if !options.isReadOnly { try? database?.foldBack(truncating: true) }
    release()
  }

  private func open() throws(DatabaseError) {
    var opening = Database.Options()
    opening.pageSize = options.pageSize
    opening.maxPageCount = options.maxPageCount
    opening.isReadOnly = options.isReadOnly
    opening.isPrivate = true
    opening.survivesPower = options.survivesPower
    let database = try Database(path, opening)
    let format = try database.integer("PRAGMA user_version")
    let objects = try database.integer("SELECT count(*) FROM sqlite_master")
    if format == 0 && objects == 0 && !options.isReadOnly {
      try database.transaction { () throws(DatabaseError) in
        for table in Self.tables {
          try database.execute(
            "CREATE TABLE \(table) (slot INTEGER PRIMARY KEY, sum INTEGER NOT NULL, body BLOB NOT NULL)")
        }
        try database.execute(
          "CREATE TABLE manifest (id INTEGER PRIMARY KEY, generation INTEGER NOT NULL, sum INTEGER NOT NULL, "
            + "root BLOB NOT NULL, body BLOB NOT NULL)")
        try database.execute("PRAGMA user_version = \(Self.format)")
      }
    } else if format != Self.format {
      fault = .format(
        "\(path) has format \(format), this program reads \(Self.format): run the program that wrote it, or rebuild "
          + "the state from the log: thalweg state rebuild")
      return
    }
    if !options.isReadOnly {
      for table in Self.tables {
        put.append(try Statement(database, "INSERT OR REPLACE INTO \(table) (slot, sum, body) VALUES (?, ?, ?)"))
        delete.append(try Statement(database, "DELETE FROM \(table) WHERE slot = ?"))
      }
      seal = try Statement(
        database, "INSERT OR REPLACE INTO manifest (id, generation, sum, root, body) VALUES (0, ?, ?, ?, ?)")
    }
    self.database = database
  }

  private func release() {
    put.removeAll()
    delete.removeAll()
    seal = nil
    database = nil
    isLoaded = false
  }

  /// Reads everything and checks all sums; nil = nothing was saved yet.
  private func read(
    _ row: (StateTable, UInt32, UnsafeRawBufferPointer) -> Void
  ) throws(DatabaseError) -> [UInt8]? {
    guard let database else { throw DatabaseError(code: SQLITE_MISUSE, message: "\(path) is closed") }
    var root = StateRoot()
    for table in Self.tables {
      let rows = try Statement(database, "SELECT slot, sum, body FROM \(table)")
      while try rows.step() {
        let body = rows.bytes(2)
        guard let slot = UInt32(exactly: rows.integer(0)) else { throw damaged("\(table) has an impossible slot") }
        let sum = StateRoot.sum(table, slot, body)
        guard sum == UInt64(bitPattern: rows.integer(1)) else {
          throw damaged("row \(slot) of table \(table) does not match its checksum")
        }
        root.set(table, slot, sum)
        row(table, slot, body)
      }
    }
    let stored = try Statement(database, "SELECT generation, sum, root, body FROM manifest WHERE id = 0")
    guard try stored.step() else {
      guard root.isEmpty else { throw damaged("there are rows, but no manifest") }
      self.root = root
      generation = 0
      isLoaded = true
      return nil
    }
    defer { stored.reset() }
    let manifest = stored.bytes(3)
    let seal = StateRoot.seal(
      manifest, root: stored.bytes(2), generation: stored.integer(0), format: Self.format)
    guard seal == UInt64(bitPattern: stored.integer(1)) else {
      throw damaged("the manifest does not match its checksum")
    }
    guard root.bytes.elementsEqual(stored.bytes(2)) else {
      throw damaged("rows are missing, or older than the manifest")
    }
    self.root = root
    generation = stored.integer(0)
    isLoaded = true
    return Array(manifest)
  }

  private func write(_ snapshot: borrowing Snapshot) throws(DatabaseError) -> Int {
    guard let database else { throw DatabaseError(code: SQLITE_MISUSE, message: "\(path) is closed") }
    var undo: [(table: StateTable, slot: UInt32, sum: UInt64?)] = []
    undo.reserveCapacity(snapshot.rows.count)
    var written = snapshot.manifest.count
    do throws(DatabaseError) {
      try database.execute("BEGIN IMMEDIATE")
      written += try writeRows(of: snapshot, &undo)
      try write(snapshot.manifest)
      try database.execute("COMMIT")
    } catch {
      database.rollBack()
      for step in undo.reversed() { root.set(step.table, step.slot, step.sum) }
      // After an I/O error nobody knows what the file holds: the next save reads it first.
      if !error.isFull { isLoaded = false }
      throw error
    }
    generation += 1
    if database.walBytes > options.walLimit {
      do throws(DatabaseError) {
        try database.foldBack()
        problem = nil
      } catch {
        problem = error.message
      }
    }
    return written
  }

  /// Writes rows in the order of table and slot, which is the order of the file; the last of equal slots wins.
  private func writeRows(
    of snapshot: borrowing Snapshot, _ undo: inout [(table: StateTable, slot: UInt32, sum: UInt64?)]
  ) throws(DatabaseError) -> Int {
    let rows = snapshot.rows
    precondition(rows.count < 1 << 28, "a snapshot has fewer than 268 million rows")
    // Table, slot and index in one word: 4 + 32 + 28 bits.
    var order = rows.indices.map {
      UInt64(rows[$0].table.rawValue) << 60 | UInt64(rows[$0].slot) << 28 | UInt64($0)
    }
    order.sort()
    var written = 0
    for at in order.indices {
      if at + 1 < order.count && order[at] >> 28 == order[at + 1] >> 28 { continue }
      let row = rows[Int(order[at] & (1 << 28 - 1))]
      precondition(row.table != .manifest, "the manifest is not a row")
      let statement = Int(row.table.rawValue) - 1
      if row.count == 0 {
        delete[statement].bind(1, Int64(row.slot))
        try delete[statement].run()
        undo.append((row.table, row.slot, root.set(row.table, row.slot, nil)))
      } else {
        let outcome: Result<UInt64, DatabaseError> = snapshot.withBytes(of: row) { body in
          let sum = StateRoot.sum(row.table, row.slot, body)
          put[statement].bind(1, Int64(row.slot))
          put[statement].bind(2, Int64(bitPattern: sum))
          put[statement].bind(3, body)
          do throws(DatabaseError) { try put[statement].run() } catch { return .failure(error) }
          return .success(sum)
        }
        undo.append((row.table, row.slot, root.set(row.table, row.slot, try outcome.get())))
        written += row.count
      }
    }
    return written
  }

  private func write(_ manifest: [UInt8]) throws(DatabaseError) {
    guard let seal else { return }
    let root = self.root.bytes
    let outcome: Result<Void, DatabaseError> = manifest.withUnsafeBytes { body in
      root.withUnsafeBytes { root in
        let sum = StateRoot.seal(body, root: root, generation: generation + 1, format: Self.format)
        seal.bind(1, generation + 1)
        seal.bind(2, Int64(bitPattern: sum))
        seal.bind(3, root)
        seal.bind(4, body)
        do throws(DatabaseError) { return .success(try seal.run()) } catch { return .failure(error) }
      }
    }
    try outcome.get()
  }

  private func damaged(_ what: String) -> DatabaseError {
    DatabaseError(code: SQLITE_CORRUPT, message: "\(path): \(what)")
  }

  /// Puts an error in words; a damaged file is set aside and a new one begun.
  private func describe(_ error: DatabaseError) -> StateFault {
    if error.isCorruption {
      if options.isReadOnly { return .corrupt(error.message) }
      release()
      let aside = setAside(path)
      do throws(DatabaseError) { try open() } catch { return .io(error.message) }
      return .corrupt("\(error.message); set aside as \(aside)")
    }
    if error.isFull {
      return .io(
        "\(path): the disk is full; the checkpoint before this one stays valid, saving resumes with free space")
    }
    return .io(error.message)
  }
}

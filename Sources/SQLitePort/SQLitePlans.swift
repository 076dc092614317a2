import CSQLite
import Kernels
public import Ports

/// Plans of turns in an SQLite file of their own, so that a large checkpoint holds no plan's commit up.
///
/// One commit in WAL mode per plan, some tens of microseconds: survives kill -9 when `append` returns. Each
/// row's checksum is seeded with the one before, so that a lost or changed plan in between is noticed.
public final class SQLitePlans: PlanLog, @unchecked Sendable {
  /// Version of the table, not of what plans mean.
  public static let format: Int64 = 1
  /// Bytes of write-ahead log after which it is folded back.
  private static let walLimit = 8 << 20

  private let path: String
  private let isReadOnly: Bool
  private let maxPageCount: Int
  private let survivesPower: Bool
  private let gate = Gate()
  private var database: Database?
  private var insert: Statement?
  private var folding: LogFolding?
  private var last: (turn: UInt64, sum: UInt64) = (0, 0)
  private var isEmpty = true
  private var fault: StateFault?

  /// - Parameter isReadOnly: For replays and dumps beside a running worker.
  /// - Parameter maxPageCount: Most pages of 4 KiB; 0 = no bound. For tests of a full disk.
  /// - Parameter survivesPower: A plan is on the disk when `append` returns, not only out of this process.
  public init(
    path: String, isReadOnly: Bool = false, maxPageCount: Int = 0, survivesPower: Bool = false
  ) throws(StateFault) {
    self.path = path
    self.isReadOnly = isReadOnly
    self.maxPageCount = maxPageCount
    self.survivesPower = survivesPower
    do throws(DatabaseError) {
      try open()
    } catch {
      let fault = describe(error)
      guard case .corrupt = fault else { throw fault }
      self.fault = fault
    }
  }

  deinit { close() }

  /// The newest turn planned, as of the opening or the last append; 0 = none.
  public var newest: UInt64 {
    gate.lock()
    defer { gate.unlock() }
    return isEmpty ? 0 : last.turn
  }

  /// Pages in use, without the write-ahead log. The file keeps the room of what was pruned, for the plans to come.
  public var bytes: Int {
    gate.lock()
    defer { gate.unlock() }
    guard let database, let pages = try? database.integer("PRAGMA page_count"),
      let free = try? database.integer("PRAGMA freelist_count")
    else { return 0 }
    return Int(pages - free) * database.pageSize
  }

  public func append(turn: UInt64, _ plan: [UInt8]) throws(StateFault) {
    gate.lock()
    defer { gate.unlock() }
    if let fault, case .format = fault { throw fault }
    guard isEmpty || turn > last.turn else { throw .io("\(path): plan \(turn) does not follow plan \(last.turn)") }
    let outcome: Result<UInt64, DatabaseError> = plan.withUnsafeBytes { body in
      do throws(DatabaseError) { return .success(try write(turn, body)) } catch { return .failure(error) }
    }
    switch outcome {
    case .success(let sum):
      last = (turn, sum)
      isEmpty = false
      foldBack()
    case .failure(let error): throw describe(error)
    }
  }

  /// Once the log is long, a thread folds it back, and what was appended meanwhile is folded here.
  private func foldBack() {
    guard let database else { return }
    if let folding {
      guard folding.isDone else { return }
      folding.join()
      self.folding = nil
      try? database.foldBack()
    } else if database.walBytes > Self.walLimit {
      folding = LogFolding(path, pageSize: database.pageSize)
    }
  }

  private func write(_ turn: UInt64, _ body: UnsafeRawBufferPointer) throws(DatabaseError) -> UInt64 {
    guard let insert else { throw DatabaseError(code: SQLITE_MISUSE, message: "\(path) is closed") }
    let sum = Self.sum(turn, body, previous: last.sum)
    insert.bind(1, Int64(bitPattern: turn))
    insert.bind(2, Int64(bitPattern: last.sum))
    insert.bind(3, Int64(bitPattern: sum))
    insert.bind(4, body)
    try insert.run()
    return sum
  }

  public func plans(after turn: UInt64, limit: Int) throws(StateFault) -> [(turn: UInt64, plan: [UInt8])] {
    gate.lock()
    defer { gate.unlock() }
    if let fault {
      if case .corrupt = fault { self.fault = nil }
      throw fault
    }
    do throws(DatabaseError) { return try read(after: turn, limit) } catch { throw describe(error) }
  }

  private func read(after turn: UInt64, _ limit: Int) throws(DatabaseError) -> [(turn: UInt64, plan: [UInt8])] {
    guard let database else { throw DatabaseError(code: SQLITE_MISUSE, message: "\(path) is closed") }
    let rows = try Statement(
      database, "SELECT turn, previous, sum, body FROM plan WHERE turn > ? ORDER BY turn LIMIT ?")
    rows.bind(1, Int64(bitPattern: turn))
    rows.bind(2, Int64(limit))
    var plans: [(turn: UInt64, plan: [UInt8])] = []
    var before: UInt64?
    while try rows.step() {
      let turn = UInt64(bitPattern: rows.integer(0))
      let previous = UInt64(bitPattern: rows.integer(1))
      let sum = UInt64(bitPattern: rows.integer(2))
      guard before == nil || before == previous else {
        throw DatabaseError(code: SQLITE_CORRUPT, message: "\(path): a plan before turn \(turn) is missing")
      }
      guard Self.sum(turn, rows.bytes(3), previous: previous) == sum else {
        throw DatabaseError(code: SQLITE_CORRUPT, message: "\(path): plan \(turn) does not match its checksum")
      }
      plans.append((turn, Array(rows.bytes(3))))
      before = sum
    }
    return plans
  }

  public func prune(upTo turn: UInt64) throws(StateFault) {
    gate.lock()
    defer { gate.unlock() }
    do throws(DatabaseError) {
      guard let database else { throw DatabaseError(code: SQLITE_MISUSE, message: "\(path) is closed") }
      let statement = try Statement(database, "DELETE FROM plan WHERE turn <= ?")
      statement.bind(1, Int64(bitPattern: turn))
      try statement.run()
      if turn >= last.turn {  // numbers may begin anew
        last = (0, 0)
        isEmpty = true
      }
    } catch { throw describe(error) }
  }

  /// Copies the plans as they are now into another file, while they are being appended to.
  public func backup(to target: String) throws(StateFault) {
    do throws(DatabaseError) {
      var reading = Database.Options()
      reading.isReadOnly = true
      try Database(path, reading).copy(to: target)
    } catch { throw .io(error.message) }
  }

  public func close() {
    gate.lock()
    defer { gate.unlock() }
    folding?.join()
    folding = nil
    if !isReadOnly { try? database?.foldBack(truncating: true) }
    insert = nil
    database = nil
  }

  private func open() throws(DatabaseError) {
    var opening = Database.Options()
    opening.pageSize = 4096
    opening.cacheBytes = 4 << 20
    opening.maxPageCount = maxPageCount
    opening.isReadOnly = isReadOnly
    opening.isPrivate = true
    opening.survivesPower = survivesPower
    let database = try Database(path, opening)
    let format = try database.integer("PRAGMA user_version")
    let objects = try database.integer("SELECT count(*) FROM sqlite_master")
    if format == 0 && objects == 0 && !isReadOnly {
      try database.transaction { () throws(DatabaseError) in
        try database.execute(
          "CREATE TABLE plan (turn INTEGER PRIMARY KEY, previous INTEGER NOT NULL, sum INTEGER NOT NULL, "
            + "body BLOB NOT NULL)")
        try database.execute("PRAGMA user_version = \(Self.format)")
      }
    } else if format != Self.format {
      fault = .format(
        "\(path) has format \(format), this program reads \(Self.format): run the program that wrote it, or rebuild "
          + "the state from the log: thalweg state rebuild")
      return
    }
    let newest = try Statement(database, "SELECT turn, sum FROM plan ORDER BY turn DESC LIMIT 1")
    isEmpty = !(try newest.step())
    if !isEmpty { last = (UInt64(bitPattern: newest.integer(0)), UInt64(bitPattern: newest.integer(1))) }
    newest.reset()
    if !isReadOnly {
      insert = try Statement(database, "INSERT INTO plan (turn, previous, sum, body) VALUES (?, ?, ?, ?)")
    }
    self.database = database
  }

  /// xxh3 of the plan, seeded by its turn and the checksum of the plan before.
  private static func sum(_ turn: UInt64, _ body: UnsafeRawBufferPointer, previous: UInt64) -> UInt64 {
    xxh3(body, seed: (previous &* 0x9e37_79b9_7f4a_7c15) ^ turn)
  }

  /// Puts an error in words; a damaged file is set aside and a new one begun.
  private func describe(_ error: DatabaseError) -> StateFault {
    if error.isCorruption {
      if isReadOnly { return .corrupt(error.message) }
      folding?.join()
      folding = nil
      insert = nil
      database = nil
      last = (0, 0)
      isEmpty = true
      let aside = setAside(path)
      do throws(DatabaseError) { try open() } catch { return .io(error.message) }
      return .corrupt("\(error.message); set aside as \(aside)")
    }
    if error.isFull { return .io("\(path): the disk is full; turns wait until there is space") }
    return .io(error.message)
  }
}

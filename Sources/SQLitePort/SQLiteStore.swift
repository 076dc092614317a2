import CSys
import Glibc
public import Ports
import Telemetry

/// Features in an SQLite file in WAL mode, which other processes read while it is written.
///
/// Batches are applied on a thread of the store's own, at most two waiting, so neither ``submit(_:)`` nor
/// ``pump()`` touches the disk. Each batch is one transaction together with the mark that fences it.
public final class SQLiteStore: FeatureStore, FeatureReader {
  private let path: String
  private let streamLength: Int
  private let maxPageCount: Int
  private var writer: FeatureWriter?
  private var reader: SQLiteReader?
  /// Where the file could not be opened: for whom, and when it is tried again.
  private var absent: (group: String, retryAt: Int64)?

  /// - Parameter streamLength: Newest entries a stream keeps.
  /// - Parameter maxPageCount: Most pages of 8 KiB; 0 = no bound. For tests of a full disk.
  public init(path: String, streamLength: Int = 10_000, maxPageCount: Int = 0) {
    self.path = path
    self.streamLength = streamLength
    self.maxPageCount = maxPageCount
  }

  deinit { close() }

  public func open(group: String) throws(PortError) -> StoreMark? {
    close()
    let file: FeatureFile
    let mark: StoreMark?
    do throws(DatabaseError) { (file, mark) = try read() } catch {
      absent = (group, csys_monotonic_ns() + 1_000_000_000)
      throw PortError(code: "store-io", number: Int(error.code), isRetriable: true, message: error.message)
    }
    absent = nil
    if let mark, mark.group != group { throw FeatureWriter.otherGroup(mark, group) }
    writer = FeatureWriter(file, group: group)
    return mark
  }

  /// The file and its mark; a damaged one is set aside and a new one begun, which the worker fills.
  private func read() throws(DatabaseError) -> (FeatureFile, StoreMark?) {
    func attempt() throws(DatabaseError) -> (FeatureFile, StoreMark?) {
      let file = try FeatureFile(path, streamLength: streamLength, maxPageCount: maxPageCount)
      return (file, try file.mark())
    }
    do throws(DatabaseError) { return try attempt() } catch {
      guard error.isCorruption else { throw error }
      Log.shared.error(
        "the file of features was damaged and set aside; it is filled anew", mend: "nothing now; look at the disk",
        ["cause": .text(error.message), "aside": .text(setAside(path))])
      return try attempt()
    }
  }

  public var inFlight: Int { writer?.inFlight ?? 0 }

  public func submit(_ batch: borrowing FeatureBatch) -> Bool { writer?.submit(batch) ?? false }

  public func pump() -> StoreProgress {
    if let writer { return writer.pump() }
    var progress = StoreProgress()
    guard let absent, csys_monotonic_ns() >= absent.retryAt else { return progress }
    do throws(PortError) {
      progress.mark = try open(group: absent.group) ?? StoreMark(group: absent.group, version: .zero)
    } catch { progress.error = error }
    return progress
  }

  /// Applies what was handed over, then closes the file.
  public func close() {
    writer?.stop()
    writer = nil
    reader = nil
  }

  private func reading() throws(PortError) -> SQLiteReader {
    if let reader { return reader }
    let opened = try SQLiteReader(path: path)
    reader = opened
    return opened
  }

  public func hash(_ key: String) throws(PortError) -> [(name: String, value: [UInt8])]? { try reading().hash(key) }
  public func top(_ key: String, count: Int) throws(PortError) -> [(member: String, score: Double)] {
    try reading().top(key, count: count)
  }
  public func keys(prefix: String, limit: Int) throws(PortError) -> [String] {
    try reading().keys(prefix: prefix, limit: limit)
  }
}

/// The store's thread and the queue before it.
final class FeatureWriter: @unchecked Sendable {
  private let gate = Gate()
  private let file: FeatureFile
  private let group: String
  private var queue: [FeatureBatch] = []
  private var progress = StoreProgress()
  /// Handed over and not yet reported by ``pump()``.
  private var open = 0
  private var isStopping = false
  /// Another writer owns the file now: nothing is taken any more.
  private var isFenced = false
  /// After a failure nothing is taken before this time, monotonic ns; 0 = no failure.
  private var retryAt: Int64 = 0
  private var backOffMs: Int64 = 50
  private var thread: Running?

  init(_ file: FeatureFile, group: String) {
    self.file = file
    self.group = group
    // The thread keeps this object until it ends; `stop()` waits for that.
    thread = Running { [self] in run() }
  }

  static func otherGroup(_ mark: StoreMark, _ group: String) -> PortError {
    PortError(
      code: "store-group",
      message: "the feature store belongs to group \(mark.group), not \(group): give this worker a store of its own")
  }

  var inFlight: Int {
    gate.lock()
    defer { gate.unlock() }
    return open
  }

  func submit(_ batch: borrowing FeatureBatch) -> Bool {
    gate.lock()
    defer { gate.unlock() }
    guard !isFenced, !isStopping, retryAt == 0, open < 2 else { return false }
    queue.append(copy batch)
    open += 1
    gate.wake()
    return true
  }

  func pump() -> StoreProgress {
    gate.lock()
    defer { gate.unlock() }
    var result = progress
    progress = StoreProgress()
    open -= result.confirmed
    if retryAt != 0 && Self.now() >= retryAt {
      retryAt = 0
      do throws(DatabaseError) {
        result.mark = try file.mark() ?? StoreMark(group: group, version: .zero)
      } catch {
        fail(error)
      }
    }
    return result
  }

  func stop() {
    gate.lock()
    isStopping = true
    gate.wake()
    gate.unlock()
    thread?.join()
    file.close()
  }

  private func run() {
    gate.lock()
    defer { gate.unlock() }
    while true {
      while queue.isEmpty && !isStopping { gate.wait() }
      guard let batch = queue.first else { return }
      gate.unlock()
      let outcome: Result<StoreMark?, DatabaseError>
      do throws(DatabaseError) {
        outcome = .success(try file.apply(batch, group: group))
      } catch { outcome = .failure(error) }
      gate.lock()
      switch outcome {
      case .success(nil):
        queue.removeFirst()
        progress.confirmed += 1
        backOffMs = 50
      case .success(let mark?):
        isFenced = true
        dropAll()
        progress.error =
          mark.group == group
          ? PortError(
            code: "store-fenced",
            message: "the feature store holds version \(mark.version.text), newer than our \(batch.version.text): "
              + "another worker writes there") : Self.otherGroup(mark, group)
      case .failure(let error):
        dropAll()
        fail(error)
      }
    }
  }

  private func dropAll() {
    queue.removeAll()
    open = progress.confirmed
  }

  private func fail(_ error: DatabaseError) {
    progress.lost = true
    progress.error = PortError(code: "store-io", number: Int(error.code), isRetriable: true, message: error.message)
    retryAt = Self.now() + backOffMs * 1_000_000
    backOffMs = min(backOffMs * 2, 2000)
  }

  private static func now() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }
}

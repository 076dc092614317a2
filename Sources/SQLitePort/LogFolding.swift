import Telemetry

/// One folding back of a database's write-ahead log, on a thread and a connection of its own: who appends to it does
/// not wait for the disk (8 MB take 8-16 ms, most of it until the disk says so).
///
/// What is appended meanwhile stays in the log; its owner folds that little back itself once this is done.
final class LogFolding {
  private let done = Locked(false)
  private let thread: Running

  init(_ path: String, pageSize: Int) {
    let done = done
    thread = Running {
      var options = Database.Options()
      options.pageSize = pageSize
      options.isPrivate = true
      // One that fails is tried again with the next append: the log is still too long.
      try? Database(path, options).foldBack()
      done.withLock { $0 = true }
    }
  }

  var isDone: Bool { done.withLock { $0 } }

  /// Waits for its end. Once.
  func join() { thread.join() }
}

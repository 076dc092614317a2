import Glibc
import Options
import Pipeline
import Ports
import SQLitePort

struct StateDump: Verb {
  static let about = "Prints every stored row of the folds, one a line, sorted."
  static let notes = """
    Kind, TAB, key, TAB, JSON with sorted members; integers in decimal, floats as quoted hexadecimal bit patterns: two \
    dumps are equal exactly when the states are. Reads the newest checkpoint, beside a running worker too.
    """
  static let settings = ["state_dir"]

  func run(_ context: Context) throws {
    context.configureLog(atLeast: .warning)
    let read = try Worded.errors { try StoredState.read(context) }
    if read.pending > 0 {
      StandardError.write("\(read.pending) planned turns are not in this checkpoint; the next start folds them again\n")
    }
    read.road.dump { context.output.write(String(decoding: $0, as: UTF8.self) + "\n") }
    context.output.flush()
  }
}

struct StateBackup: Verb {
  static let about = "Copies state and plans into a folder, while the worker runs."
  static let settings = ["state_dir"]
  @Argument("folder", "Where the copies go; made if there is none.") var folder = ""

  func run(_ context: Context) throws {
    let from = context.settings.stateDir
    guard FileSystem.exists(from + "/state.db") else { throw Failure(ExitCode.failed, "there is no state in \(from)") }
    FileSystem.makeDirectory(folder)
    try Worded.errors {
      // State first: the plans copied after it reach beyond it, and so the copy catches up like a crashed worker.
      try StoredState.open(from).backup(to: folder + "/state.db")
      try SQLitePlans(path: from + "/plans.db", isReadOnly: true).backup(to: folder + "/plans.db")
    }
    context.output.line("state and plans of \(from) are in \(folder)")
  }
}

struct StateRestore: Verb {
  static let about = "Puts a backup in the place of the state, also while the worker runs; the former is set aside."
  static let notes = """
    A running worker stops in order for it and goes on from the backup by itself. Plans that are newer than the backup \
    stay and are folded again. Where they do not reach back to it, a new lineage begins at the backup's position.
    """
  static let settings = ["state_dir"]
  @Argument("folder", "The backup.") var folder = ""

  func run(_ context: Context) throws {
    guard FileSystem.exists(folder + "/state.db") else { throw Failure(ExitCode.misuse, "\(folder) holds no state.db") }
    let target = context.settings.stateDir
    try Worded.errors {
      try check(context.settings.kafka.group)
      guard let directory = try StoredState.lock(target) else {
        try StoredState.open(folder).backup(to: StateRequest.restore.path(in: target))
        return try StoredState.await(.restore, in: target, context.output)
      }
      try StoredState.open(folder).backup(to: StateRequest.restore.path(in: target))
      StateRequest.carryOut(in: directory)
      if !FileSystem.exists(directory.plansPath), FileSystem.exists(folder + "/plans.db") {
        try SQLitePlans(path: folder + "/plans.db", isReadOnly: true).backup(to: directory.plansPath)
      }
      context.output.line("restored; start the worker")
    }
  }

  /// A damaged backup, one of another format or of another group replaces nothing.
  private func check(_ group: String) throws {
    let manifest = try Manifest(decoding: try StoredState.open(folder).load { _, _, _ in })
    guard manifest.group == group || manifest.group.isEmpty else {
      throw Failure(ExitCode.misuse, "\(folder) is a backup of group \(manifest.group), kafka.group is \(group)")
    }
  }
}

struct StateRebuild: Verb {
  static let about = "Sets the state aside, so that the log is folded from its beginning; also while the worker runs."
  static let notes = """
    A running worker stops in order for it and begins anew by itself. Features are published again under the next \
    lineage.
    """
  static let settings = ["state_dir"]

  func run(_ context: Context) throws {
    let target = context.settings.stateDir
    try Worded.errors {
      guard let directory = try StoredState.lock(target) else {
        guard FileSystem.write(StateRequest.rebuild.path(in: target), []) else {
          throw Failure(ExitCode.unavailable, "\(target) cannot be written to")
        }
        return try StoredState.await(.rebuild, in: target, context.output)
      }
      for path in [directory.statePath, directory.plansPath] {
        if let aside = StoredState.setAside(path) { context.output.line("set aside as \(aside)") }
      }
      context.output.line("start the worker: it folds the log anew")
    }
  }
}

/// The state of a folder, read without a worker.
enum StoredState {
  struct Read {
    var road: Road
    var manifest: Manifest
    /// Planned turns that are not in it yet.
    var pending: Int
  }

  /// The folder, held; nil = a worker holds it.
  static func lock(_ folder: String) throws -> StateDirectory? {
    do throws(PortError) { return try StateDirectory(folder) } catch {
      guard error.code == "state-dir-locked" else { throw error }
      return nil
    }
  }

  /// Tells when the running worker has taken a request up.
  static func await(_ request: StateRequest, in folder: String, _ output: Output) throws {
    let holder = StateDirectory.holder(of: folder).map { "process \($0)" } ?? "its next start"
    guard request.isTakenUp(in: folder, within: 30) else {
      throw Failure(ExitCode.unavailable, "\(holder) has not taken it up within 30 s; it stays asked for in \(folder)")
    }
    output.line("\(holder) has taken it up; its log tells how it goes on")
  }

  static func open(_ folder: String) throws -> SQLiteState {
    guard FileSystem.exists(folder + "/state.db") else { throw WorkerFault.state(.empty) }
    var options = SQLiteState.Options()
    options.isReadOnly = true
    return try SQLiteState(path: folder + "/state.db", options: options)
  }

  static func read(_ context: Context) throws -> Read {
    let folder = context.settings.stateDir
    let (road, manifest) = try Road.reading(try open(folder), options: try WorkerParts(loaded: context.loaded).options)
    guard FileSystem.exists(folder + "/plans.db") else { return Read(road: road, manifest: manifest, pending: 0) }
    let plans = try SQLitePlans(path: folder + "/plans.db", isReadOnly: true).plans(after: manifest.turn)
    return Read(road: road, manifest: manifest, pending: plans.count)
  }

  /// Renames a database with what SQLite keeps beside it; the new name, nil where there is none.
  static func setAside(_ path: String) -> String? {
    guard FileSystem.exists(path) else { return nil }
    var n = 1
    while FileSystem.exists(path + ".aside-\(n)") { n += 1 }
    for suffix in ["-wal", "-shm", ""] { _ = Glibc.rename(path + suffix, path + ".aside-\(n)" + suffix) }
    return path + ".aside-\(n)"
  }
}

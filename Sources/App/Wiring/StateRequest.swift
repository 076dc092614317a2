import Glibc
import SQLitePort
import Telemetry

/// What `state restore` and `state rebuild` ask of a worker that holds the folder: a file that it finds there. Carried
/// out between two lives of that worker, or by the next start.
enum StateRequest: String {
  /// A whole state waits beside the present one.
  case restore
  case rebuild

  func path(in folder: String) -> String {
    switch self {
    case .restore: folder + "/state.db.restoring"
    case .rebuild: folder + "/rebuild"
    }
  }

  static func pending(in folder: String) -> StateRequest? {
    [.restore, .rebuild].first { FileSystem.exists($0.path(in: folder)) }
  }

  /// Only with the folder's lock held and its databases closed. What a crash leaves half done is done by the next call.
  static func carryOut(in directory: StateDirectory) {
    while let request = pending(in: directory.path) {
      var aside: [String] = []
      switch request {
      case .restore:
        if let name = StoredState.setAside(directory.statePath) { aside.append(name) }
        guard rename(request.path(in: directory.path), directory.statePath) == 0 else { return }
      case .rebuild:
        for path in [directory.statePath, directory.plansPath] {
          if let name = StoredState.setAside(path) { aside.append(name) }
        }
        guard unlink(request.path(in: directory.path)) == 0 else { return }
      }
      Log.shared.info(
        "the state was changed as asked; the worker goes on from what stands there now",
        ["request": .text(request.rawValue), "aside": .text(aside.joined(separator: ", "))])
    }
  }

  /// Waits until the worker that holds the folder has taken the request up; false = not within this time.
  func isTakenUp(in folder: String, within seconds: Int) -> Bool {
    for _ in 0..<(seconds * 20) {
      if !FileSystem.exists(path(in: folder)) { return true }
      usleep(50_000)
    }
    return false
  }
}

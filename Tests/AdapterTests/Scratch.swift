import Foundation

/// A folder of its own that goes away with the object.
final class Scratch {
  let path: String
  init() {
    path = FileManager.default.temporaryDirectory.appendingPathComponent("thalweg-\(UUID().uuidString)").path
    try! FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }
  deinit { try? FileManager.default.removeItem(atPath: path) }
  func file(_ name: String) -> String { path + "/" + name }

  /// Copies a database with its write-ahead log, as a kill would leave them.
  func copy(_ name: String, to other: String) {
    for suffix in ["", "-wal"] {
      try? FileManager.default.removeItem(atPath: file(other) + suffix)
      try? FileManager.default.copyItem(atPath: file(name) + suffix, toPath: file(other) + suffix)
    }
    try? FileManager.default.removeItem(atPath: file(other) + "-shm")
  }
}

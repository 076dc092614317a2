import Foundation

/// Folders that tests read and write.
enum Places {
  /// The root of the project.
  static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().path
  /// Data that stands beside the project on some machines and never in it.
  static let shared = URL(fileURLWithPath: root).deletingLastPathComponent().appendingPathComponent("shared").path
  /// The stories that the folds are held to as well.
  static let stories = root + "/Tests/LearnersTests/Golden/stories.json"

  static func has(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

  /// A new folder, removed when the value goes.
  final class Scratch {
    let path: String
    init() {
      path = NSTemporaryDirectory() + "thalweg-test-" + UUID().uuidString
      try! FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }
    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ name: String, _ text: String) throws {
      try text.write(toFile: path + "/" + name, atomically: true, encoding: .utf8)
    }
    func read(_ name: String) throws -> String { try String(contentsOfFile: path + "/" + name, encoding: .utf8) }
  }
}

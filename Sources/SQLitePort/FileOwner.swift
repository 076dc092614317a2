import Glibc

/// What root makes in a folder of somebody else is that one's: a worker under a user of its own, as the unit runs it,
/// must open what an administrator's `state restore` put there.
enum FileOwner {
  /// - Parameters:
  ///   - descriptor: A file that this process has just made.
  ///   - path: Where.
  static func followFolder(_ descriptor: Int32, at path: String) {
    guard geteuid() == 0 else { return }
    let folder = path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    var status = stat()
    guard stat(folder, &status) == 0, status.st_uid != 0 else { return }
    _ = fchown(descriptor, status.st_uid, status.st_gid)
  }
}

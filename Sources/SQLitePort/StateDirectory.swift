import Glibc
public import Ports

/// A worker's folder: made for its owner only, held by one process at a time, with an instance id that lasts.
public final class StateDirectory: @unchecked Sendable {
  public let path: String
  /// 16 hexadecimal digits, drawn when the folder was first used: the name of its static group membership.
  public let instanceID: String
  private let lock: Int32

  public var statePath: String { path + "/state.db" }
  public var plansPath: String { path + "/plans.db" }
  public var featuresPath: String { path + "/features.db" }

  /// Makes the folder if there is none and locks it until this object or the process ends, however it ends.
  public init(_ path: String) throws(PortError) {
    self.path = path
    try Self.make(path)
    let descriptor = Glibc.open(path + "/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw Self.error(path + "/lock", "cannot be opened") }
    FileOwner.followFolder(descriptor, at: path + "/lock")
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      let holder = Self.read(descriptor)
      Glibc.close(descriptor)
      throw PortError(
        code: "state-dir-locked",
        message: "state_dir \(path) is in use by process \(holder.isEmpty ? "unknown" : holder): stop it, or give this "
          + "worker a state_dir of its own")
    }
    let pid = "\(getpid())"
    ftruncate(descriptor, 0)
    guard pwrite(descriptor, pid, pid.utf8.count, 0) == pid.utf8.count else {
      let error = Self.error(path + "/lock", "cannot be written")
      Glibc.close(descriptor)
      throw error
    }
    do throws(PortError) {
      instanceID = try Self.instance(path + "/instance")
    } catch {
      Glibc.close(descriptor)
      throw error
    }
    lock = descriptor
  }

  deinit { Glibc.close(lock) }

  /// The process that holds a folder now; nil = nobody, or there is no such folder.
  public static func holder(of path: String) -> Int32? {
    let descriptor = Glibc.open(path + "/lock", O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { Glibc.close(descriptor) }
    if flock(descriptor, LOCK_SH | LOCK_NB) == 0 { return nil }
    return Int32(read(descriptor))
  }

  /// Makes the folder and those above it; the last one is closed to others.
  private static func make(_ path: String) throws(PortError) {
    var parent = ""
    for part in path.split(separator: "/", omittingEmptySubsequences: false) {
      parent += parent.isEmpty && !path.hasPrefix("/") ? part : "/" + part
      while parent.hasPrefix("//") { parent.removeFirst() }
      guard !parent.isEmpty, parent != "/" else { continue }
      if mkdir(parent, 0o700) != 0 && errno != EEXIST { throw error(parent, "cannot be made") }
    }
    var status = stat()
    guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else { throw error(path, "is no folder") }
    guard access(path, W_OK) == 0 else { throw error(path, "cannot be written to") }
  }

  private static func instance(_ path: String) throws(PortError) -> String {
    let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw error(path, "cannot be opened") }
    defer { Glibc.close(descriptor) }
    FileOwner.followFolder(descriptor, at: path)
    let known = read(descriptor)
    if known.utf8.count == 16 { return known }
    let digits = String(UInt64.random(in: .min ... .max), radix: 16)
    let drawn = String(repeating: "0", count: 16 - digits.utf8.count) + digits
    guard pwrite(descriptor, drawn, 16, 0) == 16, fsync(descriptor) == 0 else {
      throw error(path, "cannot be written")
    }
    return drawn
  }

  private static func read(_ descriptor: Int32) -> String {
    var bytes = [UInt8](repeating: 0, count: 64)
    let count = pread(descriptor, &bytes, 64, 0)
    return String(decoding: bytes.prefix(max(0, count)).filter { $0 > 32 }, as: UTF8.self)
  }

  private static func error(_ path: String, _ what: String) -> PortError {
    let number = errno
    return PortError(
      code: "state-dir", number: Int(number), message: "\(path) \(what): \(String(cString: strerror(number)))")
  }
}

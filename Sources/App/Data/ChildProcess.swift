import Glibc
import Options

/// Another program beside this one, with its input and output in our hands. It ends with this object.
final class ChildProcess {
  let id: pid_t
  private let input: Int32
  private let output: Int32
  private var buffer: [UInt8] = []
  private var isOver = false

  /// The path of this very program, for children that run one of its own verbs.
  static var ownPath: String {
    var text = [CChar](repeating: 0, count: 4096)
    let count = readlink("/proc/self/exe", &text, text.count - 1)
    return String(decoding: text.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// - Parameters:
  ///   - words: A program, searched for on the path, and its arguments.
  ///   - isQuiet: Drops what it writes to stderr.
  init(_ words: [String], isQuiet: Bool = false) throws {
    var toChild: [Int32] = [0, 0]
    var fromChild: [Int32] = [0, 0]
    guard pipe(&toChild) == 0, pipe(&fromChild) == 0 else {
      throw Failure(ExitCode.unavailable, "no pipe can be made")
    }
    for descriptor in toChild + fromChild { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, toChild[0], 0)
    posix_spawn_file_actions_adddup2(&actions, fromChild[1], 1)
    if isQuiet { posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0) }
    var own = words.map { strdup($0) } + [nil]
    defer { for word in own { free(word) } }
    var id: pid_t = 0
    let code = posix_spawnp(&id, words[0], &actions, nil, &own, environ)
    Glibc.close(toChild[0])
    Glibc.close(fromChild[1])
    guard code == 0 else {
      Glibc.close(toChild[1])
      Glibc.close(fromChild[0])
      throw Failure(ExitCode.unavailable, "\(words[0]) cannot be started: \(String(cString: strerror(code)))")
    }
    self.id = id
    input = toChild[1]
    output = fromChild[0]
  }

  /// The next line of its output; nil = there is no more. Waits.
  func line() -> String? {
    while true {
      if let end = buffer.firstIndex(of: 10) {
        defer { buffer.removeFirst(end + 1) }
        return String(decoding: buffer[..<end], as: UTF8.self)
      }
      guard take() else {
        defer { buffer.removeAll() }
        return buffer.isEmpty ? nil : String(decoding: buffer, as: UTF8.self)
      }
    }
  }

  private func take() -> Bool {
    var chunk = [UInt8](repeating: 0, count: 65536)
    while true {
      let count = read(output, &chunk, chunk.count)
      if count < 0, errno == EINTR { continue }
      buffer += chunk.prefix(max(0, count))
      return count > 0
    }
  }

  /// What is left of its output, and its exit code. Waits for its end.
  func finish() -> (text: String, code: Int32) {
    while take() {}
    return (String(decoding: buffer, as: UTF8.self), wait())
  }

  /// It runs no longer.
  var hasEnded: Bool {
    if exitStatus == nil { collect(WNOHANG) }
    return exitStatus != nil
  }

  private var exitStatus: Int32?

  private func collect(_ options: Int32) {
    var status: Int32 = 0
    var found: pid_t
    repeat { found = waitpid(id, &status, options) } while found < 0 && errno == EINTR
    if found != 0 { exitStatus = status }
  }

  private func wait() -> Int32 {
    if exitStatus == nil { collect(0) }
    let status = exitStatus ?? 0
    if !isOver {
      isOver = true
      Glibc.close(input)
      Glibc.close(output)
    }
    return status & 0x7f == 0 ? (status >> 8) & 0xff : 128 + status & 0x7f
  }

  /// Ends it at once.
  func end() {
    guard !isOver else { return }
    if exitStatus == nil { kill(id, SIGKILL) }
    _ = wait()
  }

  deinit { end() }
}

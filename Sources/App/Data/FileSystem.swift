import Glibc

/// The few things the program asks of the file system.
enum FileSystem {
  static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

  static func isDirectory(_ path: String) -> Bool {
    var info = stat()
    return stat(path, &info) == 0 && info.st_mode & S_IFMT == S_IFDIR
  }

  static func makeDirectory(_ path: String) {
    var made = path.hasPrefix("/") ? "" : "."
    for part in path.split(separator: "/") {
      made += "/" + part
      mkdir(made, 0o755)
    }
  }

  /// nil = it cannot be read; `errno` says why.
  static func read(_ path: String) -> [UInt8]? {
    guard let file = fopen(path, "rb") else { return nil }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let n = fread(&chunk, 1, chunk.count, file)
      if n == 0 { return ferror(file) == 0 ? bytes : nil }
      bytes.append(contentsOf: chunk[0..<n])
    }
  }

  /// Why ``read(_:)`` just failed, in a sentence.
  static func unreadable(_ path: String) -> String { "\(path) cannot be read: \(String(cString: strerror(errno)))" }

  /// False = it could not be written.
  @discardableResult
  static func write(_ path: String, _ bytes: some Sequence<UInt8>) -> Bool {
    guard let file = fopen(path, "wb") else { return false }
    let all = Array(bytes)
    let written = fwrite(all, 1, all.count, file)
    return fclose(file) == 0 && written == all.count
  }

  /// Names in a folder, sorted.
  static func names(in path: String) -> [String] {
    guard let folder = opendir(path) else { return [] }
    defer { closedir(folder) }
    var names: [String] = []
    while let entry = readdir(folder) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  /// A new empty folder under the temporary one.
  static func temporaryDirectory() -> String {
    let base = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    var template = Array((base + "/thalweg-XXXXXX").utf8CString)
    precondition(mkdtemp(&template) != nil, "no folder can be made under \(base)")
    return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  static func removeTree(_ path: String) {
    if isDirectory(path) {
      for name in names(in: path) { removeTree(path + "/" + name) }
      rmdir(path)
    } else {
      unlink(path)
    }
  }
}

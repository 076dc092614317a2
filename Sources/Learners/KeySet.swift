import Glibc

/// A growable set of non-zero keys inside a row: open addressing, 16 bytes beside its cells.
struct KeySet: BitwiseCopyable {
  private var cells: UnsafeMutablePointer<UInt64>?
  private(set) var count: UInt32 = 0
  private var size: UInt32 = 0

  init() {}

  var byteCount: Int { Int(size) * 8 }

  /// False if the key was there already.
  mutating func insert(_ key: UInt64) -> Bool {
    if (count + 1) * 4 > size * 3 { grow() }
    let mask = Int(size) - 1
    var at = Int(truncatingIfNeeded: (key &* 0x9e37_79b9_7f4a_7c15) >> 32) & mask
    while cells![at] != 0 {
      if cells![at] == key { return false }
      at = (at + 1) & mask
    }
    cells![at] = key
    count += 1
    return true
  }

  /// Its keys, ascending.
  var sorted: [UInt64] {
    (0..<Int(size)).map { cells![$0] }.filter { $0 != 0 }.sorted()
  }

  mutating func free() {
    Glibc.free(cells)
    cells = nil
    count = 0
    size = 0
  }

  private mutating func grow() {
    let old = self
    size = max(8, size * 2)
    count = 0
    guard let raw = calloc(Int(size), 8) else { fatalError("out of memory") }
    cells = raw.bindMemory(to: UInt64.self, capacity: Int(size))
    for index in 0..<Int(old.size) where old.cells![index] != 0 { _ = insert(old.cells![index]) }
    Glibc.free(old.cells)
  }
}

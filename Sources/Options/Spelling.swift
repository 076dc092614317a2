/// Finds the name that was probably meant.
public enum Spelling {
  /// The nearest name within a third of its length, at least 1 and at most 3 edits; the first of equals.
  public static func nearest(_ text: String, in names: [String]) -> String? {
    var best: (name: String, distance: Int)?
    for name in names {
      let limit = max(1, min(3, max(text.utf8.count, name.utf8.count) / 3))
      let found = distance(Array(text.lowercased().utf8), Array(name.utf8))
      if found <= limit, found < best?.distance ?? .max { best = (name, found) }
    }
    return best?.name
  }

  /// For a dotted name: the same last part elsewhere, else the nearest spelling.
  public static func nearestPath(_ path: String, in paths: [String]) -> String? {
    let leaf = path.split(separator: ".").last.map(String.init) ?? path
    func leafOf(_ path: String) -> String { path.split(separator: ".").last.map(String.init) ?? path }
    if let near = nearest(path, in: paths) { return near }
    if let same = paths.first(where: { leafOf($0) == leaf }) { return same }
    let leaves = paths.map(leafOf)
    return nearest(leaf, in: leaves).flatMap { near in paths.first { leafOf($0) == near } }
  }

  /// Edits (insert, delete, replace, swap of neighbours) between two texts.
  static func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
    guard a.count < 64, b.count < 64 else { return .max }
    var rows = [[Int]](repeating: [Int](repeating: 0, count: b.count + 1), count: a.count + 1)
    for i in 0...a.count { rows[i][0] = i }
    for j in 0...b.count { rows[0][j] = j }
    guard !a.isEmpty, !b.isEmpty else { return max(a.count, b.count) }
    for i in 1...a.count {
      for j in 1...b.count {
        let same = a[i - 1] == b[j - 1] ? 0 : 1
        var least = min(rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + same)
        if i > 1, j > 1, a[i - 1] == b[j - 2], a[i - 2] == b[j - 1] { least = min(least, rows[i - 2][j - 2] + 1) }
        rows[i][j] = least
      }
    }
    return rows[a.count][b.count]
  }
}

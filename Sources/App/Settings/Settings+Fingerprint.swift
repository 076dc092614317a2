import Kernels
import Options

extension LoadedSettings {
  /// Sections and options that decide what the folds compute; all others decide where and how fast.
  private static let deciding: Set<String> = [
    "folds", "too_old", "mapping", "inputs", "limits", "dedup", "trust", "affinity", "engagement", "embedding",
    "vector", "history", "temporal", "session", "viewer", "trend", "popularity", "drift", "rewards", "reward",
    "decision", "bandit", "arms", "privacy",
  ]

  /// Hash of all settings that decide what the folds compute, kept with every plan: a plan under another
  /// fingerprint would not give the same bytes.
  ///
  /// - Parameter parts: Further texts that count, such as the mapping files.
  public func fingerprint(_ parts: [String] = []) -> UInt64 {
    var text = ""
    for row in rows {
      let head = String(row.row.path.prefix { $0 != "." })
      if Self.deciding.contains(head) { text += "\(row.row.path): \(row.text)\n" }
    }
    text += parts.joined(separator: "\0")
    if !settings.privacy.key.isEmpty { text += "\0" + settings.privacy.key.value }
    return text.withUTF8 { xxh3(UnsafeRawBufferPointer($0)) }
  }
}

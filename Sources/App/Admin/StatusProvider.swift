/// What the admin server asks of a worker. Any thread calls; answers come from copies the worker made, so that a
/// busy fold is never waited for longer than a lock of a few lines.
public protocol StatusProvider: Sendable {
  /// ``WorkerStatus/json()`` of now.
  func summary() -> [UInt8]
  /// Whether traffic may rely on this worker, and if not, why, in one line.
  func ready() -> (ok: Bool, reason: String)
  /// One viewer or title as `features get --output json` prints it (`{key, version, updated_at, age_s, features}`);
  /// nil = unknown.
  ///
  /// - Parameter kind: `user` or `content`.
  func lookup(kind: String, id: String) -> [UInt8]?
}

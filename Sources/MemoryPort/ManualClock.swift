public import Ports

/// A clock that stands until it is moved.
public final class ManualClock: WorkerClock {
  public private(set) var wallMs: Int64
  public private(set) var monotonicNs: Int64

  public init(wallMs: Int64 = 1_795_230_000_000, monotonicNs: Int64 = 1_000_000_000) {
    self.wallMs = wallMs
    self.monotonicNs = monotonicNs
  }

  /// Lets time pass: both clocks move.
  public func advance(ms: Int64) {
    wallMs += ms
    monotonicNs += ms * 1_000_000
  }

  /// Steps the wall clock alone, as an operator or NTP does.
  public func setWall(ms: Int64) { wallMs = ms }
}

import CSys
import Ports

/// The machine's clocks.
final class SystemClock: WorkerClock {
  var wallMs: Int64 { csys_wall_ms() }
  var monotonicNs: Int64 { csys_monotonic_ns() }
}

extension Duration {
  /// Whole milliseconds.
  var milliseconds: Int64 { components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000 }
}

import CSys
import Ports

/// The machine's clocks.
final class SystemClock: WorkerClock {
  var wallMs: Int64 { csys_wall_ms() }
  var monotonicNs: Int64 { csys_monotonic_ns() }
}

import Dispatch
import Kernels
import Ports
import Telemetry

/// Writes snapshots on a thread of its own: the road copies changed rows between turns and goes on folding.
///
/// One snapshot at a time; the next is due when this one is done, so a slow disk makes checkpoints rarer, never
/// the queue longer.
final class SaverThread: @unchecked Sendable {
  struct Done: Sendable {
    var turn: UInt64
    var bytes: Int
    var nanoseconds: Int64
    var fault: StateFault?
    /// Given back for the next use of its memory.
    var snapshot: Snapshot
  }

  private struct Shared {
    var job: (turn: UInt64, snapshot: Snapshot)?
    var done: Done?
    var isStopping = false
  }
  private let shared = Locked(Shared())
  private let wake = DispatchSemaphore(value: 0)
  private let finished = DispatchSemaphore(value: 0)
  private let store: any StateStore
  private let clock: any WorkerClock
  private let inline: Bool
  private(set) var isBusy = false

  /// `inline`: saves on the caller's thread, for runs on one thread.
  init(store: any StateStore, clock: any WorkerClock, inline: Bool) {
    self.store = store
    self.clock = clock
    self.inline = inline
    guard !inline else { return }
    Running { [self] in serve() }.detach()
  }

  func start(turn: UInt64, _ snapshot: Snapshot) {
    precondition(!isBusy, "one snapshot at a time")
    isBusy = true
    if inline {
      let done = write(turn, snapshot)
      shared.withLock { $0.done = done }
    } else {
      shared.withLock { $0.job = (turn, snapshot) }
      wake.signal()
    }
  }

  /// The finished save, if there is one; waits for it when asked to.
  func collect(waiting: Bool) -> Done? {
    guard isBusy else { return nil }
    while true {
      let done = shared.withLock { shared -> Done? in
        defer { shared.done = nil }
        return shared.done
      }
      if let done {
        isBusy = false
        return done
      }
      guard waiting else { return nil }
      _ = finished.wait(timeout: .now() + .milliseconds(100))
    }
  }

  func stop() {
    guard !inline else { return }
    shared.withLock { $0.isStopping = true }
    wake.signal()
  }

  private func serve() {
    while true {
      wake.wait()
      let (job, isStopping) = shared.withLock { shared in
        defer { shared.job = nil }
        return (shared.job, shared.isStopping)
      }
      if let job {
        let done = write(job.turn, job.snapshot)
        shared.withLock { $0.done = done }
        finished.signal()
      } else if isStopping {
        return
      }
    }
  }

  private func write(_ turn: UInt64, _ snapshot: Snapshot) -> Done {
    let start = clock.monotonicNs
    var bytes = 0
    var fault: StateFault?
    do { bytes = try store.save(snapshot) } catch { fault = error }
    return Done(turn: turn, bytes: bytes, nanoseconds: clock.monotonicNs - start, fault: fault, snapshot: snapshot)
  }
}

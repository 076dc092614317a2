import Kernels
import Ports
import Telemetry

/// Writes each snapshot on a thread of its own: the road copies changed rows between turns and goes on folding.
///
/// One snapshot at a time; the next is due when this one is done, so a slow disk makes checkpoints rarer, never
/// the queue longer.
final class SaverThread: @unchecked Sendable {
  struct Done: Sendable {
    var turn: UInt64
    var bytes: Int
    var nanoseconds: Int64
    /// Of a processor, without waiting for one or for the disk.
    var busyNanoseconds: Int64
    var fault: StateFault?
    /// Given back for the next use of its memory.
    var snapshot: Snapshot
  }

  private let done = Locked<Done?>(nil)
  private var thread: Running?
  private let store: any StateStore
  private let clock: any WorkerClock
  private let inline: Bool
  private(set) var isBusy = false

  /// `inline`: saves on the caller's thread, for runs on one thread.
  init(store: any StateStore, clock: any WorkerClock, inline: Bool) {
    self.store = store
    self.clock = clock
    self.inline = inline
  }

  deinit { thread?.detach() }

  /// `quietly`: other threads of the machine come first, where somebody waits for what they do and nobody for this.
  func start(turn: UInt64, _ snapshot: Snapshot, quietly: Bool) {
    precondition(!isBusy, "one snapshot at a time")
    isBusy = true
    guard !inline else { return write(turn, snapshot) }
    thread = Running { [self] in
      if quietly { Running.letOthersFirst() }
      write(turn, snapshot)
    }
  }

  /// The finished save, if there is one; waits for it when asked to.
  func collect(waiting: Bool) -> Done? {
    guard isBusy else { return nil }
    if waiting { thread?.join() }
    let saved = done.withLock { done -> Done? in
      defer { done = nil }
      return done
    }
    guard let saved else { return nil }
    // Not joined: one that lets others first may take its time to end.
    if !waiting { thread?.detach() }
    thread = nil
    isBusy = false
    return saved
  }

  private func write(_ turn: UInt64, _ snapshot: Snapshot) {
    let start = clock.monotonicNs
    let busy = Running.busyNanoseconds
    var bytes = 0
    var fault: StateFault?
    do { bytes = try store.save(snapshot) } catch { fault = error }
    let saved = Done(
      turn: turn, bytes: bytes, nanoseconds: clock.monotonicNs - start,
      busyNanoseconds: Running.busyNanoseconds - busy, fault: fault, snapshot: snapshot)
    done.withLock { $0 = saved }
  }
}

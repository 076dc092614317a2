import Glibc

/// Work on a thread of its own: its owner joins it, or lets it go.
///
/// The work is held until it ends, and what it captures with it.
public final class Running {
  private var thread = pthread_t()

  private final class Body {
    let work: () -> Void
    init(_ work: @escaping () -> Void) { self.work = work }
  }

  public init(_ work: @escaping () -> Void) {
    // The box is released by the thread that takes it over.
    let box = Unmanaged.passRetained(Body(work)).toOpaque()
    let failed = pthread_create(
      &thread, nil,
      { raw in
        Unmanaged<Body>.fromOpaque(raw!).takeRetainedValue().work()
        return nil
      }, box)
    precondition(failed == 0, "a thread could not be started: errno \(failed)")
  }

  /// Waits for its end. Once, and not after ``detach()``.
  public func join() { pthread_join(thread, nil) }

  /// Nobody waits for it.
  public func detach() { pthread_detach(thread) }

  /// From here on the calling thread has a tenth of a processor where others of the machine's threads want all of it,
  /// and what they leave. For good: getting back needs a right that a worker need not have.
  public static func letOthersFirst() { _ = setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 10) }

  /// What the calling thread has had of a processor.
  public static var busyNanoseconds: Int64 {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }
}

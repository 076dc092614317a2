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
}

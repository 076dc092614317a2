import Glibc

/// Runs what may hang (librdkafka's close) on a thread of its own and stops waiting at a time.
enum Deadline {
  private final class Work: @unchecked Sendable {
    let body: @Sendable () -> Void
    let done = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)
    init(_ body: @escaping @Sendable () -> Void) {
      self.body = body
      sem_init(done, 0, 0)
    }
    deinit {
      sem_destroy(done)
      done.deallocate()
    }
  }

  /// True = it ended in time. Otherwise its thread goes on alone.
  static func run(withinMs: Int, _ body: @escaping @Sendable () -> Void) -> Bool {
    let work = Work(body)
    var thread = pthread_t()
    let made = pthread_create(
      &thread, nil,
      { opaque in
        let work = Unmanaged<Work>.fromOpaque(opaque!).takeRetainedValue()
        work.body()
        sem_post(work.done)
        return nil
      }, Unmanaged.passRetained(work).toOpaque())
    guard made == 0 else {
      Unmanaged.passUnretained(work).release()
      body()
      return true
    }
    pthread_detach(thread)
    var until = timespec()
    clock_gettime(CLOCK_REALTIME, &until)
    until.tv_sec += withinMs / 1000
    until.tv_nsec += withinMs % 1000 * 1_000_000
    if until.tv_nsec >= 1_000_000_000 {
      until.tv_sec += 1
      until.tv_nsec -= 1_000_000_000
    }
    while sem_timedwait(work.done, &until) != 0 {
      if errno != EINTR { return false }
    }
    return true
  }
}

import Glibc

/// Independent runs of a bench over all processors; what they answer stands in the order of the runs.
enum Runs {
  private final class Work: @unchecked Sendable {
    let body: (Int) -> Void
    let count: Int
    private var next = 0
    private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)

    init(_ count: Int, _ body: @escaping (Int) -> Void) {
      self.count = count
      self.body = body
      pthread_mutex_init(lock, nil)
    }
    deinit {
      pthread_mutex_destroy(lock)
      lock.deallocate()
    }

    func go() {
      while true {
        pthread_mutex_lock(lock)
        let run = next
        next += 1
        pthread_mutex_unlock(lock)
        if run >= count { return }
        body(run)
      }
    }
  }

  /// - Parameter body: Called once per run, from several threads.
  static func map<T: Sendable>(_ count: Int, _ body: @escaping @Sendable (Int) -> T) -> [T] {
    let answers = UnsafeMutablePointer<T?>.allocate(capacity: count)
    answers.initialize(repeating: nil, count: count)
    defer {
      answers.deinitialize(count: count)
      answers.deallocate()
    }
    let work = Work(count) { (answers + $0).pointee = body($0) }
    let threads = max(1, min(count, sysconf(Int32(_SC_NPROCESSORS_ONLN)))) - 1
    var helpers: [pthread_t] = []
    for _ in 0..<threads {
      var thread = pthread_t()
      // The box is released by the thread that takes it over.
      let box = Unmanaged.passRetained(work).toOpaque()
      let failed = pthread_create(
        &thread, nil,
        { raw in
          Unmanaged<Work>.fromOpaque(raw!).takeRetainedValue().go()
          return nil
        }, box)
      if failed == 0 { helpers.append(thread) } else { Unmanaged<Work>.fromOpaque(box).release() }
    }
    work.go()
    for thread in helpers { pthread_join(thread, nil) }
    return (0..<count).map { answers[$0]! }
  }
}

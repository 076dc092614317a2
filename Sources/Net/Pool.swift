import Glibc
import Telemetry

/// A few threads for work that may wait, in front of a bounded queue.
public final class Pool: @unchecked Sendable {
  private let mutex: UnsafeMutablePointer<pthread_mutex_t> = .allocate(capacity: 1)
  private let wake: UnsafeMutablePointer<pthread_cond_t> = .allocate(capacity: 1)
  private var queue: [@Sendable () -> Void] = []
  private var isOpen = true
  private let capacity: Int

  public init(threads: Int, capacity: Int) {
    self.capacity = capacity
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(wake, nil)
    for _ in 0..<threads { Running { [self] in run() }.detach() }
  }

  deinit {
    pthread_cond_destroy(wake)
    pthread_mutex_destroy(mutex)
    wake.deallocate()
    mutex.deallocate()
  }

  /// False = the queue is full or closed; the caller says so to its client.
  public func submit(_ work: @escaping @Sendable () -> Void) -> Bool {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    guard isOpen, queue.count < capacity else { return false }
    queue.append(work)
    pthread_cond_signal(wake)
    return true
  }

  /// Threads end after the work that is queued. Until then they hold the pool.
  public func close() {
    pthread_mutex_lock(mutex)
    isOpen = false
    pthread_cond_broadcast(wake)
    pthread_mutex_unlock(mutex)
  }

  private func run() {
    while true {
      pthread_mutex_lock(mutex)
      while queue.isEmpty && isOpen { pthread_cond_wait(wake, mutex) }
      guard !queue.isEmpty else {
        pthread_mutex_unlock(mutex)
        return
      }
      let work = queue.removeFirst()
      pthread_mutex_unlock(mutex)
      work()
    }
  }
}

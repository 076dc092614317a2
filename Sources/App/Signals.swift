import Glibc
import Telemetry

/// Signals of a service: the main thread waits for them while the work runs on another.
enum Signals {
  /// Runs the work on a thread of its own and ends the process with its code; never returns.
  ///
  /// The first SIGTERM or SIGINT asks the work to end, the second ends the process at once with 128 + n: nothing is
  /// lost by that, since state and position are saved together. So does the first after 9.5 s in which the work could
  /// not end. SIGHUP asks to reload.
  static func serve(stop: StopRequest, _ work: @escaping @Sendable () -> Int32) -> Never {
    var set = sigset_t()
    sigemptyset(&set)
    for number in [SIGTERM, SIGINT, SIGHUP] { sigaddset(&set, number) }
    pthread_sigmask(SIG_BLOCK, &set, nil)
    start(work)
    while true {
      var number: Int32 = 0
      guard sigwait(&set, &number) == 0 else { continue }
      if number == SIGHUP {
        stop.reload()
      } else if stop.isRequested {
        _exit(128 + number)
      } else {
        stop.request(number)
        let code = 128 + number
        start {
          usleep(9_500_000)
          Log.shared.warning(
            "the worker could not end in order within 9.5 s and ends now; nothing is lost by that",
            mend: "nothing; the next start folds again what its last checkpoint does not hold")
          _exit(code)
        }
      }
    }
  }

  private final class Box {
    let work: @Sendable () -> Int32
    init(_ work: @escaping @Sendable () -> Int32) { self.work = work }
  }

  /// A thread with room for deep call trees (8 MiB), which ends the process when the work is done.
  private static func start(_ work: @escaping @Sendable () -> Int32) {
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    pthread_attr_setstacksize(&attributes, 8 << 20)
    var thread = pthread_t()
    let box = Unmanaged.passRetained(Box(work))  // released by the thread
    let made = pthread_create(
      &thread, &attributes,
      { pointer in
        let box = Unmanaged<Box>.fromOpaque(pointer!).takeRetainedValue()
        exit(box.work())
      }, box.toOpaque())
    precondition(made == 0, "the machine has a thread to spare")
    pthread_attr_destroy(&attributes)
  }
}

import Dispatch
import Telemetry

/// A thread that does one piece of work at a time beside its owner's.
///
/// One thread owns it at a time; a hand-over costs two wake-ups (8-30 us), which a turn of thousands of events shares.
final class BackgroundThread: @unchecked Sendable {
  private let begin = DispatchSemaphore(value: 0)
  private let done = DispatchSemaphore(value: 0)
  private var work: (() -> Void)?
  private var isStopped = false
  /// Handed over, and its end not seen yet.
  private var isBusy = false
  private var thread: Running?

  init() {
    let loop = Loop(self)
    thread = Running { loop.run() }
  }

  /// Waits for the piece before, if one is under way, and begins this one.
  func start(_ work: @escaping () -> Void) {
    wait()
    self.work = work
    isBusy = true
    begin.signal()
  }

  /// Returns when nothing is under way.
  func wait() {
    guard isBusy else { return }
    done.wait()
    isBusy = false
  }

  /// Whether nothing is under way; does not wait.
  var isFree: Bool {
    if isBusy, done.wait(timeout: .now()) == .success { isBusy = false }
    return !isBusy
  }

  /// Ends the thread after what is under way. Once.
  func stop() {
    guard !isStopped else { return }
    wait()
    isStopped = true
    begin.signal()
    thread?.join()
  }

  /// What the thread holds: not its owner, so that the owner can go.
  private final class Loop {
    unowned let owner: BackgroundThread
    init(_ owner: BackgroundThread) { self.owner = owner }
    func run() {
      let (begin, done) = (owner.begin, owner.done)
      while true {
        begin.wait()
        if owner.isStopped { return }
        owner.work?()
        owner.work = nil
        done.signal()
      }
    }
  }
}

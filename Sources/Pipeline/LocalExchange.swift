import Dispatch
public import Ports
import Synchronization
import Telemetry

/// The local carrier: N threads that fold a turn side by side. Each calls the work with its own shard number, and the turn goes on
/// when all are done. The caller's thread is shard 0, so one shard starts no thread at all.
///
/// A turn costs two wake-ups per extra shard (8-30 us), which thousands of events share.
public final class LocalExchange: Exchange, @unchecked Sendable {
  public var shards: Int { count }
  private let count: Int
  private var work: ((Int) -> Void)?
  private var isStopped = false
  private let starts: [DispatchSemaphore]
  private let done = DispatchSemaphore(value: 0)
  /// Blocks left in this turn, by stage and shard: each in cache lines of its own, asked for without a reference count.
  private let left: UnsafeMutablePointer<Count>
  private let counts: Int
  private var threads: [Running] = []

  public init(shards count: Int) {
    self.count = max(1, count)
    starts = (0..<self.count).map { _ in DispatchSemaphore(value: 0) }
    counts = ExchangeStage.allCases.count * self.count
    left = .allocate(capacity: counts)
    for at in 0..<counts { (left + at).initialize(to: Count()) }
    for shard in 1..<max(1, self.count) { threads.append(Running { [self] in serve(shard) }) }
  }

  deinit {
    left.deinitialize(count: counts)
    left.deallocate()
  }

  public func run(turn: UInt64?, _ work: (_ shard: Int) -> Void) {
    for at in 0..<counts { left[at].blocks.store(0, ordering: .relaxed) }
    guard count > 1 else { return work(0) }
    withoutActuallyEscaping(work) { work in
      self.work = work
      for shard in 1..<count { starts[shard].signal() }
      work(0)
      for _ in 1..<count { done.wait() }
      self.work = nil
    }
  }

  public func leave(_ stage: ExchangeStage, by shard: Int) {
    left[Int(stage.rawValue) * count + shard].blocks.add(1, ordering: .releasing)
  }

  public func blocks(_ stage: ExchangeStage) -> Int {
    let first = Int(stage.rawValue) * count
    switch stage {
    case .order: return left[first].blocks.load(ordering: .acquiring)
    case .viewer:
      var least = Int.max
      for shard in first..<(first + count) { least = min(least, left[shard].blocks.load(ordering: .acquiring)) }
      return least
    }
  }

  /// Written by one shard, read by all.
  private struct Count: ~Copyable {
    let blocks = Atomic<Int>(0)
    private let rest = Padding()

    private struct Padding { var words: InlineArray<15, Int> = InlineArray(repeating: 0) }
  }

  public func stop() {
    isStopped = true
    for shard in 1..<max(1, count) { starts[shard].signal() }
    for thread in threads { thread.join() }
    threads.removeAll()
  }

  private func serve(_ shard: Int) {
    while true {
      starts[shard].wait()
      if isStopped { return }
      work?(shard)
      done.signal()
    }
  }
}

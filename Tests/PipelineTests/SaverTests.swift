import Glibc
import MemoryPort
import Ports
import Testing

@testable import Pipeline

/// The thread that saves: live it lets others first, beside a backlog it does not.
@Suite struct SaverTests {
  /// Remembers how willingly the thread that saves gives way.
  private final class Recorder: StateStore, @unchecked Sendable {
    var niceness: [Int32] = []
    func load(_ row: (StateTable, UInt32, UnsafeRawBufferPointer) -> Void) throws(StateFault) -> [UInt8] { [] }
    func save(_ snapshot: borrowing Snapshot) throws(StateFault) -> Int {
      niceness.append(getpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0))
      var work = 0.0
      for i in 1..<2_000_000 { work += 1 / Double(i) }
      return work > 0 ? snapshot.manifest.count : 0
    }
    func close() {}
  }

  @Test(arguments: [false, true]) func `a quiet save gives way, and only that`(quietly: Bool) throws {
    let own = getpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0)
    let store = Recorder()
    let saver = SaverThread(store: store, clock: ManualClock(), inline: false)
    for turn in 1...2 as ClosedRange<UInt64> {
      var snapshot = Snapshot()
      snapshot.manifest = [1, 2, 3]
      saver.start(turn: turn, snapshot, quietly: quietly)
      let done = try #require(saver.collect(waiting: true))
      #expect(done.turn == turn && done.bytes == 3 && done.fault == nil)
      #expect(done.busyNanoseconds > 100_000, "what it took of a processor is counted")
      #expect(!saver.isBusy)
    }
    #expect(store.niceness == Array(repeating: quietly ? max(own, 10) : own, count: 2))
    #expect(getpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0) == own, "who asked for it does not")
  }
}

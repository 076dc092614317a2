import Events
import Testing

@testable import Learners

/// Rows are as large as their declarations say, and no larger.
@Suite struct BudgetTests {
  @Test func `rows take the bytes of their budgets`() {
    #expect(MemoryLayout<ViewerRow>.stride == ViewerRow.rowBudget)
    #expect(MemoryLayout<TitleRow>.stride == TitleRow.rowBudget)
    #expect(MemoryLayout<TitleFacts>.stride == TitleFacts.rowBudget)
    #expect(MemoryLayout<TitleVersion>.stride == TitleVersion.rowBudget)
    #expect(MemoryLayout<Event>.stride == 120)
    #expect(MemoryLayout<Affinity>.stride == 26)
    #expect(MemoryLayout<HistoryCell>.stride == 14)
    #expect(MemoryLayout<ListBlock?>.stride == 8)
    #expect(MemoryLayout<ShownDecision>.stride == 24)
    #expect(MemoryLayout<ShownTitle>.stride == 8)
    #expect(MemoryLayout<MetricNode>.stride == MetricNode.rowBudget)
    #expect(MemoryLayout<MetricNode>.offset(of: \.series) == 0)
    #expect(MemoryLayout<MetricSeries>.stride == 64)
  }

  @Test func `a viewer with a hundred events stays within its budget`() {
    var options = LearnOptions()
    options.dimension = 128
    let worker = StoryWorker(options)
    for n in 0..<100 {
      let kind: EventKind = n % 10 < 6 ? .watch : n % 10 < 9 ? .click : .rate
      // Every event on a title of its own: the most that lists can hold.
      _ = BoundTests.fold(worker, kind, title: "c\(n)", at: BoundTests.start + Int64(n) * 3_600_000) { event in
        event.rate = kind == .rate ? 8 : 0.7
        event.device = .tv
      }
    }
    #expect(worker.viewers.byteCount(0) + 80 <= ViewerRow.budget(dimension: 128))
  }
}

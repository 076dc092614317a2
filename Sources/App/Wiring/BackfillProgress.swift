import Pipeline

/// How far a worker has come with what lay in its topics: shown five times a second at most.
struct BackfillProgress {
  private let clock = SystemClock()
  private var nextNs: Int64 = 0

  mutating func show(_ worker: Worker, _ output: Output) {
    let now = clock.monotonicNs
    guard now >= nextNs else { return }
    nextNs = now + 200_000_000
    let lag = worker.lag()
    let done = lag.reduce(0) { $0 + Int($1.folded) }
    Progress.show("records", done, of: done + lag.reduce(0) { $0 + Int($1.records) }, output)
  }
}

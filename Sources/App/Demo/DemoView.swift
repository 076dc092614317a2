/// What the demo shows while it runs: the view of `thalweg top` on a terminal, a line every two seconds elsewhere,
/// nothing where the answer is JSON.
final class DemoView {
  private let output: Output
  private let area: LiveArea?
  private let view: TopView
  private var nextNs: Int64 = 0
  private let clock = SystemClock()

  init(_ output: Output) {
    self.output = output
    let size = LiveArea.size()
    area = output.isTerminal && !output.isJSON ? LiveArea() : nil
    view = TopView(width: size.columns, height: max(10, size.rows - 9), color: output.hasColor)
  }

  func show(_ status: WorkerStatus) {
    if let area { return area.draw(view.render(status)) }
    guard !output.isJSON, clock.monotonicNs >= nextNs else { return }
    nextNs = clock.monotonicNs + 2_000_000_000
    output.line(TopView.oneLine(status))
    output.flush()
  }

  func close() { area?.end() }
}

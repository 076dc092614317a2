/// What the demo shows while it runs: the view of `thalweg top` on a terminal, a line every two seconds elsewhere,
/// nothing where the answer is JSON.
final class DemoView {
  private let output: Output
  private let area: LiveArea?
  private let view: TopView
  private var nextNs: Int64 = 0
  private let clock = SystemClock()
  private let score: DemoScore
  private let width: Int

  init(_ output: Output, _ score: DemoScore) {
    self.output = output
    self.score = score
    let size = LiveArea.size()
    area = output.isTerminal && !output.isJSON ? LiveArea() : nil
    width = size.columns
    view = TopView(width: size.columns, height: max(10, size.rows - 13), color: output.hasColor)
  }

  func show(_ status: WorkerStatus) {
    if let area { return area.draw(view.render(status) + clicks) }
    guard !output.isJSON, clock.monotonicNs >= nextNs else { return }
    nextNs = clock.monotonicNs + 2_000_000_000
    output.line(TopView.oneLine(status) + (score.line.map { ", " + $0 } ?? ""))
    output.flush()
  }

  /// How the two groups of members do: the ranked one in the last ten seconds and second by second, the other all along.
  private var clicks: [String] {
    var head = TopLine(width: width)
    head.add("click-through: members' lists with a click", .quiet)
    var lines = [head]
    for (name, count, course) in [
      ("ranked", score.recent(10).ranked, score.course), ("control", score.all.control, [Double]()),
    ] {
      var line = TopLine(width: width)
      line.column("  " + name, 10)
      line.column(Self.share(count.rate), 8, right: true, .bold)
      line.add(Figures.bar(count.rate ?? 0, 24), .bar)
      line.add("  " + Figures.spark(course, max(8, width - 48)), .bar)
      lines.append(line)
    }
    return lines.map { $0.text(color: output.hasColor) }
  }

  private static func share(_ rate: Double?) -> String { rate.map { Figures.fixed($0 * 100, 1) + " %" } ?? "-" }

  func close() { area?.end() }
}

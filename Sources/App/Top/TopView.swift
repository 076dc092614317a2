/// Draws a worker's status as lines of a terminal. One view draws one worker again and again: it remembers the
/// last rates for its little chart.
///
/// Colour only repeats what a word says. No line is wider than `width` cells, and there are at most `height`.
public final class TopView {
  private let width: Int
  private let height: Int
  private let color: Bool
  private var rates: [Double] = []

  public init(width: Int = 80, height: Int = 40, color: Bool = false) {
    self.width = max(10, width)
    self.height = max(6, height)
    self.color = color
  }

  public func render(_ status: WorkerStatus) -> [String] {
    rates.append(status.eventsPerS)
    if rates.count > 240 { rates.removeFirst(rates.count - 240) }
    var lines = head(status)
    lines.append(TopLine(width: width))
    lines += topics(status)
    // What is left is shared: titles by trust and by trend, the viewer, then alerts and dead letters.
    let tail = alerts(status) + deadLetters(status)
    let left = height - lines.count - tail.count - 4
    let each = max(1, min(8, left / 3))
    lines += titles(status.topTrust, "most trusted", by: \.trust, each)
    lines += titles(status.topTrend, "trending", by: \.trend, each)
    lines += viewer(status, each)
    lines += tail
    return lines.prefix(height).map { $0.text(color: color) }
  }

  /// The one line that stands for all where there is no terminal.
  public static func oneLine(_ status: WorkerStatus) -> String {
    "\(Figures.count(status.events)) events, \(Figures.rate(status.eventsPerS))/s, lag \(Figures.count(status.lag)), "
      + "fresh \(Figures.seconds(status.freshnessS)), \(Figures.count(status.viewers)) viewers, "
      + "\(Figures.count(status.titles)) titles, alerts \(status.alertsFiring) firing of \(status.alertsFired), "
      + "dead letters \(Figures.count(status.deadLetterCount)), \(status.state)"
  }

  private func head(_ status: WorkerStatus) -> [TopLine] {
    var first = TopLine(width: width)
    first.add("thalweg ", .bold)
    first.add(status.isReady ? "● " : "○ ", status.isReady ? .good : .warn)
    first.add(
      status.state.isEmpty ? (status.isReady ? "live" : "not ready") : status.state, status.isReady ? .good : .warn)
    first.add("  group \(status.group)  up \(Figures.seconds(status.uptimeS))  \(status.version)", .quiet)

    var second = TopLine(width: width)
    second.add("events    ", .quiet)
    second.column(Figures.rate(status.eventsPerS) + "/s", 11, .bold)
    second.add(Figures.spark(rates, max(8, width - 52)) + "  ", .bar)
    second.add(Figures.count(status.events), .bold)
    second.add(" since start", .quiet)

    var third = TopLine(width: width)
    third.add("fresh     ", .quiet)
    third.column(Figures.seconds(status.freshnessS), 11, .bold)
    third.add("to publish ", .quiet)
    third.add(Figures.seconds(status.publishP50S))
    third.add(" median, ", .quiet)
    third.add(Figures.seconds(status.publishP99S))
    third.add(" p99; ", .quiet)
    third.add("\(Figures.count(status.dirtyKeys))")
    third.add(" rows wait", .quiet)

    var fourth = TopLine(width: width)
    fourth.add("holds     ", .quiet)
    fourth.add(Figures.count(status.viewers))
    fourth.add(" viewers, ", .quiet)
    fourth.add(Figures.count(status.titles))
    fourth.add(" titles; checkpoint ", .quiet)
    if let age = status.checkpoint.ageS {
      fourth.add("\(Figures.seconds(age)) ago", status.checkpoint.count == 0 ? .warn : .plain)
      fourth.add(", \(Figures.seconds(status.checkpoint.durationS)), \(Figures.bytes(status.checkpoint.bytes))", .quiet)
    } else {
      fourth.add("none yet", .warn)
    }
    var lines = [first]
    if !status.note.isEmpty {
      var note = TopLine(width: width)
      note.add(status.note, .warn)
      lines.append(note)
    }
    return lines + [second, third, fourth]
  }

  private func topics(_ status: WorkerStatus) -> [TopLine] {
    let name = width - 46
    var header = TopLine(width: width)
    header.column("topic", name, .quiet)
    for (text, cells) in [("per s", 9), ("events", 15), ("lag", 9), ("age", 8)] {
      header.column(text, cells, right: true, .quiet)
    }
    return [header]
      + status.topics.prefix(8).map { topic in
        var line = TopLine(width: width)
        line.column(topic.topic, name)
        line.column(Figures.rate(topic.eventsPerS), 9, right: true)
        line.column(Figures.count(topic.events), 15, right: true)
        line.column(Figures.count(topic.lag), 9, right: true, topic.lagS > 10 ? .warn : .plain)
        line.column(Figures.seconds(topic.lagS), 8, right: true)
        return line
      }
  }

  private func titles(
    _ titles: [WorkerStatus.Title], _ caption: String, by lead: KeyPath<WorkerStatus.Title, Double>, _ most: Int
  ) -> [TopLine] {
    let isTrust = lead == \.trust
    let name = width - 51
    var header = TopLine(width: width)
    header.column(caption, name, .quiet)
    header.column(isTrust ? "trust" : "trend", 6, right: true, .quiet)
    header.add(String(repeating: " ", count: 13))
    for text in ["src", "meta", "avail", "qual", "evid"] { header.column(text, 5, right: true, .quiet) }
    let peak = max(isTrust ? 1 : 0, titles.map { $0[keyPath: lead] }.max() ?? 1)
    return [header]
      + titles.prefix(most).map { title in
        var line = TopLine(width: width)
        line.column(title.name.isEmpty ? title.id : title.name, name)
        line.column(isTrust ? Figures.fixed(title.trust, 2) : Figures.rate(title.trend), 6, right: true, .bold)
        line.column(Figures.bar(title[keyPath: lead] / peak, 12), 12, .bar)
        for value in title.components { line.column(Figures.fixed(value, 2), 5, right: true) }
        return line
      }
  }

  private func viewer(_ status: WorkerStatus, _ most: Int) -> [TopLine] {
    guard let viewer = status.spotlight else { return [] }
    var header = TopLine(width: width)
    header.add("viewer ", .quiet)
    header.add(viewer.id, .bold)
    header.add("  \(Figures.count(viewer.n)) events, session \(viewer.sessionCount)", .quiet)
    if !viewer.last.isEmpty { header.add(", \(viewer.last)", .quiet) }
    let peak = max(viewer.affinity.map(\.value).max() ?? 0, 1e-9)
    return [header]
      + viewer.affinity.prefix(most).map { genre in
        var line = TopLine(width: width)
        line.column("  " + genre.name, 20)
        line.column(Figures.fixed(genre.value, 2), 5, right: true)
        line.add(Figures.bar(genre.value / peak, max(8, width - 30)), .bar)
        return line
      }
  }

  private func alerts(_ status: WorkerStatus) -> [TopLine] {
    var header = TopLine(width: width)
    header.add("alerts ", .quiet)
    header.add("\(status.alertsFiring) firing", status.alertsFiring > 0 ? .bad : .plain)
    header.add(", \(status.alertsResolved) resolved", .quiet)
    return [header]
      + status.alerts.prefix(3).map { alert in
        var line = TopLine(width: width)
        let end = alert.resolvedAt
        line.column(end == nil ? "▲ firing" : "✓ resolved", 10, end == nil ? .bad : .good)
        line.add("\(alert.metric) of \(alert.scope) ")
        line.add("\(Figures.fixed(alert.baseline, 2)) -> \(Figures.fixed(alert.current, 2))", .bold)
        let time = Double((end ?? status.at) - alert.firedAt) / 1000
        line.add(end == nil ? ", for \(Figures.seconds(time))" : ", after \(Figures.seconds(time))", .quiet)
        return line
      }
  }

  private func deadLetters(_ status: WorkerStatus) -> [TopLine] {
    var line = TopLine(width: width)
    line.add("dead letters ", .quiet)
    line.add(Figures.count(status.deadLetterCount), status.deadLetterCount > 0 ? .warn : .plain)
    let reasons = status.deadLetters.map { "\($0.reason) \(Figures.count($0.count))" }
    if !reasons.isEmpty { line.add(": " + reasons.joined(separator: ", "), .quiet) }
    return [line]
  }
}

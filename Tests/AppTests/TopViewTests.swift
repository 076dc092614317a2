@testable import App
import Foundation
import Testing

@Suite struct TopViewTests {
  let worker = FakeWorker()

  @Test(arguments: [12, 40, 60, 80, 81, 120, 200])
  func `no line is wider than the terminal, whatever the data holds`(width: Int) {
    var status = worker.status(step: 3)
    status.topTrust[0].name = "日本語の題名がここに長く続きます、とても長い題名です"
    status.topTrust[1].name = "\u{1b}[31mred\r\nnew line\u{202e}"
    status.topTrust[2].trust = .nan
    status.topics[0].events = .max
    status.state = String(repeating: "x", count: 300)
    for color in [false, true] {
      for line in TopView(width: width, color: color).render(status) {
        let bare = line.replacing(/\u{1b}\[[0-9;]*m/, with: "")
        #expect(Cells.width(bare) <= width, "\(bare)")
        if width >= 80 { #expect(!bare.contains("evi…") && !bare.contains("0.0…"), "columns are whole: \(bare)") }
        #expect(bare.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0 != "\u{202e}" })
        #expect(color || bare == line)
      }
    }
  }

  @Test(arguments: [6, 12, 24, 40])
  func `it never has more lines than the terminal`(height: Int) {
    #expect(TopView(width: 80, height: height).render(worker.status(step: 1)).count <= height)
  }

  @Test func `everything is in 24 lines of 80`() {
    let text = TopView(width: 80, height: 30).render(worker.status(step: 1)).joined(separator: "\n")
    for part in [
      "thalweg ● live", "5,", "since start", "watch", "most trusted", "The Quiet Delta", "trending", "0.94",
      "viewer u4711", "drama", "alerts 1 firing, 1 resolved", "▲ firing", "completion_rate of content:v1037",
      "dead letters 12: bad_json 6, missing_field 6", "418.3 MB",
    ] { #expect(text.contains(part), "\(part)") }
  }

  @Test func `an empty worker is drawn too`() {
    let lines = TopView().render(WorkerStatus())
    #expect(lines[0].hasPrefix("thalweg ○ not ready"))
    #expect(!lines.joined().contains("nan") && lines.joined().contains("none yet"))
  }

  /// Widths as xterm draws them.
  @Test(arguments: [("abc", 3), ("é", 1), ("e\u{301}", 1), ("日本", 4), ("🎬", 2), ("한", 2), ("▲", 1), ("", 0)])
  func `text is measured in cells`(text: String, cells: Int) { #expect(Cells.width(text) == cells) }

  @Test func `a cut never splits a wide character`() {
    #expect(Cells.cut("日本語", 5) == "日本…")
    #expect(Cells.cut("日本語", 4) == "日…")
    #expect(Cells.fit("日本語", 4) == "日… ")
    #expect(Cells.fit("ab", 4, right: true) == "  ab")
  }

  @Test(arguments: [
    (0.0, "0 us"), (0.0074, "7.4 ms"), (0.0412, "41 ms"), (1.25, "1.3 s"), (7311, "2.0 h"), (600, "10 min"),
    (200_000, "2.3 d"),
  ])
  func `durations are short`(seconds: Double, text: String) { #expect(Figures.seconds(seconds) == text) }

  @Test func `figures are short`() {
    #expect(Figures.count(1_234_567) == "1,234,567" && Figures.count(-1000) == "-1,000" && Figures.count(12) == "12")
    #expect(Figures.fixed(0.945, 2) == "0.95" && Figures.fixed(-0.5, 1) == "-0.5" && Figures.fixed(3.04, 2) == "3.04")
    #expect(Figures.bar(0.5, 4) == "██  " && Figures.bar(2, 2) == "██" && Figures.bar(.nan, 2) == "  ")
    #expect(Figures.spark([0, 4, 8], 4) == " ▁▄█")
  }

  @Test func `the live area draws over itself and gives the cursor back`() {
    let pipe = Pipe()
    let area = LiveArea(descriptor: pipe.fileHandleForWriting.fileDescriptor)
    area.draw(["a", "b"])
    area.draw(["c"])
    area.end()
    try! pipe.fileHandleForWriting.close()
    let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    let (on, off, clear) = ("\u{1b}[?2026h", "\u{1b}[?2026l", "\u{1b}[K\n")
    #expect(
      text == "\(on)\u{1b}[?25la\(clear)b\(clear)\u{1b}[J\(off)\(on)\u{1b}[2Fc\(clear)\u{1b}[J\(off)\u{1b}[?25h")
  }
}

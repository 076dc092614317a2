import Foundation
import Testing

@testable import Bandits

/// `check bandits` on folders made here: other seeds, dimensions and arm counts, answers left out.
@Suite struct ReferenceCheckTests {
  /// x of A x = b by Gauss-Jordan elimination with pivoting, for one right side: slow and plain.
  private static func solve(_ a: [[Double]], _ b: [Double]) -> [Double] {
    var m = zip(a, b).map { $0 + [$1] }
    let d = b.count
    for column in 0..<d {
      let pivot = (column..<d).max { abs(m[$0][column]) < abs(m[$1][column]) }!
      m.swapAt(column, pivot)
      for row in 0..<d where row != column {
        let factor = m[row][column] / m[column][column]
        for k in column...d { m[row][k] -= factor * m[column][k] }
      }
    }
    return (0..<d).map { m[$0][d] / m[$0][$0] }
  }

  /// Writes a folder of the layout; answers of the checkpoints in `empty` are left out.
  private func folder(_ path: String, seed: UInt64, d: Int, arms: Int, lambda: Double, ends: String, empty: Set<Int>)
    throws
  {
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    var random = SplitMix(seed: seed)
    func vector() -> [Double] { [1] + (1..<d).map { _ in random.uniform() * 4 - 2 } }
    let count = 120
    let contexts = (0..<count).map { _ in vector() }
    let rewards = (0..<count).map { _ in (0..<arms).map { _ in random.uniform() } }
    let logged = (0..<count).map { _ in random.below(arms) }
    let probes = (0..<4).map { _ in vector() }
    var csv = "t,arm," + (0..<arms).map { "r\($0)," }.joined() + (0..<d).map { "x\($0)" }.joined(separator: ",") + ends
    for t in 0..<count {
      csv += "\(t),\(logged[t])," + rewards[t].map { "\($0)," }.joined()
      csv += contexts[t].map { "\($0)" }.joined(separator: ",") + ends
    }
    try csv.write(toFile: path + "/sequence.csv.gz", atomically: true, encoding: .utf8)
    let checkpoints = [0, 1, 30, count].map { n -> String in
      guard !empty.contains(n) else { return "\"\(n)\":[]" }
      let answers = (0..<arms).map { arm -> String in
        var a = (0..<d).map { i in (0..<d).map { $0 == i ? lambda : 0 } }
        var b = [Double](repeating: 0, count: d)
        for t in 0..<n where logged[t] == arm {
          for i in 0..<d {
            b[i] += rewards[t][arm] * contexts[t][i]
            for j in 0..<d { a[i][j] += contexts[t][i] * contexts[t][j] }
          }
        }
        let theta = Self.solve(a, b)
        func dot(_ x: [Double], _ y: [Double]) -> Double { zip(x, y).reduce(0) { $0 + $1.0 * $1.1 } }
        let means = probes.map { dot(theta, $0) }
        let widths = probes.map { dot(Self.solve(a, $0), $0).squareRoot() }
        return "{\"theta\":\(theta),\"mean\":\(means),\"width\":\(widths)}"
      }
      return "\"\(n)\":[\(answers.joined(separator: ","))]"
    }
    try """
    {"d":\(d),"K":\(arms),"lambda_":\(lambda),"probes":\(probes),"checkpoints":{\(checkpoints.joined(separator: ","))}}
    """.write(toFile: path + "/expected.json.gz", atomically: true, encoding: .utf8)
  }

  @Test func `folders of other seeds, sizes and line ends are met, and answers left out are written all the same`()
    throws
  {
    let root = NSTemporaryDirectory() + "thalweg-reference-\(ProcessInfo.processInfo.processIdentifier)"
    defer { try? FileManager.default.removeItem(atPath: root) }
    try folder(root + "/in/a", seed: 5, d: 3, arms: 2, lambda: 1, ends: "\n", empty: [])
    try folder(root + "/in/b", seed: 6, d: 17, arms: 11, lambda: 2.5, ends: "\r\n", empty: [1, 120])
    try folder(root + "/in/c", seed: 7, d: 1, arms: 1, lambda: 0.5, ends: "\n", empty: [0, 1, 30, 120])
    let check = try ReferenceCheck(data: root + "/in", write: root + "/out")
    #expect(check.isRight, "\(check.text)")
    #expect(check.sections.map(\.name) == ["a", "b", "c"])
    for section in check.sections {
      #expect(section.forms[0].worst < 1e-12 && section.forms[1].worst < 1e-3, "\(check.text)")
      #expect(section.forms[0].errors.isEmpty == (section.name == "c"))
    }
    for (name, arms) in [("a", 2), ("b", 11), ("c", 1)] {
      for form in ["double", "production"] {
        let rows = try String(contentsOfFile: "\(root)/out/\(name)/\(form).csv", encoding: .utf8).split(separator: "\n")
        #expect(rows[0] == "n,arm,probe,mean,width" && rows.count == 1 + 4 * arms * 4)
        let last = rows.last!.split(separator: ",")
        #expect(last.prefix(3).joined(separator: ",") == "120,\(arms - 1),3" && Double(last[4]) ?? 0 > 0)
      }
    }
  }
}

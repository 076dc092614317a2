import Bandits
import Options

/// `bench learn`: every learner on real data, beside the stored peers.
struct BenchLearn: Verb {
  static let about = "Measures how well the bandit learners learn on real data."
  static let readsSettings = false
  @Option("data", "Folder of one data set, or one that holds several; default ../shared/data.") var data = ""
  @Option("runs", "Runs per learner; the coffee data set takes 30 at least.", in: 2...1000) var runs = 12
  @Option("seed", "Seed of all orders and draws.", in: 0...1_000_000_000) var seed = 1
  @Option("write", "Folder for every choice, as VARIANT/LEARNER.csv.") var write = ""

  func run(_ context: Context) throws {
    var bench = LearnBench(runs: runs, seed: UInt64(seed), write: write.isEmpty ? nil : write)
    let root = data.isEmpty ? "../shared/data" : data
    do {
      var folders = [root]
      if try BenchData.load(root) == nil {
        folders = ["jester", "slates-ml100k", "replay-ml100k", "coffee"].map { root + "/" + $0 }
      }
      var found = false
      for folder in folders {
        guard let set = try BenchData.load(folder) else { continue }
        found = true
        try bench.run(set)
      }
      if !found { throw Failure(ExitCode.data, "no data set of a known layout in \(root)") }
    } catch let error as DataError {
      throw Failure(ExitCode.data, error.description)
    }
    context.output.write(bench.text)
    if context.output.isJSON { context.output.line(bench.json) }
  }
}

import Bandits
import Options

/// `bench kernels`: single costs on one core, beside a C yardstick where it is at hand.
struct BenchKernels: Verb {
  static let about = "Measures the bandit kernels on one core."
  static let readsSettings = false
  @Option("against", "C source of the yardstick; built with gcc where both are there.")
  var against = "../shared/bench/c/micro.c"

  func run(_ context: Context) throws {
    var bench = KernelBench.run()
    let isCompared = bench.compare(source: against)
    context.output.write(context.output.isJSON ? bench.json + "\n" : bench.text)
    if !isCompared, !context.output.isJSON { context.output.line("no yardstick: \(against) or a compiler is missing") }
  }
}

import CKernels
import Glibc

/// `bench kernels`: the packed inverse update and candidate scoring, one core, best of several.
public struct KernelBench: Sendable {
  public struct Row: Sendable {
    public var kernel: String
    public var name: String
    /// Microseconds: per update, or per 200 candidates.
    public var us: Double
  }
  public private(set) var rows: [Row] = []

  public static func run() -> KernelBench {
    var bench = KernelBench()
    for kernels in BanditKernels.all where kernels.name != "plain" && kernels.name != "x86-64" {
      bench.updates(kernels, arms: 1, updates: 200_000)
      bench.updates(kernels, arms: 50_000, updates: 40_000)
      bench.scores(kernels)
    }
    return bench
  }

  private static func seconds() -> Double {
    var t = timespec()
    clock_gettime(CLOCK_MONOTONIC, &t)
    return Double(t.tv_sec) + Double(t.tv_nsec) * 1e-9
  }

  private static func block(_ count: Int) -> UnsafeMutablePointer<Float> {
    let bytes = (count * 4 + (2 << 20) - 1) / (2 << 20) * (2 << 20)
    let memory = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)!
    madvise(memory, bytes, MADV_HUGEPAGE)
    return memory.bindMemory(to: Float.self, capacity: count)
  }

  private static func contexts(_ random: inout SplitMix) -> UnsafeMutablePointer<Float> {
    let x = block(1024 * 112)
    for k in 0..<1024 {
      for i in 0..<90 { x[k * 112 + i] = Float(random.uniform() * 2 - 1) * 0.12 }
      x[k * 112 + 90 + random.below(4)] = 1
      x[k * 112 + 94 + random.below(4)] = 1
      x[k * 112 + 98] = 1
      x[k * 112 + 99] = Float(random.uniform())
    }
    return x
  }

  /// One update after another, the next arm known, as a turn has it.
  private mutating func updates(_ kernels: BanditKernels, arms: Int, updates: Int) {
    var random = SplitMix(seed: 1)
    let stride = BanditKernels.packedCount(100)
    let (x, inverse, theta) = (Self.contexts(&random), Self.block(arms * stride), Self.block(arms * 112))
    var last = [Float](repeating: 0, count: 112)
    for arm in 0..<arms { for i in 0..<100 { inverse[arm * stride + BanditKernels.row(i) + i] = 1 } }
    var best = Double.infinity
    for _ in 0..<5 {
      var next = 0
      let start = Self.seconds()
      for k in 0..<updates {
        let arm = next
        next = arms == 1 ? 0 : random.below(arms)
        var context: UnsafePointer<Float>? = UnsafePointer(x + (k & 1023) * 112)
        var reward: Float = 0.5
        _ = Float.learn(
          kernels, 100, inverse + arm * stride, theta + arm * 112, &context, &reward, 1,
          next: arms == 1 ? nil : inverse + next * stride, last: &last)
      }
      best = min(best, (Self.seconds() - start) / Double(updates))
    }
    rows.append(Row(kernel: kernels.name, name: arms == 1 ? "update, one arm" : "update, \(arms) arms", us: best * 1e6))
    munmap(x, 1024 * 112 * 4)
    munmap(inverse, arms * stride * 4)
    munmap(theta, arms * 112 * 4)
  }

  private mutating func scores(_ kernels: BanditKernels) {
    var random = SplitMix(seed: 2)
    let stride = BanditKernels.packedCount(100)
    let (x, inverse, theta) = (Self.contexts(&random), Self.block(200 * stride), Self.block(200 * 112))
    var (inverses, thetas, contexts): ([UnsafePointer<Float>?], [UnsafePointer<Float>?], [UnsafePointer<Float>?]) = ([], [], [])
    for arm in 0..<200 {
      for i in 0..<100 {
        inverse[arm * stride + BanditKernels.row(i) + i] = 1
        theta[arm * 112 + i] = Float(random.uniform() * 2 - 1)
      }
      inverses.append(inverse + arm * stride)
      thetas.append(theta + arm * 112)
      contexts.append(x + arm * 112)
    }
    var mean = [Float](repeating: 0, count: 200)
    var width = mean
    var times: [Double] = []
    for _ in 0..<1000 {
      let start = Self.seconds()
      kernels.score(100, inverse: inverses, theta: thetas, x: contexts, count: 200, mean: &mean, width: &width)
      times.append(Self.seconds() - start)
    }
    times.sort()
    rows.append(Row(kernel: kernels.name, name: "score 200 candidates with width", us: times[500] * 1e6))
    munmap(x, 1024 * 112 * 4)
    munmap(inverse, 200 * stride * 4)
    munmap(theta, 200 * 112 * 4)
  }

  public var text: String {
    rows.map { "\($0.kernel)  \($0.name): \(OutFile.decimal($0.us, 3)) us" }.joined(separator: "\n") + "\n"
  }
}

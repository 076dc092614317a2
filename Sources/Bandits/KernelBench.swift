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
  /// The same from the hand-tuned C program, by name.
  public private(set) var yardstick: [(name: String, us: Double)] = []

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
    var (inverses, thetas, contexts): ([UnsafePointer<Float>?], [UnsafePointer<Float>?], [UnsafePointer<Float>?]) = (
      [], [], []
    )
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

  /// Builds the C yardstick beside a workspace and runs it; false when it or a compiler is missing.
  ///
  /// - Parameter source: Path of `micro.c`; its flags are those of the workspace's `run.sh`.
  public mutating func compare(source: String) -> Bool {
    guard DataFile.exists(source), !source.contains("'") else { return false }
    var folder = Array("/tmp/thalweg-micro-XXXXXX".utf8CString)
    guard mkdtemp(&folder) != nil else { return false }
    let program = String(decoding: folder.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self) + "/micro"
    defer {
      unlink(program)
      rmdir(folder)
    }
    let flags = "-O3 -march=native -ffast-math -std=gnu11 -w"
    let libraries = "-ljemalloc -lrdkafka -lhiredis -lsqlite3 -lpthread -lm"
    guard system("gcc \(flags) -o '\(program)' '\(source)' \(libraries) 2>/dev/null") == 0 else { return false }
    for line in Self.lines("'\(program)' linucb") + Self.lines("'\(program)' score") {
      let words = line.split(separator: " ")
      guard let unit = words.lastIndex(of: "us"), unit > 0, let last = Double(words[unit - 1]) else { continue }
      if line.contains("packed, next arm known"), words.contains("1") {
        yardstick.append(("update, one arm", last))
      } else if line.contains("packed, next arm known"), words.contains("50000") {
        yardstick.append(("update, 50000 arms", last))
      } else if line.hasPrefix("score 200 of 200 arms"), line.contains("sqrt"), line.contains(", packed"),
        let at = words.firstIndex(of: "p50"), let median = Double(words[at + 1])
      {
        yardstick.append(("score 200 candidates with width", median))
      }
    }
    return !yardstick.isEmpty
  }

  private static func lines(_ command: String) -> [String] {
    guard let pipe = popen(command, "r") else { return [] }
    defer { pclose(pipe) }
    var all: [String] = []
    var line = [CChar](repeating: 0, count: 512)
    while fgets(&line, 512, pipe) != nil {
      all.append(String(decoding: line.prefix { $0 != 0 && $0 != 10 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
    }
    return all
  }

  /// Rows with the ratio to the yardstick's speed (above 1 = faster).
  public var text: String {
    rows.map { row in
      let theirs = yardstick.first { $0.name == row.name }.map {
        "  C \(OutFile.decimal($0.us, 3)) us, ratio \(OutFile.decimal($0.us / row.us, 2))"
      }
      return "\(row.kernel)  \(row.name): \(OutFile.decimal(row.us, 3)) us\(theirs ?? "")"
    }.joined(separator: "\n") + "\n"
  }

  /// The same on one line.
  public var json: String {
    let all = rows.map { row in
      let theirs = yardstick.first { $0.name == row.name }?.us
      return "{\"kernel\":\"\(row.kernel)\",\"name\":\"\(row.name)\",\"us\":\(row.us)"
        + (theirs.map { ",\"c_us\":\($0),\"ratio\":\($0 / row.us)" } ?? "") + "}"
    }
    return "{\"kernels\":[\(all.joined(separator: ","))]}"
  }
}

import Events
import Learners
import Options
import Pipeline
import Telemetry

/// `bench scale`: what an event costs as viewers and shards grow.
struct BenchScale: Verb {
  static let about = "Measures the cost of an event from ten thousand viewers to millions, and with 1 to 4 shards."
  static let notes = """
    The worker's decoder and folds over made-up viewers, without log and store: decoding includes finding both ids. \
    Events are of viewers drawn evenly, which is the worst case for caches. Each row is compared with the smallest \
    number of viewers in the same run, more shards with one.
    """
  static let readsSettings = false
  @Option("viewers", "Numbers of viewers in full: all folds, 128 dimensions.") var viewers = [
    "10000", "100000", "1000000",
  ]
  @Option("lean", "Numbers of viewers at 16 dimensions without history.") var lean = ["1000000", "10000000"]
  @Option("events", "Events measured in each.", in: 10_000...100_000_000) var events = 1_000_000
  @Option("titles", "Titles.", in: 10...1_000_000) var titles = 50_000

  func run(_ context: Context) throws {
    Log.shared.configure(level: .warning, format: .auto)
    var report = BenchReport("scale")
    let cores = ShardCount.processors
    let folder = FileSystem.temporaryDirectory()
    defer { FileSystem.removeTree(folder) }
    try Worded.errors {
      for (numbers, dimension, word) in [(viewers, 128, "in full"), (lean, 16, "16 dimensions, no history")] {
        BenchTraffic.writeCatalog(to: folder, titles: titles, dimension: dimension)
        var first: Cost?
        for text in numbers {
          guard let count = Int(text), count > 0 else { throw Failure(ExitCode.misuse, "\(text) is no number") }
          let cost = try measure(count, dimension, folder, shards: 1)
          let base = first ?? cost
          first = base
          let name = "\(BenchReport.text(Double(count))) viewers \(word)"
          report.add("\(name): decode", cost.decode, "ns/event", against: "fewest", base.decode)
          report.add("\(name): fold", cost.fold, "ns/event", against: "fewest", base.fold)
        }
      }
      let count = Int(viewers.first ?? "") ?? 10_000
      BenchTraffic.writeCatalog(to: folder, titles: titles, dimension: 128)
      var one: Double?
      for shards in 1...4 where shards <= cores {
        let cost = try measure(max(count, 100_000), 128, folder, shards: shards)
        report.add("\(shards) shards: fold", cost.fold, "ns/event", against: "one shard", one ?? cost.fold)
        one = one ?? cost.fold
      }
    }
    report.note("Cores here: \(cores); what more shards do on more cores is reckoned in docs/PERFORMANCE.md.")
    report.show(context.output)
  }

  private struct Cost {
    var decode = 0.0
    var fold = 0.0
  }

  private func measure(_ count: Int, _ dimension: Int, _ folder: String, shards: Int) throws -> Cost {
    var settings: [(String, String)] = [("shards", "\(shards)")]
    if dimension == 16 {
      settings.append(
        ("folds", "vector,trust,affinity,temporal,traits,session,decisions,context,memory,trend,metrics"))
    }
    let parts = try WorkerParts(loaded: SettingsOverlay.shipped("worker", settings))
    let ids = Identities(viewers: count, titles: titles)
    let bench = RoadBench(options: parts.options, ids: ids, clock: SystemClock())
    BenchLives.name(viewers: count, titles: titles, in: ids)
    bench.apply(try CatalogFiles.read([folder]))
    var lives = BenchLives(viewers: count, titles: titles)
    // Enough for every viewer's lists to stand; ten million get three events each.
    _ = lives.live(bench, events: count > 2_000_000 ? 3 : 20)
    let fold = lives.visit(bench, events: events)
    let decoder = parts.decoder(ids)
    return Cost(
      decode: DecodeRun(viewers: count, titles: titles, events: min(events, 300_000)).nanoseconds(decoder),
      fold: Double(fold) / Double(events))
  }
}

/// Envelope events in memory, decoded one behind another as a poll hands them over.
struct DecodeRun {
  private(set) var bytes: [UInt8] = []
  /// Where each event ends, and its kind.
  private(set) var ends: [(end: Int, kind: Int)] = []

  init(viewers: Int, titles: Int, events: Int) {
    var traffic = BenchTraffic(viewers: 1, titles: titles, seed: 11)
    var random = DemoRandom(12)
    var name: [UInt8] = []
    for i in 0..<events {
      name.removeAll(keepingCapacity: true)
      BenchTraffic.name(117, random.below(viewers), into: &name)
      traffic.make(at: 1_763_683_200_000 + Int64(i), viewer: name)
      bytes += traffic.value
      ends.append((bytes.count, traffic.kind.rawValue))
    }
  }

  /// Of one event; the better of two passes.
  func nanoseconds(_ decoder: consuming Decoder) -> Double {
    let clock = SystemClock()
    var best = Int64.max
    var batch = DecodedBatch()
    for _ in 0..<2 {
      let start = clock.monotonicNs
      pass(&decoder, &batch)
      best = min(best, clock.monotonicNs - start)
    }
    return Double(best) / Double(ends.count)
  }

  /// Decodes all of them once; how many became events.
  @discardableResult
  func pass(_ decoder: inout Decoder, _ batch: inout DecodedBatch) -> Int {
    var count = 0
    bytes.withUnsafeBytes { all in
      var at = 0
      for (i, (end, kind)) in ends.enumerated() {
        batch.removeAll()
        let value = UnsafeRawBufferPointer(rebasing: all[at..<end])
        at = end
        let record = Record(
          source: 0, input: kind, partition: 0, offset: Int64(i), timestamp: 1_763_683_200_000 + Int64(i), key: nil,
          value: value, headers: NoHeaders())
        if case .events(let made) = decoder.decode(record, into: &batch) { count += made }
      }
    }
    return count
  }
}

import Events
import Glibc
import Options
import Pipeline
import Telemetry

/// `bench allocations`: what a million events ask of the allocator, in decoder and folds.
struct BenchAllocations: Verb {
  static let about = "Counts the bytes that decoding and folding ask for; exit 1 when it is four an event."
  static let notes = """
    The allocator's own counter of this thread, before and after a million events of viewers whose lists have their \
    size already. A bucket of a metric that begins now and then is not per event; the smallest allocation is eight \
    bytes, so the bound is four.
    """
  static let readsSettings = false
  @Option("events", "Events counted.", in: 100_000...100_000_000) var events = 1_000_000

  func run(_ context: Context) throws {
    Log.shared.configure(level: .warning, format: .auto)
    guard let meter = AllocationMeter() else {
      throw Failure(ExitCode.unavailable, "this build has an allocator that does not count (jemalloc is not linked)")
    }
    let viewers = 1000
    let titles = 200
    let folder = FileSystem.temporaryDirectory()
    defer { FileSystem.removeTree(folder) }
    BenchTraffic.writeCatalog(to: folder, titles: titles, dimension: 128)
    let parts = try WorkerParts(loaded: SettingsOverlay.shipped("worker", []))
    let ids = Identities(viewers: viewers, titles: titles)
    let bench = RoadBench(options: parts.options, ids: ids, clock: SystemClock())
    BenchLives.name(viewers: viewers, titles: titles, in: ids)
    bench.apply(try CatalogFiles.read([folder]))
    var lives = BenchLives(viewers: viewers, titles: titles)
    // Days as full as the one that is counted give every list of a viewer its size.
    for _ in 0..<3 { _ = lives.visit(bench, events: events) }
    let beforeFold = meter.bytes
    _ = lives.visit(bench, events: events)
    let folded = Double(meter.bytes - beforeFold) / Double(events)
    let run = DecodeRun(viewers: viewers, titles: titles, events: 10_000)
    var decoder = parts.decoder(ids)
    var batch = DecodedBatch()
    _ = run.pass(&decoder, &batch)
    let beforeDecode = meter.bytes
    for _ in 0..<(events / 10_000) { _ = run.pass(&decoder, &batch) }
    let decoded = Double(meter.bytes - beforeDecode) / Double(events)
    var report = BenchReport("allocations")
    report.add("decode", decoded, "B/event", bar: "< 4", meets: decoded < 4)
    report.add("fold, a whole turn", folded, "B/event", bar: "< 4", meets: folded < 4)
    report.show(context.output)
    guard decoded < 4, folded < 4 else {
      throw Failure(ExitCode.failed, "an event's path asks the allocator for memory")
    }
  }
}

/// jemalloc's count of what the calling thread has been given since it began.
struct AllocationMeter {
  private let place: UnsafePointer<UInt64>

  /// nil = another allocator serves this process.
  init?() {
    guard let control = Allocator.control else { return nil }
    var place: UnsafePointer<UInt64>?
    var size = MemoryLayout<UnsafePointer<UInt64>?>.size
    guard control("thread.allocatedp", &place, &size, nil, 0) == 0, let place else { return nil }
    self.place = place
  }

  var bytes: UInt64 { place.pointee }
}

import CSys
import Glibc

/// What the kernel says about this process, under the names every Prometheus client uses.
///
/// Read once per scrape (about 60 us).
public struct ProcessFacts: Sendable, Equatable {
  public var cpuSeconds = 0.0
  public var residentBytes = 0
  public var virtualBytes = 0
  public var threads = 0
  public var openFiles = 0
  public var maxFiles = 0
  /// Unix seconds.
  public var startedAt = 0.0

  /// Reads `/proc/self`; nil where there is none.
  public static func read() -> ProcessFacts? {
    guard let stat = contents("/proc/self/stat"), let close = stat.lastIndex(of: UInt8(ascii: ")")) else { return nil }
    // The name in parentheses may hold anything, so fields count from after the last one: state is field 3.
    let fields = stat[(close + 1)...].split(separator: UInt8(ascii: " ")).map { String(decoding: $0, as: UTF8.self) }
    guard fields.count > 21 else { return nil }
    func field(_ number: Int) -> Double { Double(fields[number - 3]) ?? 0 }
    let ticks = Double(sysconf(Int32(_SC_CLK_TCK)))
    var facts = ProcessFacts()
    facts.cpuSeconds = (field(14) + field(15)) / ticks
    facts.threads = Int(field(20))
    facts.startedAt = bootSeconds() + field(22) / ticks
    facts.virtualBytes = Int(field(23))
    facts.residentBytes = Int(field(24)) * Int(getpagesize())
    var limit = rlimit()
    if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
      facts.maxFiles = limit.rlim_cur > rlim_t(Int.max) ? Int.max : Int(limit.rlim_cur)
    }
    facts.openFiles = openDescriptors()
    return facts
  }

  /// Adds the `process_*` series to a registry, read anew at each scrape.
  public static func register(in metrics: Metrics) {
    let cpu = metrics.total("process_cpu_seconds_total", "User and system time used, in seconds.").with()
    let resident = metrics.gauge("process_resident_memory_bytes", "Memory held in RAM.").with()
    let virtual = metrics.gauge("process_virtual_memory_bytes", "Address space in use.").with()
    let threads = metrics.gauge("process_threads", "Threads of this process.").with()
    let open = metrics.gauge("process_open_fds", "Open file descriptors.").with()
    let most = metrics.gauge("process_max_fds", "Most file descriptors that may be open.").with()
    let start = metrics.gauge("process_start_time_seconds", "When the process started, in Unix seconds.").with()
    metrics.beforeScrape {
      guard let facts = read() else { return }
      cpu.set(facts.cpuSeconds)
      resident.set(Double(facts.residentBytes))
      virtual.set(Double(facts.virtualBytes))
      threads.set(Double(facts.threads))
      open.set(Double(facts.openFiles))
      most.set(Double(facts.maxFiles))
      start.set(facts.startedAt)
    }
  }

  /// Unix seconds of the machine's start, by its clocks: `/proc/stat` may be hidden from a service.
  private static func bootSeconds() -> Double {
    var up = timespec()
    clock_gettime(CLOCK_BOOTTIME, &up)
    return Double(csys_wall_ms()) / 1000 - Double(up.tv_sec) - Double(up.tv_nsec) / 1e9
  }

  private static func openDescriptors() -> Int {
    guard let folder = opendir("/proc/self/fd") else { return 0 }
    defer { closedir(folder) }
    var count = 0
    while readdir(folder) != nil { count += 1 }
    return max(0, count - 3)  // ".", ".." and the folder itself
  }

  private static func contents(_ path: String) -> [UInt8]? {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 8192)
    while true {
      let count = Glibc.read(file, &chunk, chunk.count)
      if count <= 0 { return bytes }
      bytes.append(contentsOf: chunk[0..<count])
    }
  }
}

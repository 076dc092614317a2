import Glibc
import JSON
import KafkaPort
import Learners
import Options
import Pipeline
import Ports
import Telemetry

/// What stands beside a running worker: the admin server, metrics, and the picture both and the terminal show.
///
/// The worker's thread calls ``tick()`` between rounds; everybody else reads the copy it leaves.
final class WorkerService {
  private let host: WorkerHost
  private let board: StatusBoard
  private let metrics: WorkerMetrics
  private var server: AdminServer?
  private var reporter: MetricsReporter
  private let clock = SystemClock()
  private let supervisor = Supervisor()
  private var isAnnounced = false
  private var aliveNs: Int64 = 0
  private var nextNs: Int64 = 0

  /// - Parameter patience: Seconds without Kafka or Redis after which `/ready` says so.
  init(host: WorkerHost, context: Context, patience: Double = 30) throws {
    self.host = host
    metrics = WorkerMetrics(Metrics(), version: version, commit: "unknown", swift: "6.3")
    board = StatusBoard(settings: context.settings, reads: metrics.featureReads, patience: patience)
    reporter = MetricsReporter(metrics, group: context.settings.kafka.group, inputs: host.parts.mapping.inputs)
    var settings = AdminServer.Settings()
    settings.address = context.settings.admin.host
    settings.port = context.settings.admin.port
    settings.version = Array(
      "{\"name\":\"thalweg\",\"version\":\"\(version)\",\"librdkafka\":\"\(KafkaLibrary.version)\"}".utf8)
    settings.configuration = context.loaded.rows.map { "\($0.row.path): \($0.text)  # \($0.origin)" }.joined(
      separator: "\n")
    do { server = try AdminServer(settings, metrics: metrics.registry, provider: board) } catch {
      Log.shared.warning(
        "the admin server could not start; the worker runs without it",
        mend: "set admin.port to a free port, or 0, and admin.host to an address of this machine",
        ["cause": .text("\(error)")])
    }
    if let url = server?.url { Log.shared.info("admin server", ["url": .text(url)]) }
  }

  var url: String? { server?.url }
  var status: WorkerStatus { board.status }

  /// Has every picture from now on say this too.
  func remark(_ text: String) { board.remark.withLock { $0 = text } }

  /// Takes the picture anew, four times a second.
  func tick() {
    let now = clock.monotonicNs
    guard now >= nextNs else { return }
    nextNs = now + 250_000_000
    let status = board.update(host.worker, awaited: host.awaited)
    reporter.report(host.worker, status, awaited: host.awaited?.what)
    tell(status, at: now)
  }

  /// Tells systemd, where it asked: ready with the first picture, alive at half the watchdog's time.
  private func tell(_ status: WorkerStatus, at now: Int64) {
    if !isAnnounced { supervisor.ready() }
    guard !isAnnounced || now - aliveNs >= Int64(min(supervisor.watchdogIntervalMs ?? 5000, 5000)) * 1_000_000 else {
      return
    }
    isAnnounced = true
    aliveNs = now
    supervisor.alive()
    supervisor.status(TopView.oneLine(status))
  }

  /// The process was asked to end: `/ready` says so from now on, while what was begun is finished.
  func stopping() {
    board.stop("stopping")
    supervisor.stopping()
  }

  func close() {
    stopping()
    _ = server?.close()
  }
}

import Events
import Options
import Pipeline
import Telemetry

struct WorkerVerb: Verb {
  static let about = "Attaches to the event topics, learns, publishes; runs until it is told to stop."
  static let notes = """
    Joins the group of kafka.group and reads every topic of the mapping. State and position live in state_dir: a \
    restart continues exactly there. Waits for brokers that do not answer. Ends by itself with --until caught-up.
    """
  static let settings = ["from", "until", "accept_gap", "state_dir", "catalog.files", "shards"]
  static let isService = true

  func run(_ context: Context) throws {
    context.configureLog()
    let host = try Worded.errors { try WorkerHost(loaded: context.loaded) }
    let service = try Worded.errors { try WorkerService(host: host, context: context) }
    defer { service.close() }
    try Worded.errors {
      var progress = BackfillProgress()
      let isBackfill = context.settings.until == .caughtUp
      // A service waits for its brokers; a run that ends by itself fails where they do not answer.
      host.waitsForLog = !isBackfill
      try host.run {
        service.tick()
        if isBackfill { progress.show(host.worker, context.output) }
        if context.stop.isRequested { service.stopping() }
        return !context.stop.isRequested
      }
    }
  }
}

/// Errors of the rooms below as one line and an exit code.
enum Worded {
  static func errors<T>(_ body: () throws -> T) throws -> T {
    do { return try body() } catch let error as any Exiting {
      throw error
    } catch let error as MappingError {
      throw Failure(ExitCode.settings, "\(error)")
    } catch let fault as WorkerFault {
      switch fault {
      case .port: throw Failure(ExitCode.unavailable, "\(fault)")
      default: throw Failure(ExitCode.failed, "\(fault)")
      }
    } catch {
      throw Failure(ExitCode.unavailable, "\(error)")
    }
  }
}

extension Context {
  /// - Parameter level: What a verb whose answer matters more keeps silent below.
  func configureLog(atLeast level: LogLevel = .debug) {
    let setup = settings.logSetup
    Log.shared.configure(level: max(setup.level, level), format: setup.format)
  }
}

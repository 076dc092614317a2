import Glibc
import Options
import Ports
import Telemetry

/// Starts the program: words to a verb, settings, signals, exit code.
public enum Launch {
  /// Runs what the command line asks for; never returns.
  ///
  /// Synchronous on purpose: under an async main a blocked SIGTERM would kill the process. Signals are blocked
  /// before the first thread; a service runs on a thread of its own while this one waits for them.
  public static func main() -> Never {
    signal(SIGPIPE, SIG_IGN)
    signal(SIGXFSZ, SIG_IGN)  // a file at its limit is an error of the write, which the stores handle
    let words = Array(CommandLine.arguments.dropFirst())
    if words.first == "__complete" {  // before anything else: every key press waits for it
      say(program.complete(Array(words.dropFirst())))
      exit(0)
    }
    switch program.request(words) {
    case .show(let page):
      say(page)
      exit(0)
    case .misuse(let text):
      complain(text)
      exit(ExitCode.misuse)
    case .run(let invocation): run(invocation)
    }
  }

  private static func run(_ invocation: Program<Context, Common>.Invocation) -> Never {
    Allocator.giveBackInBackground()
    let environment = Settings.processEnvironment()
    let common = invocation.common
    let assignments =
      common.set.words + invocation.assignments + (common.logLevel.map { ["log.level=\($0.rawValue)"] } ?? [])
    let loaded =
      invocation.readsSettings
      ? Settings.load(
        file: common.config.isEmpty ? nil : common.config, environment: environment, assignments: assignments)
      : LoadedSettings(
        settings: Settings(), rows: Settings.declared.rows, sections: Settings.declared.sections, problems: [],
        warnings: [])
    for warning in loaded.warnings { complain("thalweg: \(warning)\n") }
    guard loaded.problems.isEmpty else {
      for problem in loaded.problems { complain("\(problem)\n") }
      exit(ExitCode.settings)
    }
    let (level, format) = loaded.settings.logSetup
    Log.shared.configure(level: level, format: format)
    let output = Output(form: common.output, color: !common.noColor, environment: environment)
    let context = Context(
      loaded: loaded, output: output, environment: environment,
      configPath: common.config.isEmpty ? nil : common.config)
    guard invocation.isService else { exit(finish(context) { try invocation.run(context) }) }
    let job = Job(context) { try invocation.run(context) }
    Signals.serve(stop: context.stop) { job.run() }
  }

  /// Runs a verb and turns what it throws into one line and a code.
  static func finish(_ context: Context, _ body: () throws -> Void) -> Int32 {
    defer { context.output.flush() }
    do {
      try body()
      return 0
    } catch let error as any Exiting {
      context.output.flush()
      if !error.description.isEmpty { complain("thalweg: \(error.description)\n") }
      return error.exitCode
    } catch {
      context.output.flush()
      complain("thalweg: \(error)\n")
      return error is PortError ? ExitCode.unavailable : ExitCode.failed
    }
  }

  static func complain(_ text: String) { write(text, to: 2) }
  private static func say(_ text: String) { write(text, to: 1) }

  private static func write(_ text: String, to descriptor: Int32) {
    let bytes = Array(text.utf8)
    var at = 0
    while at < bytes.count {
      let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress! + at, $0.count - at) }
      if count <= 0 && errno != EINTR { return }
      at += max(0, count)
    }
  }
}

/// A verb on its way to the thread that runs it.
private final class Job: @unchecked Sendable {
  private let context: Context
  private let body: () throws -> Void
  init(_ context: Context, _ body: @escaping () throws -> Void) {
    self.context = context
    self.body = body
  }
  func run() -> Int32 { Launch.finish(context, body) }
}

import Options

struct DoctorVerb: Verb {
  static let about = "Checks what goes wrong on the first day: libraries, disk, limits, brokers, topics, group, Redis."
  static let notes = """
    One line for each check; a line that failed names its mend. Joins no group, commits nothing, and may run beside a \
    worker. Exit 1 if any check failed. With --output json, one object a line.
    """
  static let settings = ["kafka.brokers", "state_dir"]

  func run(_ context: Context) throws {
    context.configureLog(atLeast: .error)
    var failures = 0
    let doctor = Doctor(context: context) { finding in
      if finding.verdict == .failed { failures += 1 }
      context.output.line(context.output.isJSON ? finding.json : finding.line)
      context.output.flush()
    }
    doctor.examine()
    if failures > 0 { throw Failure(ExitCode.failed, "\(failures) check\(failures == 1 ? "" : "s") failed") }
  }
}

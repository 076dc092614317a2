import Options

// To add a verb:
//
// 1. Put a struct that conforms to `Verb` into a file of its own in `Sources/App/Verbs`:
//
//      struct AlertsTail: Verb {
//        static let about = "Prints drift alerts as they come."        // one sentence
//        static let settings = ["kafka.brokers"]                       // settings that may be written as --options
//        @Option("follow", short: "f", "Waits for more at the end.") var follow = false
//        @Option("count", short: "c", "Ends after so many.", in: 1...1_000_000) var count = 1_000_000
//        @Argument("key", "user:U or content:C.") var key = ""         // a word by its place
//        func run(_ context: Context) throws { ... }
//      }
//
//    `context.settings` is in force already, `context.output` is stdout (`line`, `table`, `form`), logs go to stderr.
//    Throw `Failure(ExitCode.unavailable, "one line")` to end with a code. A verb that runs until it is told to end
//    sets `static let isService = true` and looks at `context.stop.isRequested`; the first SIGTERM or SIGINT asks,
//    the second ends the process at once. `static let readsSettings = false` for verbs that need no settings.
// 2. Add one line to the tree below. Help, manual, completion and the tests follow from that.

/// Options that every verb takes.
public struct Common: Sendable {
  @Option("config", short: "c", "Configuration file; without it the one that ships is used.") var config = ""
  @Option("set", "Sets one setting, as name=value; may be repeated.") var set = Repeated()
  @Option("output", "How to answer.") var output = OutputForm.table
  @Option("no-color", "Answers without colour, also on a terminal.") var noColor = false
  @Option("log-level", "Least important line written to stderr; as --set log.level.") var logLevel: LogLevelName? = nil
}

/// The program, built once.
public let program = Program<Context, Common>(
  .group(
    "thalweg", "Learns from event topics as they pass and publishes what it learned.",
    [
      .group(
        "config", "Looks at the settings.",
        [
          .verb("check", ConfigCheck.self), .verb("show", ConfigShow.self), .verb("schema", ConfigSchema.self),
          .verb("docs", ConfigDocs.self), .verb("sample", ConfigSample.self),
        ]),
      .verb("demo", DemoVerb.self),
      .verb("worker", WorkerVerb.self),
      .group(
        "features", "Reads live feature state.",
        [.verb("get", FeaturesGet.self), .verb("watch", FeaturesWatch.self), .verb("top", FeaturesTop.self)]),
      .group(
        "bench", "Measures, always against something else in the same run.", alone: "all",
        [
          .verb("w1", BenchW1.self), .verb("latency", BenchLatency.self), .verb("state", BenchState.self),
          .verb("scale", BenchScale.self), .verb("allocations", BenchAllocations.self),
          .verb("envelope", BenchEnvelope.self), .verb("all", BenchAll.self),
          .verb("kernels", BenchKernels.self), .verb("learn", BenchLearn.self),
        ]),
      .group(
        "check", "Compares what the pipeline does with what files say must follow.",
        [.verb("bandits", CheckBandits.self), .verb("stories", CheckStories.self), .verb("stream", CheckStream.self)]),
      .group(
        "state", "The state of a stopped or running worker.",
        [
          .verb("dump", StateDump.self), .verb("backup", StateBackup.self), .verb("restore", StateRestore.self),
          .verb("rebuild", StateRebuild.self),
        ]),
      .verb("replay", ReplayVerb.self),
      .verb("top", TopVerb.self),
      .verb("doctor", DoctorVerb.self),
      .verb("lint", LintVerb.self),
      .verb("try", TryVerb.self),
      .group(
        "alerts", "Drift alerts.",
        [.verb("tail", AlertsTail.self)]),
      .group(
        "bandit", "The published models.",
        [
          .verb("show", BanditShow.self), .verb("arms", BanditArms.self), .verb("explain", BanditExplain.self),
        ]),
      .group(
        "decisions", "What was decided, and what it earned.",
        [.verb("tail", DecisionsTail.self), .verb("export", DecisionsExport.self)]),
      .verb("lag", LagVerb.self),
      .group(
        "topics", "The topics read and written.",
        [
          .verb("apply", TopicsApply.self), .verb("describe", TopicsDescribe.self), .verb("tail", TopicsTail.self),
        ]),
      .group(
        "dead-letters", "Records that could not become events.",
        [.verb("tail", DeadLettersTail.self), .verb("replay", DeadLettersReplay.self)]),
      .verb("version", VersionVerb.self),
      .verb("completion", CompletionVerb.self),
      .verb("man", ManualVerb.self),
      .verb("__mock-broker", MockBrokerVerb.self, hidden: true),
      .verb("__latency-probe", LatencyProbe.self, hidden: true),
      .verb("__state-fill", StateFill.self, hidden: true),
      .verb("__state-start", StateStart.self, hidden: true),
      .verb("__complete", CompleteVerb.self, hidden: true),
    ]),
  version: "thalweg \(version)", common: { Common() }, settings: Settings.declared.rows.map(\.row))

/// The version that `version`, `/version` and the packages name.
public let version = "0.1.0"

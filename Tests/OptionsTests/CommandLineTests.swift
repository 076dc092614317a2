import Testing

@testable import Options

/// Collects what verbs were given.
private final class Sink: @unchecked Sendable { var said = "" }

private enum Level: String, Choice { case low, high }

private struct Tail: Verb {
  static let about = "Prints drift alerts as they come."
  static let settings = ["from"]
  @Option("follow", short: "f", "Waits for more at the end.") var follow = false
  @Option("offset", short: "o", "Where to begin: beginning, end, -N or an offset.") var offset = "end"
  @Option("count", short: "c", "Ends after so many.", in: 1...1_000_000) var count = 1_000_000
  @Option("severity", "Only these.") var severity: Level? = nil
  func run(_ context: Sink) {
    context.said = "follow=\(follow) offset=\(offset) count=\(count) severity=\(severity?.rawValue ?? "any")"
  }
}
private struct Get: Verb {
  static let about = "Prints one key."
  @Argument("key", "What to get.") var key = ""
  @Argument("form", "How.", isRequired: false) var form = "plain"
  @Argument("more", "More keys.") var more: [String] = []
  func run(_ context: Sink) { context.said = "\(key) \(form) \(more)" }
}
private struct Common: Sendable {
  @Option("config", short: "c", "Settings file.") var config = ""
  @Option("set", "Sets one setting.") var set = Repeated()
  @Option("no-color", "Without colour.") var noColor = false
}
private struct Settings: Sendable {
  @Option("from", "Where to begin.") var from = "earliest"
}

private let program = Program<Sink, Common>(
  .group(
    "thalweg", "Learns.",
    [
      .group("alerts", "Alerts.", [.verb("tail", Tail.self)]), .verb("get", Get.self),
      .verb("__hidden", Get.self, hidden: true),
    ]),
  version: "1.2", common: { Common() }, settings: Loaded({ Settings() }) { _ in nil }.rows.map(\.row))

private func said(_ line: String) -> String {
  switch program.request(line.split(separator: " ").map(String.init)) {
  case .run(let invocation):
    let sink = Sink()
    try? invocation.run(sink)
    let common = invocation.common
    let extra = [
      common.config.isEmpty ? "" : " config=\(common.config)",
      common.set.words.isEmpty ? "" : " set=\(common.set.words)", common.noColor ? " plain" : "",
      invocation.assignments.isEmpty ? "" : " \(invocation.assignments)",
    ]
    return sink.said + extra.joined()
  case .show(let page): return "page " + page
  case .misuse(let text): return text
  }
}

@Suite struct CommandLineTests {
  @Test(arguments: [
    ("alerts tail", "follow=false offset=end count=1000000 severity=any"),
    ("alerts tail -f -o -100 -c 10 --severity high", "follow=true offset=-100 count=10 severity=high"),
    ("alerts tail -fo-100", "follow=true offset=-100 count=1000000 severity=any"),
    ("alerts tail -c=10 --follow=false", "follow=false offset=end count=10 severity=any"),
    ("-c x.yaml alerts tail -c 10", "follow=false offset=end count=10 severity=any config=x.yaml"),
    (
      "alerts tail --set a=1,2 --set b=3", "follow=false offset=end count=1000000 severity=any set=[\"a=1,2\", \"b=3\"]"
    ),
    ("alerts tail --set a=1,2", "follow=false offset=end count=1000000 severity=any set=[\"a=1,2\"]"),
    ("alerts tail --from latest", "follow=false offset=end count=1000000 severity=any [\"from=latest\"]"),
    ("--no-color get k", "k plain [] plain"),
    ("get k json a b", "k json [\"a\", \"b\"]"),
    ("get -- -k", "-k plain []"),
    ("get -", "- plain []"),
  ])
  func `words become a verb with its values`(line: String, expected: String) {
    #expect(said(line) == expected)
  }

  @Test(arguments: [
    ("alert tail", "thalweg: thalweg has no verb alert; did you mean alerts?\n"),
    ("alerts", "thalweg: thalweg alerts needs tail\n"),
    ("alerts tail --sev high", "thalweg: thalweg alerts tail has no option --sev; did you mean --set?\n"),
    ("alerts tail --cuont 3", "thalweg: thalweg alerts tail has no option --cuont; did you mean --count?\n"),
    ("alerts tail -c", "thalweg: --count needs a value (integer)\n"),
    (
      "alerts tail -c 0 --severity hihg",
      "thalweg: --count: \"0\" is out of range; allowed are 1 to 1000000\n"
        + "thalweg: --severity: \"hihg\" must be one of low, high; did you mean high?\n"
    ),
    ("alerts tail x", "thalweg: thalweg alerts tail does not know what to do with x\n"),
    ("get", "thalweg: thalweg get needs KEY: What to get.\n"),
    ("alerts tail -x", "thalweg: thalweg alerts tail has no option -x\n"),
  ])
  func `mistakes are told all at once`(line: String, expected: String) {
    #expect(said(line).hasPrefix(expected))
    #expect(said(line).hasSuffix("--help\n"))
  }

  @Test func `help is made from the declarations and fits a terminal`() {
    let page = said("help alerts tail")
    #expect(page == said("alerts tail --help"))
    for part in [
      "-f, --follow", "Ends after so many. 1 to 1000000.", "--from TEXT", "    --config", "--severity low|high",
    ] {
      #expect(page.contains(part), "\(part) is missing in \(page)")
    }
    #expect(page.split(separator: "\n").allSatisfy { $0.count <= 85 })
    #expect(said("").hasPrefix("page thalweg: Learns."))
    #expect(!said("--help").contains("__hidden"))
    #expect(said("--version") == "page 1.2\n")
  }

  @Test(arguments: [
    (["al"], ["alerts"]), (["alerts", ""], ["tail"]), (["alerts", "tail", "--sev"], ["--severity"]),
    (["alerts", "tail", "--severity", ""], ["low", "high"]), (["alerts", "tail", "--severity=h"], ["--severity=high"]),
    (["alerts", "tail", "--set", "f"], ["from="]), (["alerts", "tail", "-c", "1"], []),
    (["__"], []),
  ])
  func `completion answers from the same table`(words: [String], offers: [String]) {
    let given = program.complete(words == ["__"] ? ["__"] : words).split(separator: "\n")
      .map { String($0.split(separator: "\t")[0]) }
    #expect(given == offers)
  }

  @Test func `a letter or a name stands once in a verb`() {
    #expect(program.clashes() == [])
    #expect(program.unknownSettings() == [])
  }

  @Test func `the manual names every verb, option and setting`() {
    let rows = Loaded({ Settings() }) { _ in nil }.rows
    let page = program.manualPage(about: "Long.", settings: rows)
    for part in [".TH THALWEG 1", "\"thalweg alerts tail\"", "\\-\\-severity", ".B from"] {
      #expect(page.contains(part), "\(part) is missing in \(page)")
    }
  }
}

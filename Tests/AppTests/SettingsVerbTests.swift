import Options
import Testing

@testable import App

private func run(_ line: String, _ form: OutputForm = .table) throws -> (text: String, error: (any Error)?) {
  guard case .run(let invocation) = program.request(line.split(separator: " ").map(String.init)) else {
    throw Failure(1, "\(line) is no verb")
  }
  let output = Output(capturing: form)
  let loaded = Settings.load(file: nil, environment: ["THALWEG_REDIS__PASSWORD": "geheim"], assignments: ["shards=2"])
  do { try invocation.run(Context(loaded: loaded, output: output)) } catch { return (output.text, error) }
  return (output.text, nil)
}

@Suite struct SettingsVerbTests {
  @Test func `names and letters of the program's options are unique and its settings exist`() {
    #expect(program.clashes() == [])
    #expect(program.unknownSettings() == [])
  }

  @Test func `every verb has a sentence and a help page`() {
    for (path, command) in program.verbs() {
      #expect(command.about.count > 10)
      guard case .show(let page) = program.request(["help"] + path) else {
        Issue.record("no page for \(path)")
        continue
      }
      #expect(page.contains(command.about))
    }
  }

  @Test func `config show masks secrets and names origins`() throws {
    let text = try run("config show").text
    #expect(!text.contains("geheim"))
    #expect(text.contains("environment THALWEG_REDIS__PASSWORD"))
    #expect(text.split(separator: "\n").contains { $0.hasPrefix("shards ") && $0.hasSuffix("--set shards") })
    let one = try run("config show shards", .json).text
    #expect(one == "{\"shards\":{\"value\":\"2\",\"origin\":\"--set shards\"}}\n")
    #expect(try run("config show --changed").text.split(separator: "\n").count == 3)
    #expect(
      try run("config show shard").error as? Failure == Failure(64, "no setting is called shard; did you mean shards?"))
  }

  @Test func `version and completion answer without settings`() throws {
    #expect(try run("version", .json).text == "{\"name\":\"thalweg\",\"version\":\"\(version)\"}\n")
    for shell in Shell.allCases { #expect(try run("completion \(shell.rawValue)").text.contains("thalweg __complete")) }
    #expect(program.complete(["config", "s"]).split(separator: "\n").count == 3)
    #expect(program.complete(["--set", "trust.pre"]).hasPrefix("trust.preset=\t"))
  }

  @Test func `settings may be written as options of verbs that read them`() {
    guard case .run(let invocation) = program.request(["config", "check", "--kafka.group", "g", "--shards=3"]) else {
      Issue.record("is no verb")
      return
    }
    #expect(invocation.assignments == ["kafka.group=g", "shards=3"])
  }
}

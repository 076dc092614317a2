import Foundation
import Testing

@testable import Options

private struct Kafka: Sendable {
  @Option("brokers", "Brokers.") var brokers = ["localhost:9092"]
  @Option("session_timeout", "Silence.", in: .seconds(6)...(.seconds(300))) var sessionTimeout: Duration = .seconds(45)
  @Option("tls", "Encrypts.") var tls = false
  @Option("password", "Secret.") var password = Secret()
  @Option("options", "Passed on.") var options = PassThrough()
}
private enum Form: String, Choice { case unit, plain }
private struct Learn: Sendable {
  @Option("dimension", "Length.", in: 8...1024) var dimension = 64
  @Option("rate", "Step.", in: 0...1) var rate = 0.5
  @Option("form", "Form.") var form = Form.unit
  @Option("memory", "Ceiling.", in: .kibibytes(1)...(.gibibytes(4))) var memory = ByteCount.mebibytes(64)
  @Option("age", "Oldest.", in: .seconds(1)...(.days(9))) var age: Duration? = nil
  @Option("weights", "Weights.") var weights: Numbers = ["a": 0.25]
}
private struct All: Sendable {
  @Section("kafka", "Topics.") var kafka = Kafka()
  @Section("learn", "Learning.") var learn = Learn()
  @Option("state_dir", "Where state lies.") var stateDir = "data"
}

private func load(
  _ yaml: String = "", env: [String: String] = [:], set: [String] = []
) throws -> (loaded: Loaded<All>, warnings: [Problem]) {
  var layers = Layers(
    file: try YAML.parse(yaml, name: "x.yaml"), environment: env, environmentPrefix: "THALWEG_")
  layers.assignments = set
  return layers.load { All() }
}

@Suite struct LayersTests {
  @Test func `without a loader a struct is its defaults`() {
    #expect(All().kafka.brokers == ["localhost:9092"])
    #expect(All().learn.age == nil)
  }

  @Test func `each layer is stronger than the one before`() throws {
    let yaml = "kafka: {session_timeout: 10s}\nlearn:\n  dimension: 9\n  rate: .25\n"
    let env = ["THALWEG_LEARN__DIMENSION": "10", "THALWEG_KAFKA__SESSION_TIMEOUT": "11s", "THALWEG_STATE_DIR": "/d"]
    let result = try load(yaml, env: env, set: ["learn.dimension=12"])
    #expect(result.loaded.problems == [])
    let all = result.loaded.value
    #expect(all.kafka.sessionTimeout == .seconds(11))
    #expect(all.learn.dimension == 12)
    #expect(all.learn.rate == 0.25)
    #expect(all.stateDir == "/d")
    let origins = Dictionary(uniqueKeysWithValues: result.loaded.rows.map { ($0.row.path, $0.origin.description) })
    #expect(origins["learn.dimension"] == "--set learn.dimension")
    #expect(origins["kafka.session_timeout"] == "environment THALWEG_KAFKA__SESSION_TIMEOUT")
    #expect(origins["learn.rate"] == "x.yaml:4:9")
    #expect(origins["kafka.tls"] == "default")
  }

  @Test(arguments: [
    (
      "kafka:\n  session_timeout: 500h",
      "x.yaml:2:20: kafka.session_timeout: \"500h\" is out of range; allowed are 6s to 5m"
    ),
    ("kafka:\n  broker: [a]", "x.yaml:2:3: kafka.broker: unknown option; did you mean kafka.brokers?"),
    ("dimension: 9", "x.yaml:1:1: dimension: unknown option; did you mean learn.dimension?"),
    ("kafka: {tls: yes}", "x.yaml:1:14: kafka.tls: \"yes\" must be true or false"),
    ("learn: {dimension: 0644}", "x.yaml:1:20: learn.dimension: \"0644\" must not begin with 0 (numbers are decimal)"),
    ("learn: {dimension: 0x10}", "x.yaml:1:20: learn.dimension: \"0x10\" must be decimal"),
    ("learn: {dimension: 1_000}", "x.yaml:1:20: learn.dimension: \"1_000\" must be written without underscores"),
    ("learn: {dimension: 1e3}", "x.yaml:1:20: learn.dimension: \"1e3\" must be written without an exponent"),
    (
      "learn: {dimension: 12345678901234567890}",
      "x.yaml:1:20: learn.dimension: \"12345678901234567890\" is too large for a whole number"
    ),
    ("learn: {rate: .nan}", "x.yaml:1:15: learn.rate: \".nan\" must be finite"),
    ("learn: {rate: 1.5}", "x.yaml:1:15: learn.rate: \"1.5\" is out of range; allowed are 0 to 1"),
    ("learn: {form: unti}", "x.yaml:1:15: learn.form: \"unti\" must be one of unit, plain; did you mean unit?"),
    (
      "kafka: {session_timeout: 30}",
      "x.yaml:1:26: kafka.session_timeout: \"30\" must be a duration such as 30s, 5m, 1h or 7d"
    ),
    ("learn: {memory: 5 GB}", "x.yaml:1:17: learn.memory: \"5 GB\" must be a byte count such as 64KiB, 256MiB or 1GiB"),
    ("learn: [1]", "x.yaml:1:8: learn: must be a map, not a list"),
    ("learn: {weights: {a: x}}", "x.yaml:1:18: learn.weights: \"{a: x}\" has a, which must be a number"),
    (
      "state_dir: ${HOME_OF_X}",
      "x.yaml:1:12: the environment variable HOME_OF_X is not set; set it or write ${HOME_OF_X:default}"
    ),
    ("state_dir: a\nlearn.rate: .1\nlearn: {rate: .2}", "x.yaml:3:15: learn.rate: stands here twice"),
  ])
  func `a mistake is named with its place and what would be right`(yaml: String, message: String) throws {
    #expect(try load(yaml).loaded.problems.map(\.description) == [message])
  }

  @Test func `all mistakes are told at once`() throws {
    let result = try load("learn: {rate: 7, dimension: x}\nnobody: 1", set: ["learn.age=1"])
    #expect(result.loaded.problems.map(\.path) == ["nobody", "learn.dimension", "learn.rate", "learn.age"])
  }

  @Test func `text stays text whatever it looks like`() throws {
    #expect(try load("state_dir: no").loaded.value.stateDir == "no")
    #expect(try load("state_dir: 1.10").loaded.value.stateDir == "1.10")
  }

  @Test func `variables are replaced after parsing and add no structure`() throws {
    let env = ["A": "x, y: [", "B": "b"]
    let result = try load("state_dir: ${A}/${B}/${C:${B}}/${D:}/${{E}}", env: env)
    #expect(result.loaded.problems == [])
    #expect(result.loaded.value.stateDir == "x, y: [/b/b//${E}")
  }

  @Test func `secrets come from files and are never shown`() throws {
    let path = NSTemporaryDirectory() + "thalweg-secret-\(getpid())"
    try "geheim\n".write(toFile: path, atomically: true, encoding: .utf8)
    defer { unlink(path) }
    for (yaml, env) in [
      ("kafka: {password_file: \(path)}", [:]), ("kafka: {password: \"${file:\(path)}\"}", [:]),
      ("", ["THALWEG_KAFKA__PASSWORD_FILE": path]), ("", ["THALWEG_KAFKA__PASSWORD": "geheim"]),
    ] {
      let result = try load(yaml, env: env)
      #expect(result.loaded.problems == [])
      #expect(result.loaded.value.kafka.password.value == "geheim")
      #expect(!"\(result.loaded.value)".contains("geheim"))
      #expect(!result.loaded.rows.contains { $0.text.contains("geheim") })
    }
    let missing = try load("kafka: {password_file: /nowhere/x}")
    #expect(missing.loaded.problems.count == 1)
  }

  @Test func `maps merge key by key and names inside them may be reached`() throws {
    let result = try load(
      "kafka:\n  options:\n    acks: 1\n    sasl.password: abc\nlearn: {weights: {b: 2}}",
      env: ["THALWEG_KAFKA__OPTIONS__SSL__CA__LOCATION": "/ca"], set: ["kafka.options.acks=all", "learn.weights.a=1"])
    #expect(result.loaded.problems == [])
    let options = result.loaded.value.kafka.options
    #expect(options["acks"] == "all" && options["ssl.ca.location"] == "/ca" && options["sasl.password"] == "abc")
    let shown = result.loaded.rows.first { $0.row.path == "kafka.options" }?.text
    #expect(shown == "{acks: all, sasl.password: \"********\", ssl.ca.location: /ca}")
    #expect(result.loaded.value.learn.weights["a"] == 1 && result.loaded.value.learn.weights["b"] == 2)
  }

  @Test func `lists are YAML lists or texts with commas`() throws {
    #expect(try load("kafka: {brokers: [a:1, b:2]}").loaded.value.kafka.brokers == ["a:1", "b:2"])
    #expect(try load(set: ["kafka.brokers=a:1, b:2"]).loaded.value.kafka.brokers == ["a:1", "b:2"])
    #expect(try load(env: ["THALWEG_KAFKA__BROKERS": "[a, b]"]).loaded.value.kafka.brokers == ["a", "b"])
  }

  @Test func `an optional is switched off by name and an empty value is the default`() throws {
    #expect(try load("learn: {age: 2d}").loaded.value.learn.age == .days(2))
    #expect(try load("learn: {age: 2d}", set: ["learn.age=off"]).loaded.value.learn.age == nil)
    #expect(try load("learn:\n  rate:\nkafka:\n").loaded.value.learn.rate == 0.5)
    #expect(try load("learn: {age: 90d}").loaded.problems.count == 1)
  }

  @Test func `unknown names of the environment only warn and those of Kubernetes are ignored`() throws {
    let env = ["THALWEG_PORT": "tcp://1", "THALWEG_SERVICE_HOST": "1", "THALWEG_LEARN__DIMENSIONS": "9", "OTHER": "1"]
    let result = try load(env: env)
    #expect(result.loaded.problems == [])
    #expect(
      result.warnings.map(\.description) == [
        "environment THALWEG_LEARN__DIMENSIONS: is no option and was ignored; did you mean THALWEG_LEARN__DIMENSION?"
      ])
  }

  @Test(arguments: [
    ("0", 0), ("250ms", 250), ("30s", 30_000), ("5m", 300_000), ("1h30m", 5_400_000), ("7d", 604_800_000),
  ])
  func `durations have units`(text: String, milliseconds: Int64) throws {
    let value = try Duration(Node(text))
    #expect(value.wholeMilliseconds == milliseconds)
    #expect(try Duration(Node(value.text)) == value)
  }

  @Test(arguments: [("1024", 1024), ("64KiB", 65536), ("1GiB", 1 << 30), ("10MB", 10_000_000), ("3B", 3)])
  func `byte counts have units`(text: String, bytes: Int) throws {
    let value = try ByteCount(Node(text))
    #expect(value.bytes == bytes)
    #expect(try ByteCount(Node(value.text)) == value)
  }

  @Test(arguments: ["a", "", "x: y", "- a", "'q'", "a #b", "null", "1,2", "{", "ü", "a\nb\"\\", "#", " a", "no", "-1"])
  func `a text written on one line reads back`(text: String) throws {
    let list = Node(.list([Node(.scalar(text), isQuoted: true)]))
    #expect(try YAML.parse("x: " + text.text, name: "x")["x"].map { try String($0) } == text)
    #expect(try YAML.parse("x: " + YAML.flow(list), name: "x")["x"]?.list?.first?.text == text)
  }
}

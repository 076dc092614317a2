import Glibc
import JSON
import Options
import Ports
import Telemetry

struct FeaturesGet: Verb {
  static let about = "Prints what is known of a viewer or title: user:U, content:C or decision:D."
  static let notes = "Reads the feature store of store.kind. Values that decay are shown as of now."
  static let settings = ["store.kind", "store.path", "redis.url", "redis.prefix", "state_dir"]
  @Argument("key", "user:U, content:C or decision:D.") var key = ""

  func run(_ context: Context) throws {
    let reader = try Worded.errors { try WorkerHost.reader(context.settings) }
    try FeatureAnswer.check(key)
    guard let answer = try Worded.errors({ try FeatureAnswer.read(key, reader, context.settings) }) else {
      throw Failure(ExitCode.failed, "\(key) is not in the feature store")
    }
    FeatureAnswer.write(answer, to: context.output)
  }
}

struct FeaturesWatch: Verb {
  static let about = "Prints a key again whenever its version changes."
  static let settings = ["store.kind", "store.path", "redis.url", "redis.prefix", "state_dir"]
  static let isService = true
  @Argument("key", "user:U, content:C or decision:D.") var key = ""
  @Option("count", short: "c", "Ends after so many changes.", in: 1...1_000_000_000) var count = 1_000_000_000
  @Option("every", "How often to look.", in: .milliseconds(10)...(.minutes(1))) var every: Duration = .milliseconds(200)

  func run(_ context: Context) throws {
    try FeatureAnswer.check(key)
    let reader = try Worded.errors { try WorkerHost.reader(context.settings) }
    var last: String?
    var left = count
    while left > 0, !context.stop.isRequested {
      if let answer = try Worded.errors({ try FeatureAnswer.read(key, reader, context.settings) }),
        answer["version"]?.string != last
      {
        last = answer["version"]?.string
        left -= 1
        FeatureAnswer.write(answer, to: context.output)
        context.output.flush()
      }
      if left > 0 { usleep(UInt32(every.wholeMilliseconds * 1000)) }
    }
  }
}

struct FeaturesTop: Verb {
  static let about = "Prints the first titles by trust or by trend."
  static let settings = ["store.kind", "store.path", "redis.url", "redis.prefix", "state_dir"]
  @Option("by", "What to sort by.") var by = TopOrder.trust
  @Option("genre", "By trend: only titles of this genre.") var genre = ""
  @Option("count", short: "c", "How many.", in: 1...1000) var count = 10

  func run(_ context: Context) throws {
    let key = by == .trust ? "top:trust" : genre.isEmpty ? "trend:all" : "trend:genre:" + genre
    let rows = try Worded.errors { try WorkerHost.reader(context.settings).top(key, count: count) }
    if context.output.isJSON {
      for row in rows {
        var writer = JSONWriter()
        writer.beginObject()
        writer.field("content_id", row.member)
        writer.field(by.rawValue, row.score)
        writer.endObject()
        context.output.line(writer.text)
      }
    } else {
      context.output.table(
        ["TITLE", by.rawValue.uppercased()], rows.map { [$0.member, FeatureAnswer.short($0.score)] })
    }
  }
}

enum TopOrder: String, Choice { case trust, trend }

/// What `features get` answers: `{key, version, updated_at, age_s, features}`.
enum FeatureAnswer {
  static func check(_ key: String) throws {
    guard ["user:", "content:", "decision:"].contains(where: { key.hasPrefix($0) && key.utf8.count > $0.utf8.count })
    else {
      throw Failure(ExitCode.misuse, "\(key) is no key: write user:U, content:C or decision:D")
    }
  }

  static func read(_ key: String, _ reader: any FeatureReader, _ settings: Settings) throws -> JSONValue? {
    let now = SystemClock().wallMs
    guard let all = try stored(key, reader, at: now, settings) else { return nil }
    let updated = all["updated_at"]?.int64
    return .object([
      .init("key", .string(key)), .init("version", all["v"] ?? .null),
      .init("updated_at", updated.map { .integer($0) } ?? .null),
      .init("age_s", updated.map { .number(Double(max(0, now - $0)) / 1000) } ?? .null),
      .init("features", .object((all.object ?? []).filter { $0.key != "v" && $0.key != "updated_at" })),
    ])
  }

  /// Under `privacy.key` an id is asked for as the log has it, or as the pseudonym that stands for it.
  private static func stored(
    _ key: String, _ reader: any FeatureReader, at now: Int64, _ settings: Settings
  ) throws -> JSONValue? {
    let options = settings.learnOptions()
    if let pseudonyms = settings.pseudonyms(), key.hasPrefix("user:") {
      let own = "user:" + pseudonyms(String(key.dropFirst(5)))
      if let found = try StoredFeatures.read(own, reader: reader, at: now, options: options) { return found }
    }
    return try StoredFeatures.read(key, reader: reader, at: now, options: options)
  }

  static func write(_ answer: JSONValue, to output: Output) {
    if output.isJSON { return output.line(answer.text()) }
    output.line(
      "\(answer["key"]?.string ?? "")  version \(answer["version"]?.string ?? "-")  age \(short(answer["age_s"]?.double ?? 0)) s"
    )
    output.table(
      ["FEATURE", "VALUE"], (answer["features"]?.object ?? []).map { [$0.key, text($0.value)] })
  }

  /// Four significant decimals are enough for eyes.
  static func short(_ value: Double) -> String {
    let scaled = (value * 10_000).rounded() / 10_000
    return scaled == scaled.rounded() && abs(scaled) < 1e15 ? String(Int64(scaled)) : scaled.description
  }

  private static func text(_ value: JSONValue) -> String {
    switch value {
    case .number(let number): short(number)
    case .array(let list) where list.count > 8 && list.allSatisfy({ $0.double != nil }):
      "[" + list.prefix(6).map { text($0) }.joined(separator: " ") + " ... \(list.count) numbers]"
    case .array(let list): "[" + list.map { text($0) }.joined(separator: " ") + "]"
    case .object(let members): members.map { "\($0.key)=\(text($0.value))" }.joined(separator: " ")
    case .string(let string): string
    default: value.text()
    }
  }
}

import JSON
import Options

struct CheckStories: Verb {
  static let about = "Runs a file of stories through the whole pipeline and compares what the store then holds."
  static let notes = """
    Prints each difference with story, step, key and feature; exit 1 on any. An expected value "?" is read back and \
    not compared. --write writes the file again with every expected value replaced by what was read.
    """
  @Argument("file", "Stories, as JSON.") var file = ""
  @Option("write", "Writes the file with what was read.") var write = ""
  @Option("only", "Only the story with this id.") var only = ""

  func run(_ context: Context) throws {
    context.configureLog(atLeast: .warning)
    guard let bytes = FileSystem.read(file) else { throw Failure(ExitCode.data, FileSystem.unreadable(file)) }
    let json: JSONValue
    do { json = try JSONValue(parsing: bytes) } catch { throw Failure(ExitCode.data, "\(file): \(error)") }
    var runner = StoryRunner()
    var written: [JSONValue] = []
    let stories = json["stories"]?.array ?? json.array ?? []
    var count = 0
    for story in stories {
      guard only.isEmpty || story["id"]?.string == only else {
        written.append(story)
        continue
      }
      written.append(try Worded.errors { try runner.run(story) })
      count += 1
      Progress.show("stories", count, of: stories.count, context.output)
    }
    for difference in runner.differences {
      context.output.line(
        "\(difference.story) step \(difference.step) \(difference.key) \(difference.feature): \(difference.text)")
    }
    if !write.isEmpty {
      let whole: JSONValue =
        json.object.map { members in
          .object(members.map { $0.key == "stories" ? .init("stories", .array(written)) : $0 })
        } ?? .array(written)
      guard FileSystem.write(write, whole.serialized()) else {
        throw Failure(ExitCode.unavailable, "\(write) cannot be written")
      }
    }
    context.output.line("\(count) stories, \(runner.compared) values compared, \(runner.differences.count) differences")
    if !runner.differences.isEmpty { throw Failure(ExitCode.failed, "") }
  }
}

struct CheckStream: Verb {
  static let about = "Replays a folder of recorded rows through broker, worker and store and compares the features."
  static let notes = """
    The folder's params.json says how rows become events and which columns of which expected files must follow. \
    Prints n and the worst row of every compared column; exit 1 above tolerance, on a missing or surplus row.
    """
  @Option("data", "The folder.") var data = ""
  @Option("write", "Writes what was read in the expected files' layout into this folder.") var write = ""

  func run(_ context: Context) throws {
    context.configureLog(atLeast: .warning)
    guard FileSystem.exists(data + "/params.json") else {
      throw Failure(ExitCode.misuse, "--data needs a folder with a params.json")
    }
    let report = try Worded.errors {
      try StreamCheck(folder: StreamFolder(path: data), output: context.output).run(writeTo: write)
    }
    for line in report.lines { context.output.line(line) }
    if !report.isGood { throw Failure(ExitCode.failed, "") }
  }
}

/// How far long work has come: a live line on a terminal, nothing elsewhere but a line every ten seconds.
enum Progress {
  nonisolated(unsafe) private static var began: Int64 = 0
  nonisolated(unsafe) private static var said: Int64 = 0

  /// - Parameter output: Where answers go; progress is written to stderr.
  static func show(_ what: String, _ done: Int, of total: Int, _ output: Output) {
    let now = SystemClock().monotonicNs
    if done <= 1 || began == 0 { began = now }
    let isEnd = done >= total
    guard isEnd || now - said > (output.isTerminal ? 200_000_000 : 10_000_000_000) else { return }
    if !output.isTerminal, now - began < 10_000_000_000 { return }
    said = now
    let seconds = Double(now - began) / 1e9
    let rate = seconds > 0 ? Double(done) / seconds : 0
    let left = rate > 0 ? Double(total - done) / rate : 0
    let text = "\(what) \(done) of \(total), \(Int(rate))/s, \(Int(left)) s left"
    StandardError.write(output.isTerminal ? "\r\(text)\u{1b}[K" + (isEnd ? "\r\u{1b}[K" : "") : text + "\n")
  }
}

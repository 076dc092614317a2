import Bandits
import Options

/// `check bandits`: the disjoint learner's two forms against stored answers.
struct CheckBandits: Verb {
  static let about = "Checks the bandit learners against a folder of stored answers."
  static let readsSettings = false
  @Option("data", "Folder whose sub-folders hold sequence.csv.gz and expected.json.gz.") var data = ""
  @Option("write", "Folder for the answers of both forms, as double.csv and production.csv per sub-folder.")
  var write = ""

  func run(_ context: Context) throws {
    guard !data.isEmpty else { throw Failure(ExitCode.misuse, "check bandits needs --data DIR") }
    let check: ReferenceCheck
    do {
      check = try ReferenceCheck(data: data, write: write.isEmpty ? nil : write)
    } catch {
      throw Failure(ExitCode.data, error.description)
    }
    context.output.write(context.output.isJSON ? check.json + "\n" : check.text)
    if !check.isRight { throw Failure(ExitCode.failed, "the Double form does not meet the stored answers") }
  }
}

import Events
import Options

struct LintVerb: Verb {
  static let about = "Checks configuration, mappings and topic declarations without any service."
  @Option("dir", "Folder of topic declarations; left out where there is none.") var directory = "topics"

  func run(_ context: Context) throws {
    var problems: [String] = []
    do {
      let mappings = try context.settings.mappings()
      context.output.line("mapping: \(mappings.compiled.inputs.count) inputs, good")
    } catch { problems.append("\(error)") }
    if FileSystem.isDirectory(directory) {
      do {
        let count = try TopicDeclaration.all(in: directory).count
        context.output.line("topics: \(count) declarations, good")
      } catch { problems.append("\(error)") }
    }
    for file in context.settings.catalog.files {
      do {
        let rows = try CatalogFiles.read([file])
        context.output.line("catalog \(file): \(rows.count) rows, good")
      } catch { problems.append("\(error)") }
    }
    context.output.line("settings: good")
    guard problems.isEmpty else { throw Failure(ExitCode.settings, problems.joined(separator: "\n")) }
  }
}

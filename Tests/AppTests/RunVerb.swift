import Options

@testable import App

/// A verb as the command line would run it: what it wrote, and what it threw.
func runVerb(
  _ words: [String], _ form: OutputForm = .table, config: String? = nil, assignments: [String] = []
) throws -> (text: String, error: (any Error)?) {
  guard case .run(let invocation) = program.request(words) else {
    throw Failure(1, "\(words.joined(separator: " ")) is no verb")
  }
  let output = Output(capturing: form)
  let loaded = Settings.load(file: config, environment: [:], assignments: assignments)
  if let problem = loaded.problems.first { throw Failure(1, "\(problem)") }
  do { try invocation.run(Context(loaded: loaded, output: output, configPath: config)) } catch {
    return (output.text, error)
  }
  return (output.text, nil)
}

extension Optional where Wrapped == any Error {
  /// The exit code an error would end the program with; 0 = there is none.
  var exitCode: Int32 { self == nil ? 0 : (self as? any Exiting)?.exitCode ?? 1 }
}

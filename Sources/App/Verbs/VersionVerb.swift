import Options

struct VersionVerb: Verb {
  static let about = "Prints the version."
  static let readsSettings = false
  func run(_ context: Context) {
    context.output.line(
      context.output.isJSON ? "{\"name\":\"thalweg\",\"version\":\"\(version)\"}" : "thalweg \(version)")
  }
}

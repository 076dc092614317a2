import Options

struct CompletionVerb: Verb {
  static let about = "Prints the completion script of a shell."
  static let notes = """
    bash: source <(thalweg completion bash)
    zsh: source <(thalweg completion zsh)
    fish: thalweg completion fish | source
    """
  static let readsSettings = false
  @Argument("shell", "bash, zsh or fish.") var shell = Shell.bash
  func run(_ context: Context) { context.output.write(program.completionScript(shell)) }
}

/// Asked by the shells' scripts; its words are no command line of its own, so `Launch` answers before any parsing.
struct CompleteVerb: Verb {
  static let about = "Prints what may stand next on a command line."
  static let readsSettings = false
  @Argument("words", "The words so far.") var words: [String] = []
  func run(_ context: Context) { context.output.write(program.complete(words)) }
}

struct ManualVerb: Verb {
  static let about = "Prints the manual page: thalweg man | man -l -"
  static let readsSettings = false
  func run(_ context: Context) {
    context.output.write(
      program.manualPage(
        about: """
          Thalweg attaches to event topics, learns trust of titles and profiles of viewers from every event as it
          passes, and publishes what it learned to Redis or SQLite.
          """, settings: Settings.declared.rows))
  }
}

import Events
import Options

struct ConfigCheck: Verb {
  static let about = "Says whether settings and mappings may be used; exit 78 and one line for each mistake if not."
  func run(_ context: Context) throws {
    let inputs: [CompiledMapping.Input]
    do throws(MappingError) {
      inputs = try context.settings.mappings(environment: context.environment).compiled.inputs
    } catch { throw Failure(ExitCode.settings, error.description) }
    let changed = context.loaded.rows.filter { $0.origin != .standard }.count
    let name = context.configPath ?? "the configuration that ships"
    if context.output.isJSON {
      let topics = inputs.map { JSONText.quoted($0.topic) }.joined(separator: ",")
      context.output.line(
        "{\"ok\":true,\"changed\":\(changed),\"warnings\":\(context.loaded.warnings.count),\"topics\":[\(topics)]}")
    } else {
      let standard = context.loaded.rows.count - changed
      context.output.line("\(name): good; \(changed) settings given, \(standard) by default")
      context.output.line("topics: \(inputs.map(\.topic).joined(separator: ", "))")
    }
  }
}

struct ConfigShow: Verb {
  static let about = "Prints the settings in force and where each came from; secrets are stars."
  @Option("changed", "Only those that differ from the default.") var changed = false
  @Argument("name", "Only this setting or section.", isRequired: false) var name = ""

  func run(_ context: Context) throws {
    let rows = context.loaded.rows.filter { row in
      (name.isEmpty || row.row.path == name || row.row.path.hasPrefix(name + "."))
        && (!changed || row.text != row.row.standardText)
    }
    if rows.isEmpty && !name.isEmpty && !changed {
      let near = Spelling.nearestPath(name, in: context.loaded.rows.map(\.row.path))
      throw Failure(ExitCode.misuse, "no setting is called \(name)" + (near.map { "; did you mean \($0)?" } ?? ""))
    }
    if context.output.isJSON {
      context.output.line(LoadedSettings.json(rows))
    } else {
      context.output.table(["SETTING", "VALUE", "FROM"], rows.map { [$0.row.path, $0.text, "\($0.origin)"] })
    }
  }
}

struct ConfigSchema: Verb {
  static let about = "Prints a JSON Schema of configuration files, for editors and checks."
  static let readsSettings = false
  func run(_ context: Context) {
    context.output.write(
      Schema.text(
        title: "Settings of Thalweg", rows: Settings.declared.rows, sections: Settings.declared.sections))
  }
}

struct ConfigDocs: Verb {
  static let about = "Prints docs/CONFIG.md."
  static let readsSettings = false
  func run(_ context: Context) { context.output.write(Settings.reference()) }
}

struct ConfigSample: Verb {
  static let about = "Prints a configuration file with every setting explained, as configs/worker.yaml."
  static let readsSettings = false
  func run(_ context: Context) { context.output.write(Settings.sample()) }
}

extension Settings {
  /// The file that is committed as `configs/worker.yaml`.
  static func sample() -> String {
    Sample.yaml(
      head: """
        Settings of a worker on our own topics (docs/CONFIG.md). Made by thalweg config sample.
        What is commented out shows its default; copy this file and change what you need.
        """, rows: declared.rows, sections: declared.sections,
      live: ["state_dir", "kafka.brokers", "kafka.group", "store.kind", "redis.url", "admin.port"])
  }

  /// The page that is committed as `docs/CONFIG.md`.
  static func reference() -> String {
    Reference.markdown(
      title: "Settings", introduction: introduction, rows: declared.rows, sections: declared.sections,
      environmentPrefix: environmentPrefix)
  }

  private static let introduction = """
    <!-- Made by `thalweg config docs`; change the declarations in Sources/App/Settings instead. -->

    Settings come from four places, each stronger than the one before: the defaults below, the file given by
    `--config` (without one, `configs/worker.yaml` as it ships), the environment, and `--set name=value` on the
    command line. `thalweg config show` prints what is in force and where it came from, `thalweg config check` tells
    every mistake at once (exit 78), `thalweg config schema` prints a JSON Schema for editors.

    - In a file, `kafka.session_timeout` may stand as `kafka: {session_timeout: 10s}` or under its dotted name.
    - In the environment it is `THALWEG_KAFKA__SESSION_TIMEOUT`: two underscores between levels.
    - A list is a YAML list, or one text with commas. Maps merge key by key over the four places.
    - Durations have units (`250ms`, `30s`, `5m`, `1h`, `7d`), byte counts too (`64KiB`, `1GiB`, `10MB`).
    - Nothing in a file has a type before its option reads it: `group: no` is the text `no`.
    - `${NAME}`, `${NAME:default}` and `${file:/path}` are replaced inside values of a file; `${{text}}` stands for
      `${text}`. A secret `x` may also be given as `x_file`, the path of a file that holds it: the command line is
      visible to every user of the machine.
    - `off` or `none` switches an option off where its type says so.
    """
}

import Synchronization

/// Whether the process was asked to end, for verbs that run until then.
public final class StopRequest: Sendable {
  private let number = Atomic<Int32>(0)
  private let reloads = Atomic<Int>(0)
  public init() {}

  public var isRequested: Bool { number.load(ordering: .relaxed) != 0 }
  /// Number of the signal; 0 = none, -1 = asked from within.
  public var signal: Int32 { number.load(ordering: .relaxed) }
  /// How often SIGHUP came.
  public var reloadCount: Int { reloads.load(ordering: .relaxed) }

  public func request(_ signal: Int32 = -1) { number.store(signal, ordering: .relaxed) }
  func reload() { reloads.wrappingAdd(1, ordering: .relaxed) }
}

/// What every verb is given: settings in force, its way to answer, and whether it should end.
public final class Context {
  public let settings: Settings
  /// The settings with their origins, for `config show`, `/debug/config` and the log.
  public let loaded: LoadedSettings
  public let output: Output
  public let environment: [String: String]
  public let stop: StopRequest
  /// File given by `--config`; nil = the configuration that ships.
  public let configPath: String?

  public init(
    loaded: LoadedSettings, output: Output, environment: [String: String] = [:], stop: StopRequest = StopRequest(),
    configPath: String? = nil
  ) {
    settings = loaded.settings
    self.loaded = loaded
    self.output = output
    self.environment = environment
    self.stop = stop
    self.configPath = configPath
  }
}

import Bandits
import JSON
import Options
import Pipeline
import Ports

/// Published models as the verbs ask for them; ``PublishedModels`` is how serving reads them.
enum ModelStore {
  /// The latest snapshot of a model and the version it was published under; nil = none.
  static func read(_ name: String, _ reader: any FeatureReader) throws -> (model: PublishedModel, version: String)? {
    guard let stored = try PublishedModels.stored(name, in: reader), let snapshot = stored.snapshot else { return nil }
    do {
      return (try PublishedModel(decoding: snapshot), stored.version)
    } catch {
      throw Failure(
        ExitCode.data,
        error == .torn
          ? "the snapshot of model \(name) is damaged (its checksum does not match)"
          : "the snapshot of model \(name) was written by another version of this program")
    }
  }

  /// The named model, or the only one there is.
  static func one(_ name: String, _ reader: any FeatureReader) throws -> (model: PublishedModel, version: String) {
    let names = try Worded.errors { try PublishedModels.names(in: reader) }
    let wanted = name.isEmpty && names.count == 1 ? names[0] : name
    guard !wanted.isEmpty else {
      throw names.isEmpty
        ? Failure(ExitCode.failed, "no model is published yet")
        : Failure(ExitCode.misuse, "name one of the models: \(names.joined(separator: ", "))")
    }
    guard let found = try Worded.errors({ try read(wanted, reader) }) else {
      let known = names.isEmpty ? "no model is published yet" : "there are \(names.joined(separator: ", "))"
      throw Failure(ExitCode.failed, "model \(wanted) is not in the feature store; \(known)")
    }
    return found
  }

  /// Names of a model's slots, where its layout is the configured one or one that ships.
  static func slotNames(_ spec: ModelSpec, _ settings: Settings) -> [String] {
    for layout in [ContextLayout.media100, .w1] where layout.fingerprint == spec.fingerprint {
      return layout.slotNames(genres: settings.bandit.genres)
    }
    return (0..<spec.dimension).map { "x\($0)" }
  }
}

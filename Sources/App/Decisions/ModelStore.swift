import Bandits
import JSON
import Options
import Ports

/// Published models as the feature store holds them: `model:{name}`, field `snapshot`.
enum ModelStore {
  /// Names of all published models, sorted.
  static func names(_ reader: any FeatureReader) throws -> [String] {
    try reader.keys(prefix: "model:", limit: 1000).map { String($0.dropFirst("model:".count)) }.sorted()
  }

  /// The latest snapshot of a model and the version it was published under; nil = none.
  static func read(_ name: String, _ reader: any FeatureReader) throws -> (model: PublishedModel, version: String)? {
    guard let fields = try reader.hash("model:" + name),
      let snapshot = fields.first(where: { $0.name == "snapshot" })?.value
    else { return nil }
    let version = fields.first { $0.name == "v" }.map { String(decoding: $0.value, as: UTF8.self) } ?? ""
    do {
      return (try PublishedModel(decoding: snapshot), version)
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
    let names = try Worded.errors { try ModelStore.names(reader) }
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

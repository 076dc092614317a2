import Bandits
import Ports

/// Models as a store holds them, for who serves: a new snapshot is taken whole or not at all.
///
/// One thread calls ``refresh()``; what it returns is a value that any thread may keep.
public struct PublishedModels {
  private let reader: any FeatureReader
  /// Newest model by name, and the version it came under.
  private var held: [String: (version: String, model: PublishedModel)] = [:]
  /// Snapshots that were torn or of an unknown format: the one before them stays.
  public private(set) var refused: UInt64 = 0

  public init(_ reader: any FeatureReader) { self.reader = reader }

  /// The newest snapshot of a model; nil = none was published. Reads the store each time, decodes only what is new.
  public mutating func model(_ name: String) throws(PortError) -> PublishedModel? {
    guard let stored = try Self.stored(name, in: reader) else { return held[name]?.model }
    if let known = held[name], known.version == stored.version, !stored.version.isEmpty { return known.model }
    guard let bytes = stored.snapshot, let model = try? PublishedModel(decoding: bytes) else {
      refused += 1
      return held[name]?.model
    }
    held[name] = (stored.version, model)
    return model
  }

  /// Key `model:{name}` as it stands: the version it came under ("" = none) and field `snapshot`; nil = no such key.
  public static func stored(
    _ name: String, in reader: any FeatureReader
  ) throws(PortError) -> (version: String, snapshot: [UInt8]?)? {
    guard let fields = try reader.hash("model:" + name) else { return nil }
    func field(_ name: String) -> [UInt8]? { fields.first { $0.name == name }?.value }
    return (String(decoding: field("v") ?? [], as: UTF8.self), field("snapshot"))
  }

  /// Names of the models in a store, sorted.
  public static func names(in reader: any FeatureReader) throws(PortError) -> [String] {
    try reader.keys(prefix: "model:", limit: 1000).map { String($0.dropFirst("model:".count)) }.sorted()
  }
}

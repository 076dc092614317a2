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
    guard let fields = try reader.hash("model:\(name)") else { return held[name]?.model }
    func field(_ name: String) -> [UInt8]? { fields.first { $0.name == name }?.value }
    let version = String(decoding: field("v") ?? [], as: UTF8.self)
    if let known = held[name], known.version == version, !version.isEmpty { return known.model }
    guard let bytes = field("snapshot"), let model = try? PublishedModel(decoding: bytes) else {
      refused += 1
      return held[name]?.model
    }
    held[name] = (version, model)
    return model
  }

  /// Names of the models in the store.
  public func names() throws(PortError) -> [String] {
    try reader.keys(prefix: "model:", limit: 1000).map { String($0.dropFirst(6)) }.sorted()
  }
}

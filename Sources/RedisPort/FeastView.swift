public import Ports

/// Writes rows of one Feast feature view into batches, byte for byte as Feast's own Redis store would.
///
/// Rows are raw writes: stock clients find them under Feast's keys, without our prefix or version; the
/// fence of the batch protects them. `_ts` tells a client how old a row is.
///
/// - SeeAlso: `docs/FEATURES.md`, Feast.
public struct FeastView: Sendable {
  public let project: String
  public let name: String
  /// Names of the join keys, as the values are given to ``put(_:at:_:into:)``.
  public let joinKeys: [String]
  /// Names of the features, as their values are given.
  public let features: [String]
  /// `entity_key_serialization_version` of the store: 3, or 2 for old ones.
  public let keyVersion: Int
  private let fieldNames: [[UInt8]]
  private let timestampName: [UInt8]
  /// Places of the join keys in the order of their names.
  private let order: [Int]

  public init(project: String, name: String, joinKeys: [String], features: [String], keyVersion: Int = 3) {
    precondition(keyVersion == 2 || keyVersion == 3, "Feast keys are of version 2 or 3")
    self.project = project
    self.name = name
    self.joinKeys = joinKeys
    self.features = features
    self.keyVersion = keyVersion
    fieldNames = features.map { feature in
      var bytes: [UInt8] = []
      FeastValue.fixed(murmur3("\(name):\(feature)".utf8), into: &bytes)
      return bytes
    }
    timestampName = Array("_ts:\(name)".utf8)
    order = joinKeys.indices.sorted { Array(joinKeys[$0].utf8).lexicographicallyPrecedes(Array(joinKeys[$1].utf8)) }
  }

  /// The Redis key of an entity.
  public func key(_ entity: [FeastEntity]) -> [UInt8] {
    precondition(entity.count == joinKeys.count, "an entity has a value for every join key")
    var key: [UInt8] = []
    if keyVersion == 3 { FeastValue.fixed(UInt32(joinKeys.count), into: &key) }
    for place in order {
      FeastValue.fixed(UInt32(2), into: &key)
      if keyVersion == 3 { FeastValue.fixed(UInt32(joinKeys[place].utf8.count), into: &key) }
      key += joinKeys[place].utf8
    }
    for place in order { entity[place].encode(into: &key) }
    key += project.utf8
    return key
  }

  /// Appends the row of an entity: one value per feature, nil reads as null.
  ///
  /// - Parameter timestamp: When the row last changed, Unix ms.
  public func put(_ entity: [FeastEntity], at timestamp: Int64, _ values: [FeastValue?], into batch: inout FeatureBatch)
  {
    precondition(values.count == features.count, "a row has a value, or nil, for every feature")
    batch.begin(.putRaw, key: key(entity))
    var bytes: [UInt8] = []
    for (name, value) in zip(fieldNames, values) {
      bytes.removeAll(keepingCapacity: true)
      value?.encode(into: &bytes)
      put(name, bytes, into: &batch)
    }
    bytes.removeAll(keepingCapacity: true)
    FeastValue.encode(timestamp: timestamp, into: &bytes)
    put(timestampName, bytes, into: &batch)
  }

  private func put(_ name: [UInt8], _ value: [UInt8], into batch: inout FeatureBatch) {
    name.withUnsafeBytes { name in value.withUnsafeBytes { batch.field(name, $0) } }
  }

  /// Deletes the entity's row, with what other views of the same entity keep in it.
  public func delete(_ entity: [FeastEntity], from batch: inout FeatureBatch) {
    batch.begin(.deleteRaw, key: key(entity))
  }
}

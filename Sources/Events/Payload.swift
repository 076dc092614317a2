/// What of an event has no fixed size: a run of `[tag: u8][count: u32 LE][bytes]` fields.
///
/// Read in place, copied with its event, never interpreted between the decoder and the fold that needs it.
public enum PayloadTag: UInt8, Sendable {
  /// UTF-8 of the event id; present where order inside a stage may need it (feedback with a decision, preferences).
  case eventID = 1
  case decisionID, sessionID
  /// A search's query.
  case query
  /// Shown items, ``ShownItem/byteCount`` bytes each.
  case items
  /// The JSON object of an `events.preference` record as it came.
  case preference
  /// The voter of an availability report when it is not a viewer slot.
  case voter
  /// Policy name, model version and other members that a decision keeps, as JSON.
  case policy
  /// Feature vectors of a decision (items x d): f32 scale, then little-endian int16; after a scale of 0, float32.
  case features
}

/// One shown item of an impression or decision.
public struct ShownItem: Sendable, Equatable {
  public static let byteCount = 16
  public var title: UInt32
  /// 1-based; 0 = not shown.
  public var position: UInt16
  public var explored: Bool
  /// Set by the viewer fold: this impression is within the viewer's cap and counts for trust.
  public var counted: Bool = false
  /// NaN when unknown.
  public var propensity: Float
  public var score: Float

  public init(title: UInt32, position: UInt16, explored: Bool, propensity: Float = .nan, score: Float = .nan) {
    self.title = title
    self.position = position
    self.explored = explored
    self.propensity = propensity
    self.score = score
  }

  public init(reading bytes: UnsafeRawPointer) {
    title = bytes.loadUnaligned(as: UInt32.self)
    position = bytes.loadUnaligned(fromByteOffset: 4, as: UInt16.self)
    let bits = bytes.load(fromByteOffset: 6, as: UInt8.self)
    explored = bits & 1 != 0
    counted = bits & 2 != 0
    propensity = bytes.loadUnaligned(fromByteOffset: 8, as: Float.self)
    score = bytes.loadUnaligned(fromByteOffset: 12, as: Float.self)
  }

  public func write(to bytes: UnsafeMutableRawPointer) {
    bytes.storeBytes(of: title, as: UInt32.self)
    bytes.storeBytes(of: position, toByteOffset: 4, as: UInt16.self)
    bytes.storeBytes(of: (explored ? 1 : 0) | (counted ? 2 : 0), toByteOffset: 6, as: UInt8.self)
    bytes.storeBytes(of: 0, toByteOffset: 7, as: UInt8.self)
    bytes.storeBytes(of: propensity, toByteOffset: 8, as: Float.self)
    bytes.storeBytes(of: score, toByteOffset: 12, as: Float.self)
  }
}

/// A payload lent for reading (and for marking items as counted) while its event is folded.
public struct Payload {
  public let bytes: UnsafeMutableRawBufferPointer
  public init(_ bytes: UnsafeMutableRawBufferPointer) { self.bytes = bytes }
  public static var empty: Payload { Payload(UnsafeMutableRawBufferPointer(start: nil, count: 0)) }

  /// The bytes of the first field with this tag.
  public func field(_ tag: PayloadTag) -> UnsafeMutableRawBufferPointer? {
    var at = 0
    while at + 5 <= bytes.count {
      let count = Int(UnsafeRawPointer(bytes.baseAddress! + at + 1).loadUnaligned(as: UInt32.self))
      if bytes[at] == tag.rawValue {
        return UnsafeMutableRawBufferPointer(rebasing: bytes[(at + 5)..<(at + 5 + count)])
      }
      at += 5 + count
    }
    return nil
  }

  public func text(_ tag: PayloadTag) -> String? {
    field(tag).map { String(decoding: $0, as: UTF8.self) }
  }

  public var itemCount: Int { (field(.items)?.count ?? 0) / ShownItem.byteCount }
}

extension [UInt8] {
  /// Appends one payload field.
  public mutating func appendField(_ tag: PayloadTag, _ bytes: some Collection<UInt8>) {
    append(tag.rawValue)
    Swift.withUnsafeBytes(of: UInt32(bytes.count).littleEndian) { append(contentsOf: $0) }
    append(contentsOf: bytes)
  }
}

/// Version of everything published by one turn: lineage, epoch, turn; compares as 24 digits of text.
public struct Version: Comparable, Hashable, Sendable {
  public var lineage: UInt32
  public var epoch: UInt32
  public var turn: UInt64
  public init(lineage: UInt32, epoch: UInt32, turn: UInt64) {
    self.lineage = lineage
    self.epoch = epoch
    self.turn = turn
  }
  public static let zero = Version(lineage: 0, epoch: 0, turn: 0)
  public static func < (a: Self, b: Self) -> Bool { (a.lineage, a.epoch, a.turn) < (b.lineage, b.epoch, b.turn) }

  /// 6 + 6 + 12 decimal digits.
  public var text: String { Self.padded(UInt64(lineage), 6) + Self.padded(UInt64(epoch), 6) + Self.padded(turn, 12) }

  public init?(text: some StringProtocol) {
    guard text.utf8.count == 24, text.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }) else { return nil }
    let digits = Array(text.utf8)
    func number(_ range: Range<Int>) -> UInt64 { digits[range].reduce(0) { $0 * 10 + UInt64($1 - 48) } }
    self.init(lineage: UInt32(number(0..<6)), epoch: UInt32(number(6..<12)), turn: number(12..<24))
  }

  private static func padded(_ value: UInt64, _ width: Int) -> String {
    let digits = String(value)
    return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
  }
}

/// Writes of one flush, as a flat run of operations that every store walks without building objects.
///
/// `[op: u8][key count: u16][key][fields: u16] ([name count: u16][name][value count: u32][value])*`,
/// little endian. For a sorted set, names are members and values the score as text.
public struct FeatureBatch: Sendable {
  public enum Operation: UInt8, Sendable {
    /// Sets these fields of a hash; one without a name stands for one that it has and keeps.
    case put = 1
    /// Deletes a key.
    case delete
    /// Replaces a sorted set whole.
    case sortedSet
    /// Appends one entry to a capped stream.
    case append
    /// Sets fields of a hash in another program's layout: key and fields exactly as given, with neither the
    /// store's prefix nor a version (Feast rows).
    case putRaw
    /// Deletes a key of another program's layout.
    case deleteRaw
    /// A put that leaves out nothing, also not what the store is thought to have.
    case renew
  }
  public private(set) var bytes: [UInt8] = []
  public private(set) var count = 0
  private var fieldsAt = 0
  private var fields: UInt16 = 0
  /// Version every `put` of this batch carries (the store adds field `v` where `stampsVersion`).
  public var version: Version
  public init(version: Version) { self.version = version }

  public mutating func begin(_ operation: Operation, key: String) {
    var key = key
    key.withUTF8 { begin(operation, key: [], UnsafeRawBufferPointer($0)) }
  }

  /// Begins an operation on a key that is put together of up to three runs of bytes.
  public mutating func begin(
    _ operation: Operation, key before: [UInt8],
    _ id: UnsafeRawBufferPointer = UnsafeRawBufferPointer(start: nil, count: 0), _ after: [UInt8] = []
  ) {
    bytes.append(operation.rawValue)
    append16(before.count + id.count + after.count)
    bytes.append(contentsOf: before)
    bytes.append(contentsOf: id)
    bytes.append(contentsOf: after)
    fieldsAt = bytes.count
    append16(0)
    fields = 0
    count += 1
  }

  public mutating func field(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) {
    precondition(name.count < 65536, "a key or field name is at most 65,535 bytes")
    // One growth a field: a row has twenty, and a flush thousands of rows.
    bytes.append(addingCapacity: 6 + name.count + value.count) { out in
      out.withUnsafeMutableBufferPointer { room, count in
        let room = UnsafeMutableRawBufferPointer(room)
        room.storeBytes(of: UInt16(name.count).littleEndian, toByteOffset: 0, as: UInt16.self)
        let named = 2 + name.count
        UnsafeMutableRawBufferPointer(rebasing: room[2..<named]).copyMemory(from: name)
        room.storeBytes(of: UInt32(value.count).littleEndian, toByteOffset: named, as: UInt32.self)
        UnsafeMutableRawBufferPointer(rebasing: room[(named + 4)...]).copyMemory(from: value)
        count = named + 4 + value.count
      }
    }
    fields += 1
    bytes.withUnsafeMutableBytes {
      $0.storeBytes(of: fields.littleEndian, toByteOffset: fieldsAt, as: UInt16.self)
    }
  }

  /// A field of a row written before that stays as it is.
  public mutating func keptField() {
    let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
    field(nothing, nothing)
  }

  public mutating func field(_ name: String, _ value: UnsafeRawBufferPointer) {
    var name = name
    name.withUTF8 { field(UnsafeRawBufferPointer($0), value) }
  }

  public mutating func field(_ name: String, _ value: String) {
    var value = value
    value.withUTF8 { field(name, UnsafeRawBufferPointer($0)) }
  }

  /// Everything another batch holds, behind what this one does.
  public mutating func append(_ other: borrowing FeatureBatch) {
    bytes.append(contentsOf: other.bytes)
    count += other.count
  }

  public mutating func removeAll(version: Version) {
    bytes.removeAll(keepingCapacity: true)
    count = 0
    self.version = version
  }

  private mutating func append16(_ n: Int) {
    precondition(n < 65536, "a key or field name is at most 65,535 bytes")
    bytes.append(UInt8(truncatingIfNeeded: n))
    bytes.append(UInt8(truncatingIfNeeded: n >> 8))
  }
  /// Walks the operations in order.
  public func forEach(
    _ body: (
      Operation, _ key: UnsafeRawBufferPointer,
      _ fields: [(name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer)]
    ) -> Void
  ) {
    bytes.withUnsafeBytes { all in
      var at = 0
      var fields: [(name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer)] = []
      func read16() -> Int {
        defer { at += 2 }
        return Int(all.loadUnaligned(fromByteOffset: at, as: UInt16.self))
      }
      func read32() -> Int {
        defer { at += 4 }
        return Int(all.loadUnaligned(fromByteOffset: at, as: UInt32.self))
      }
      func take(_ n: Int) -> UnsafeRawBufferPointer {
        defer { at += n }
        return UnsafeRawBufferPointer(rebasing: all[at..<(at + n)])
      }
      while at < all.count {
        let operation = Operation(rawValue: all[at])!
        at += 1
        let key = take(read16())
        let n = read16()
        fields.removeAll(keepingCapacity: true)
        for _ in 0..<n {
          let name = take(read16())
          fields.append((name, take(read32())))
        }
        body(operation, key, fields)
      }
    }
  }
}

/// Who may write, and the newest version the store has seen, read when the worker opens it.
public struct StoreMark: Sendable, Equatable {
  public var group: String
  public var version: Version
  public init(group: String, version: Version) {
    self.group = group
    self.version = version
  }
}

/// What came of the batches handed to a store.
public struct StoreProgress: Sendable {
  /// Batches confirmed since the last call.
  public var confirmed = 0
  /// Rows of confirmed batches that the store had lost: the batch must be sent again, too.
  public var incomplete = 0
  /// The connection was lost; every unconfirmed batch must be sent again.
  public var lost = false
  /// After a reconnect: the version the store has now; everything newer must be sent again.
  public var mark: StoreMark?
  public var error: PortError?
  public init() {}
}

/// Where features are published. One thread calls it; nothing here blocks but `open`, `read` and `close`.
///
/// An older version never overwrites a newer one: a store whose mark is newer refuses the batch.
public protocol FeatureStore: AnyObject {
  /// Reads who wrote last and how far; nil = empty. Another group's mark is refused with a sentence.
  func open(group: String) throws(PortError) -> StoreMark?
  /// Takes the batch over. False = the previous one is not confirmed yet; hand it over again later.
  func submit(_ batch: borrowing FeatureBatch) -> Bool
  /// The batch that will be handed over next: a store may begin to take it in. It counts only once it is submitted.
  func prepare(_ batch: borrowing FeatureBatch)
  /// Sends and receives what it can without waiting.
  func pump() -> StoreProgress
  /// Batches handed over and not yet confirmed.
  var inFlight: Int { get }
  /// Rows leave it by themselves unless they are written again.
  var forgetsRows: Bool { get }
  func close()
}

extension FeatureStore {
  public func prepare(_ batch: borrowing FeatureBatch) {}
  public var forgetsRows: Bool { false }
}

/// Reads features back, for people and for serving.
public protocol FeatureReader: AnyObject {
  /// All fields of a hash; nil = no such key.
  func hash(_ key: String) throws(PortError) -> [(name: String, value: [UInt8])]?
  /// Members of a sorted set, highest score first.
  func top(_ key: String, count: Int) throws(PortError) -> [(member: String, score: Double)]
  /// Keys that begin with a prefix, in no order; for small stores and tests.
  func keys(prefix: String, limit: Int) throws(PortError) -> [String]
}

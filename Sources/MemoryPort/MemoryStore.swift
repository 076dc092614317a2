public import Ports

/// Features kept in memory, with the semantics every store has to show.
///
/// A batch handed over is applied and confirmed by the next ``pump()``, so a test sees the moments between.
/// What is stored lies on a ``Shelf``, which several stores may write to, as workers do to one server.
/// Deterministic, for one thread at a time.
public final class MemoryStore: FeatureStore, FeatureReader {
  /// Where the features lie; outlives the stores that write to it.
  public final class Shelf {
    public var contents = Contents()
    /// Told of every key as it is written, with the version written: what somebody who reads all the time sees.
    public var observer: (_ key: [UInt8], _ version: Version) -> Void = { _, _ in }
    public init() {}
  }

  /// Everything stored, as a value: copy it and put it back to play a replica promoted without its tail.
  public struct Contents {
    public var hashes: [[UInt8]: [(name: [UInt8], value: [UInt8])]] = [:]
    public var sets: [[UInt8]: [(member: [UInt8], score: Double)]] = [:]
    public var streams: [[UInt8]: [[(name: [UInt8], value: [UInt8])]]] = [:]
    public var mark: StoreMark?
    public init() {}
  }
  public let shelf: Shelf
  /// Batches of which every second row is gone right away, as the answer says.
  public var batchesToThin = 0
  public var contents: Contents {
    get { shelf.contents }
    set { shelf.contents = newValue }
  }
  /// False = nothing gets through, as with a server that is down.
  public var isReachable = true
  /// Newest entries a stream keeps.
  public var streamLength = 10_000
  private let faults: Faults
  private var group: String?
  private var pending: FeatureBatch?
  private var isConnected = false
  /// A mark was read once; before that nobody else's can be told from our own.
  private var hasOpened = false
  private var newest = Version.zero

  public init(shelf: Shelf = Shelf(), faults: Faults = Faults()) {
    self.shelf = shelf
    self.faults = faults
  }

  public var inFlight: Int { pending == nil ? 0 : 1 }

  public func open(group: String) throws(PortError) -> StoreMark? {
    self.group = group
    guard isReachable, faults.strike("store.open") == .proceed else {
      throw PortError(code: "store-unreachable", isRetriable: true, message: "the feature store does not answer")
    }
    if let mark = shelf.contents.mark { try Self.check(mark, group: group) }
    isConnected = true
    hasOpened = true
    newest = shelf.contents.mark?.version ?? .zero
    return shelf.contents.mark
  }

  public func submit(_ batch: borrowing FeatureBatch) -> Bool {
    guard isConnected, pending == nil else { return false }
    pending = copy batch
    return true
  }

  public func pump() -> StoreProgress {
    var progress = StoreProgress()
    guard let group else { return progress }
    guard isReachable else {
      progress.lost = isConnected
      isConnected = false
      pending = nil
      return progress
    }
    if !isConnected {
      let mark = shelf.contents.mark ?? StoreMark(group: group, version: .zero)
      progress.error = Self.refusal(mark, group: group, newest: hasOpened ? newest : mark.version)
      if progress.error == nil {
        progress.mark = mark
        newest = mark.version
        isConnected = true
        hasOpened = true
      }
      return progress
    }
    guard let batch = pending else { return progress }
    let outcome = faults.strike("store.apply")
    pending = nil
    if let mark = shelf.contents.mark, let refusal = Self.refusal(mark, group: group, newest: batch.version) {
      progress.error = refusal
      return progress
    }
    if shelf.contents.mark == nil && newest > .zero {
      progress.lost = true
      progress.mark = StoreMark(group: group, version: .zero)
      newest = .zero
      return progress
    }
    if outcome != .fail {
      apply(batch)
      shelf.contents.mark = StoreMark(group: group, version: batch.version)
      newest = batch.version
    }
    if outcome == .proceed {
      progress.confirmed = 1
      if batchesToThin > 0 { progress.incomplete = thin(batch) }
    } else {
      progress.lost = true
      isConnected = false
    }
    return progress
  }

  public func close() {
    pending = nil
    isConnected = false
  }

  /// Forgets all that was stored, as a server without persistence does at a restart.
  public func forget() { contents = Contents() }

  private static func check(_ mark: StoreMark, group: String) throws(PortError) {
    if mark.group != group { throw otherGroup(mark.group, group) }
  }

  private static func otherGroup(_ theirs: String, _ ours: String) -> PortError {
    PortError(
      code: "store-group",
      message: "the feature store belongs to group \(theirs), not \(ours): give this worker a store of its own")
  }

  private static func refusal(_ mark: StoreMark, group: String, newest: Version) -> PortError? {
    if mark.group != group { return otherGroup(mark.group, group) }
    guard mark.version > newest else { return nil }
    return PortError(
      code: "store-fenced",
      message:
        "the feature store holds version \(mark.version.text), newer than our \(newest.text): another worker writes there"
    )
  }

  private func thin(_ batch: FeatureBatch) -> Int {
    var gone = 0
    var count = 0
    batchesToThin -= 1
    batch.forEach { operation, key, _ in
      count += 1
      guard operation == .put || operation == .renew, count % 2 == 1 else { return }
      shelf.contents.hashes[Array(key)] = nil
      gone += 1
    }
    return gone
  }

  private func apply(_ batch: FeatureBatch) {
    let version = Array(batch.version.text.utf8)
    batch.bytes.withUnsafeBytes { bytes in
      var cursor = FeatureCursor(bytes)
      while cursor.next() {
        let key = Array(cursor.key)
        shelf.observer(key, batch.version)
        switch cursor.operation {
        case .put, .renew, .putRaw:
          var row = shelf.contents.hashes[key] ?? []
          for _ in 0..<cursor.fieldCount {
            let field = cursor.nextField()
            guard !field.name.isEmpty else { continue }
            Self.set(&row, Array(field.name), Array(field.value))
          }
          if cursor.operation != .putRaw { Self.set(&row, Array("v".utf8), version) }
          shelf.contents.hashes[key] = row
        case .delete, .deleteRaw:
          shelf.contents.hashes[key] = nil
          shelf.contents.sets[key] = nil
          shelf.contents.streams[key] = nil
        case .sortedSet:
          var members: [(member: [UInt8], score: Double)] = []
          for _ in 0..<cursor.fieldCount {
            let field = cursor.nextField()
            members.append((Array(field.name), Double(String(decoding: field.value, as: UTF8.self)) ?? 0))
          }
          shelf.contents.sets[key] = members.isEmpty ? nil : members
          shelf.contents.hashes[Array("meta:".utf8) + key] = [(Array("v".utf8), version)]
        case .append:
          var entry: [(name: [UInt8], value: [UInt8])] = []
          for _ in 0..<cursor.fieldCount {
            let field = cursor.nextField()
            entry.append((Array(field.name), Array(field.value)))
          }
          shelf.contents.streams[key, default: []].append(entry)
          let surplus = shelf.contents.streams[key, default: []].count - streamLength
          if surplus > 0 { shelf.contents.streams[key]?.removeFirst(surplus) }
          shelf.contents.hashes[Array("meta:".utf8) + key] = [(Array("v".utf8), version)]
        }
      }
    }
  }

  private static func set(_ row: inout [(name: [UInt8], value: [UInt8])], _ name: [UInt8], _ value: [UInt8]) {
    if let at = row.firstIndex(where: { $0.name == name }) { row[at].value = value } else { row.append((name, value)) }
  }

  public func hash(_ key: String) throws(PortError) -> [(name: String, value: [UInt8])]? {
    shelf.contents.hashes[Array(key.utf8)]?.map { (String(decoding: $0.name, as: UTF8.self), $0.value) }
  }

  public func top(_ key: String, count: Int) throws(PortError) -> [(member: String, score: Double)] {
    let members = shelf.contents.sets[Array(key.utf8)] ?? []
    let sorted = members.sorted { a, b in
      a.score == b.score ? b.member.lexicographicallyPrecedes(a.member) : a.score > b.score
    }
    return sorted.prefix(count).map { (String(decoding: $0.member, as: UTF8.self), $0.score) }
  }

  public func keys(prefix: String, limit: Int) throws(PortError) -> [String] {
    let prefix = Array(prefix.utf8)
    let all = Array(shelf.contents.hashes.keys) + Array(shelf.contents.sets.keys) + Array(shelf.contents.streams.keys)
    return all.filter { $0.starts(with: prefix) }.prefix(limit).map { String(decoding: $0, as: UTF8.self) }
  }
}

/// One record of a log, lent while it is decoded.
public struct Record {
  /// Index of its (topic, partition) in the worker's sorted table.
  public var source: UInt16
  /// Index of its topic in the mapping's list of inputs.
  public var input: Int
  public var partition: Int32
  public var offset: Int64
  /// Unix ms, -1 when the record has none.
  public var timestamp: Int64
  public var key: UnsafeRawBufferPointer?
  /// nil = tombstone.
  public var value: UnsafeRawBufferPointer?
  public var headers: any RecordHeaders

  public init(
    source: UInt16, input: Int, partition: Int32, offset: Int64, timestamp: Int64,
    key: UnsafeRawBufferPointer?, value: UnsafeRawBufferPointer?, headers: any RecordHeaders
  ) {
    self.source = source
    self.input = input
    self.partition = partition
    self.offset = offset
    self.timestamp = timestamp
    self.key = key
    self.value = value
    self.headers = headers
  }
}

/// Headers of the record at hand; read only by mappings that need them.
public protocol RecordHeaders {
  func header(_ name: String) -> [UInt8]?
  /// All of them, in order; for records that are set aside.
  var all: [(name: String, value: [UInt8])] { get }
}

extension RecordHeaders {
  public var all: [(name: String, value: [UInt8])] { [] }
}

public struct NoHeaders: RecordHeaders {
  public init() {}
  public func header(_ name: String) -> [UInt8]? { nil }
}

/// What was decoded from one record: its event where the caller wants it, further ones (lines) behind it.
public struct DecodedBatch: ~Copyable {
  /// Where the record's first event is written; a place of its own until ``begin(at:)`` gives another.
  public private(set) var first: UnsafeMutablePointer<Event>
  /// Events after the first.
  public internal(set) var further: [Event] = []
  public internal(set) var payload: [UInt8] = []
  public internal(set) var count = 0
  /// Where further events are made, and behind it the place that `first` has to begin with.
  let own: UnsafeMutablePointer<Event>

  public init() {
    own = .allocate(capacity: 2)
    own.initialize(repeating: Event(kind: .watch), count: 2)
    first = own + 1
  }

  deinit { own.deallocate() }

  /// Empties it; the next record's event goes to this place, which need not be initialised.
  @inline(__always)
  public mutating func begin(at place: UnsafeMutablePointer<Event>) {
    first = place
    removeAll()
  }

  @inline(__always)
  public mutating func removeAll() {
    guard count > 0 || !payload.isEmpty else { return }
    count = 0
    // Most records are one event without payload: emptying an empty array is a call all the same.
    if !further.isEmpty { further.removeAll(keepingCapacity: true) }
    if !payload.isEmpty { payload.removeAll(keepingCapacity: true) }
  }

  public var events: [Event] { count == 0 ? [] : [first.pointee] + further }

  /// Where the next event is made.
  @inline(__always)
  var next: UnsafeMutablePointer<Event> { count == 0 ? first : own }

  /// The event at ``next`` is whole.
  @inline(__always)
  mutating func append() {
    if count > 0 { further.append(own.pointee) }
    count += 1
  }

  /// Forgets what came since there were so many.
  mutating func truncate(events: Int, payload bytes: Int) {
    further.removeLast(max(0, further.count - max(0, events - 1)))
    count = events
    payload.removeLast(payload.count - bytes)
  }
}

/// Why a record became a dead letter.
public enum RejectReason: String, Sendable, CaseIterable {
  case badJSON = "bad_json"
  case tooLarge = "too_large"
  case missingField = "missing_field"
  case badField = "bad_field"
  case unknownSchema = "unknown_schema"
  case badEventID = "bad_event_id"
  case badUserID = "bad_user_id"
  case badContentID = "bad_content_id"
  case badPosition = "bad_position"
  case badRating = "bad_rating"
  case notFinite = "not_finite"
  case badTimestamp = "bad_timestamp"
  case tooOld = "too_old"
  case badAction = "bad_action"
  case badItems = "bad_items"
  case badDim = "bad_dim"
  case noCompletion = "no_completion"
}

/// What a decoder made of one record.
public enum DecodeOutcome: Sendable {
  /// So many events were appended to the batch.
  case events(Int)
  /// A row of a reference table (catalog, source).
  indirect case reference(ReferenceRow)
  /// No rule of the mapping matches, or the operation is not one we act on: counted, nothing else.
  case skipped(String)
  case rejected(RejectReason, field: String?)
}

/// A row of a compacted reference topic.
public enum ReferenceRow: Sendable, Equatable {
  /// nil = the title is deleted.
  case title(id: String, CatalogRow?)
  case source(id: String, SourceRow?)
}

/// What a catalog row says of a title.
public struct CatalogRow: Sendable, Equatable {
  public var title = ""
  public var contentType = ""
  public var year: Int?
  /// Lower case, distinct, in the order of the row; "science fiction" is "sci-fi".
  public var genres: [String] = []
  public var runtimeMinutes: Double?
  public var platforms: [String] = []
  public var embedding: [Float]?
  public var crossValidation: Double?
  public var fieldCompleteness: Double?
  public var isOfficial = false
  /// `last_updated`, else the row's timestamp. Unix ms.
  public var lastUpdated: Int64 = 0
  public init() {}
}

/// What a source row says of a platform.
public struct SourceRow: Sendable, Equatable {
  public var uptime: Double
  public var official: Bool?
  public var timestamp: Int64
  public init(uptime: Double, official: Bool?, timestamp: Int64) {
    self.uptime = uptime
    self.official = official
    self.timestamp = timestamp
  }
}

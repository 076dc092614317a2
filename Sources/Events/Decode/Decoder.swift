import JSON
import Kernels

/// What a decoder is told beside its mapping.
public struct DecodeOptions: Sendable {
  /// Older than this against the record's timestamp = dead letter `too_old`; nil = any age.
  public var tooOldMs: Int64?
  /// Event times before the year 2000 are `too_old`.
  public var floorAt2000 = false
  /// How far an event time may lie ahead of its record before it is pulled back to that bound.
  public var futureMs: Int64 = 300_000
  /// Length of a catalog vector; nil = that of the first one seen.
  public var embeddingDim: Int?
  /// Writes what stands for a viewer's id everywhere behind the decoder, 32 bytes; nil = the id itself.
  public var pseudonym: (@Sendable (_ id: UnsafeRawBufferPointer, _ out: UnsafeMutablePointer<UInt8>) -> Void)?
  public init() {}
}

/// Makes events of records, by a mapping compiled at start.
///
/// A record is scanned once (``Scanner``), which checks all of its JSON and leaves the members the mapping asks for
/// at their slots; then the first rule that applies reads them. Nothing is allocated for an event but growth of the
/// batch; ids get their slots only when the whole record is good.
///
/// Its methods are mutating even where they only read: lent for reading, its 385 bytes would be copied at each call.
///
/// - Complexity: about 0.1 us for a flat record of 185 bytes.
public struct Decoder: ~Copyable {
  public let mapping: CompiledMapping
  public var options: DecodeOptions
  /// Whether the catalog knows how long a title is. Asked for watches from which no completion follows otherwise;
  /// those of other titles become `no_completion`. Without it they all pass and the fold decides.
  public var knowsRuntime: ((_ title: UInt32) -> Bool)?

  let ids: Identities
  /// True: the events of a record get their slots some records later, at the latest by ``settle()``. Their places must
  /// stay where they are until then.
  public private(set) var defersSlots = false
  var pendingSlots = PendingSlots()
  let programs: UnsafeMutablePointer<Program>
  let slots: UnsafeMutablePointer<Token>
  let itemSlots: UnsafeMutablePointer<Token>
  var scratch = Scratch()
  /// Items of the record at hand, before their titles have slots.
  var items: [PendingItem] = []
  var seenPositions = [UInt64](repeating: 0, count: 16)
  var platforms = WordCache()

  // The record at hand.
  var at = Slots(tokens: UnsafeMutablePointer(bitPattern: 16).unsafelyUnwrapped)
  var input = 0
  /// The rule it is read by.
  var current = UnsafeMutablePointer<RuleProgram>(bitPattern: 16).unsafelyUnwrapped
  var partition: Int32 = 0
  var offset: Int64 = 0
  var recordTime: Int64 = -1
  var source: UInt16 = 0
  var line: UInt8 = 0
  var key: UnsafeRawBufferPointer?
  var value = UnsafeRawBufferPointer(start: nil, count: 0)
  var sawUnknown = false
  /// Its texts that become slots and payload once all of it is good.
  var eventID = UnsafeRawBufferPointer(start: nil, count: 0)
  var viewerID: UnsafeRawBufferPointer?
  var titleID: UnsafeRawBufferPointer?
  var decisionID: UnsafeRawBufferPointer?

  public init(mapping: CompiledMapping, options: DecodeOptions = DecodeOptions(), ids: Identities) {
    self.mapping = mapping
    self.options = options
    self.ids = ids
    programs = .allocate(capacity: max(1, mapping.inputs.count))
    var slotCount = 64
    var itemSlotCount = 64
    for (i, input) in mapping.inputs.enumerated() {
      (programs + i).initialize(to: Program(input))
      slotCount = max(slotCount, programs[i].slotCount)
      for rule in input.rules { itemSlotCount = max(itemSlotCount, rule.items?.table.slotCount ?? 0) }
    }
    slots = Self.tokens(slotCount)
    itemSlots = Self.tokens(itemSlotCount)
  }

  deinit {
    programs.deinitialize(count: mapping.inputs.count)
    programs.deallocate()
    (slots - 1).deallocate()
    (itemSlots - 1).deallocate()
  }

  /// Slots with one spare token before the first.
  private static func tokens(_ count: Int) -> UnsafeMutablePointer<Token> {
    let all = UnsafeMutablePointer<Token>.allocate(capacity: count + 1)
    all.initialize(repeating: Token(.absent), count: count + 1)
    return all + 1
  }

  /// Decodes one record; its events, if any, are appended to the batch.
  ///
  /// `mergeTime` and the flags `late` and `duplicate` are left to the sequencer.
  public mutating func decode(_ record: borrowing Record, into batch: inout DecodedBatch) -> DecodeOutcome {
    input = record.input
    partition = record.partition
    offset = record.offset
    recordTime = record.timestamp
    source = record.source
    key = record.key
    line = 0
    guard let bytes = record.value else { return tombstone() }
    guard bytes.count <= programs[input].maxBytes else { return .rejected(.tooLarge, field: nil) }
    scratch.reset(for: bytes.count)
    if programs[input].isJSON {
      value = bytes
      return document(whole: true, into: &batch).outcome
    }
    let events = batch.count
    let payload = batch.payload.count
    let outcome = framed(record, bytes, into: &batch)
    if case .rejected = outcome {
      batch.truncate(events: events, payload: payload)
    }
    return outcome
  }

  /// From now on slots come late (``defersSlots``); not where ids are replaced by pseudonyms.
  public mutating func deferSlots() { defersSlots = options.pseudonym == nil }

  /// Gives every event decoded so far its slots.
  public mutating func settle() { pendingSlots.settle(ids) }

  /// Scans the document at the front of `value` and makes an event of it.
  ///
  /// - Parameter whole: Nothing may follow it.
  /// - Returns: Also how many bytes it took.
  mutating func document(whole: Bool, into batch: inout DecodedBatch) -> (outcome: DecodeOutcome, byteCount: Int) {
    var scanner = Scanner(value, programs[input].table, slots)
    clearHighSlots()
    let root = programs[input].table.rootSlot
    scanner.skipBlanks()
    let opens = scanner.at < scanner.end && scanner.at.pointee == 0x7b
    guard opens, scanner.value(rootSlot: root) else { return (.rejected(.badJSON, field: nil), 0) }
    scanner.skipBlanks()
    guard !whole || scanner.at == scanner.end else { return (.rejected(.badJSON, field: nil), 0) }
    let count = value.count - (scanner.end - scanner.at)
    guard !scanner.notFinite else { return (.rejected(.notFinite, field: nil), count) }
    at = Slots(tokens: slots, present: scanner.present)
    sawUnknown = scanner.unknown
    return (interpret(into: &batch), count)
  }

  @inline(__always)
  mutating func clearHighSlots() {
    let count = programs[input].slotCount
    if count > 64 { for slot in 64..<count { slots[slot].kind = .absent } }
  }

  /// Finds the rule for the scanned record and follows it.
  @inline(__always)
  mutating func interpret(into batch: inout DecodedBatch) -> DecodeOutcome {
    do throws(DecodeFault) {
      if programs[input].schemaSlot >= 0 { try checkSchema() }
      var rule = 0
      while rule < programs[input].ruleCount {
        current = programs[input].rules + rule
        if !current.pointee.hasCondition || holds(current.pointee.when!, at) {
          return try follow(into: &batch)
        }
        rule += 1
      }
      return .skipped("no_rule")
    } catch {
      if error.reason == .missingField, programs[input].input.skipsMissing { return .skipped("missing_field") }
      return .rejected(error.reason, field: error.name)
    }
  }

  @inline(__always)
  private mutating func checkSchema() throws(DecodeFault) {
    let token = at[programs[input].schemaSlot]
    guard token.kind.rawValue > TokenKind.null.rawValue else { throw DecodeFault(.missingField, .schema) }
    let text = try self.text(token, .schema)
    guard Self.same(text, programs[input].schema) else { throw DecodeFault(.unknownSchema, .schema) }
  }

  @inline(__always)
  private mutating func follow(into batch: inout DecodedBatch) throws(DecodeFault) -> DecodeOutcome {
    let emit = current.pointee.emit
    switch emit {
    case .catalog, .source: return .reference(try reference(emit))
    case .control:
      guard let event = try erase() else { return .skipped("control_op") }
      batch.next.initialize(to: event)
      batch.append()
    default: try event(emit, into: &batch)
    }
    return .events(1)
  }

  /// A record without a value: the end of a reference row, nothing elsewhere.
  private mutating func tombstone() -> DecodeOutcome {
    guard programs[input].input.isReference else { return .skipped("tombstone") }
    let isCatalog = programs[input].rules[0].emit == .catalog
    guard let key, key.count > 0, let id = String(validating: key, as: UTF8.self) else {
      return .rejected(.missingField, field: isCatalog ? Field.contentID.name : Field.sourceID.name)
    }
    return .reference(isCatalog ? .title(id: id, nil) : .source(id: id, nil))
  }
}

/// Why a record is refused, inside the decoder.
struct DecodeFault: Error {
  var reason: RejectReason
  /// What `thalweg.field` says.
  var name: String?

  @inline(never)
  init(_ reason: RejectReason, _ field: Field) {
    self.reason = reason
    name = field.name
  }
  @inline(never)
  init(_ reason: RejectReason, name: String?) {
    self.reason = reason
    self.name = name
  }
}

/// The last words met, each with its symbol, so that a word met again makes no string.
struct WordCache {
  private var words: [(word: ShortWord, symbol: UInt16)]
  init() {
    words = Array(repeating: (ShortWord("")!, 0), count: 64)
  }

  @inline(__always)
  mutating func find(_ token: Token) -> UInt16? {
    guard let word = ShortWord(token.start, token.count) else { return nil }
    let place = WordCache.place(word)
    return words[place].word == word ? words[place].symbol : nil
  }

  @inline(never)
  mutating func add(_ token: Token, _ ids: Identities) -> UInt16 {
    let symbol = ids.symbol(String(decoding: token.bytes, as: UTF8.self).lowercased())
    if let word = ShortWord(token.start, token.count) { words[WordCache.place(word)] = (word, symbol) }
    return symbol
  }

  @inline(__always)
  private static func place(_ word: ShortWord) -> Int {
    Int(truncatingIfNeeded: ((word.low ^ word.high &* 31) &* 0x9e37_79b9_7f4a_7c15) >> 58)
  }
}

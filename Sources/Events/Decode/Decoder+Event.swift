import CKernels
import Kernels

/// The road of one event: ids and time, what its kind says, what every event may say, then slots and payload.
extension Decoder {
  @inline(__always)
  mutating func event(_ emit: Emit, into batch: inout DecodedBatch) throws(DecodeFault) {
    let event = batch.next
    event.initialize(to: current.pointee.blank)
    try readEventID(emit, &event.pointee)
    event.pointee.time = try readTime(.timestamp)
    viewerID = try id(.userID, .badUserID, required: emit != .availability)
    titleID = try id(.contentID, .badContentID, required: emit.needsTitle)
    let viewerHash = viewerID.map { xxh3($0) } ?? 0
    let titleHash = titleID.map { xxh3($0) } ?? 0
    decisionID = nil
    try checkRequired()

    let isRare = current.pointee.rareAlways || at.present & current.pointee.rare != 0
    switch emit {
    case .watch: try watch(&event.pointee)
    case .click: try feedbackTime(&event.pointee)
    case .rate: try rate(&event.pointee)
    case .interaction: try interaction(&event.pointee)
    default: try uncommon(emit, &event.pointee)
    }
    if isRare { try common(&event.pointee) }
    try readDevice(emit, &event.pointee)
    let platform = token(.platform)
    if platform.kind != .absent { try readPlatform(platform, &event.pointee) }

    try settleTime(&event.pointee)
    checkKey(emit, &event.pointee)
    if sawUnknown, programs[input].isEnvelope { event.pointee.flags.insert(.unknownFields) }
    event.pointee.recordTime = recordTime
    event.pointee.offset = offset
    event.pointee.source = source
    event.pointee.line = line
    if !defersSlots || batch.count > 0 || !postpone(event, viewerHash, titleHash) {
      if let viewerID {
        event.pointee.viewer =
          options.pseudonym == nil ? ids.viewers.slot(viewerID, hash: viewerHash) : pseudonymSlot(viewerID)
      }
      if let titleID { event.pointee.title = ids.titles.slot(titleID, hash: titleHash) }
    }
    if decisionID != nil || emit.hasPayload { writePayload(emit, &event.pointee, into: &batch) }
    batch.append()
  }

  /// Leaves the look-ups for later where the ids are short; false = they are not.
  @inline(__always)
  private mutating func postpone(
    _ event: UnsafeMutablePointer<Event>, _ viewerHash: UInt64, _ titleHash: UInt64
  ) -> Bool {
    var viewer = ShortWord.empty
    var title = ShortWord.empty
    if let viewerID {
      guard let word = ShortWord(viewerID) else { return false }
      viewer = word
    }
    if let titleID {
      guard let word = ShortWord(titleID) else { return false }
      title = word
    }
    pendingSlots.push(
      PendingSlots.Item(
        event: event, viewerHash: viewerHash, titleHash: titleHash, viewer: viewer, title: title,
        viewerCount: viewerID?.count ?? 0, titleCount: titleID?.count ?? 0), ids)
    return true
  }

  /// Control records: an erasure, or nil for what is not acted upon.
  mutating func erase() throws(DecodeFault) -> Event? {
    let op = token(.op)
    guard op.kind != .absent else { throw DecodeFault(.missingField, .op) }
    guard try text(op, .op).elementsEqual("erase".utf8) else { return nil }
    var event = Event(kind: .erase)
    try readEventID(.control, &event)
    event.time = try readTime(.timestamp)
    viewerID = try id(.userID, .badUserID, required: true)
    try checkRequired()
    try settleTime(&event)
    checkKey(.control, &event)
    if sawUnknown, programs[input].isEnvelope { event.flags.insert(.unknownFields) }
    event.recordTime = recordTime
    event.offset = offset
    event.source = source
    event.line = line
    event.viewer = options.pseudonym == nil ? ids.viewers.slot(viewerID!) : pseudonymSlot(viewerID!)
    return event
  }

  // MARK: Ids and time

  @inline(__always)
  mutating func readEventID(_ emit: Emit, _ event: inout Event) throws(DecodeFault) {
    var token = token(.eventID)
    if token.kind == .absent {
      guard emit == .decision else { throw DecodeFault(.missingField, .eventID) }
      token = place()
    } else if programs[input].isEnvelope, current.pointee.slots[Int(Field.eventID.rawValue)] >= 0,
      at[Int(current.pointee.slots[Int(Field.eventID.rawValue)])].kind.rawValue > TokenKind.null.rawValue
    {
      let text = try text(token, .eventID)
      let start = text.baseAddress!.assumingMemoryBound(to: UInt8.self)
      guard text.count > 0, text.count <= 64, ck_is_slug(start, text.count) != 0 else {
        throw DecodeFault(.badEventID, .eventID)
      }
    }
    eventID = try anyText(token, .eventID)
    guard eventID.count > 0, eventID.count <= 512 else { throw DecodeFault(.badEventID, .eventID) }
    event.idHash = xxh3(eventID)
  }

  /// Text of a string; also of a whole number where foreign topics count their ids.
  @inline(__always)
  private mutating func anyText(_ token: Token, _ field: Field) throws(DecodeFault) -> UnsafeRawBufferPointer {
    if token.kind == .string { return token.bytes }
    if token.kind == .integer, token.count > 0, !programs[input].isEnvelope { return token.bytes }
    return try text(token, field)
  }

  /// 1 to 128 characters (512 bytes on foreign topics), none of them a control character. nil = absent.
  @inline(__always)
  mutating func id(
    _ field: Field, _ reason: RejectReason, required: Bool
  ) throws(DecodeFault) -> UnsafeRawBufferPointer? {
    let token = token(field)
    if token.kind == .absent {
      guard !required else { throw DecodeFault(.missingField, field) }
      return nil
    }
    let text = try anyText(token, field)
    guard isID(text) else { throw DecodeFault(reason, field) }
    return text
  }

  @inline(__always)
  mutating func isID(_ text: UnsafeRawBufferPointer) -> Bool {
    if let word = ShortWord(text), word.isPrintable(text.count) { return true }
    return isLongID(text)
  }

  @inline(never)
  private mutating func isLongID(_ text: UnsafeRawBufferPointer) -> Bool {
    guard text.count > 0, text.count <= 512 else { return false }
    var characters = 0
    var before: UInt8 = 0
    for byte in text {
      if byte < 0x20 || byte == 0x7f || (before == 0xc2 && byte < 0xa0) { return false }
      characters += byte & 0xc0 != 0x80 ? 1 : 0
      before = byte
    }
    return characters <= 128 || !programs[input].isEnvelope
  }

  /// Unix ms of a whole number of ms or an RFC 3339 text.
  @inline(__always)
  mutating func readTime(_ field: Field) throws(DecodeFault) -> Int64 {
    let token = token(field)
    if token.kind == .integer {
      let time = Int64(bitPattern: token.bits)
      guard time > 0, time < 1 << 53 else { throw DecodeFault(.badTimestamp, field) }
      return time
    }
    if token.kind == .absent { throw DecodeFault(.missingField, field) }
    return try otherTime(token, field, .badTimestamp)
  }

  @inline(never)
  mutating func otherTime(_ given: Token, _ field: Field, _ reason: RejectReason) throws(DecodeFault) -> Int64 {
    let token = plain(given)
    let time =
      token.kind == .string
      ? TimeText.milliseconds(token.bytes, zoneRequired: programs[input].isEnvelope) : token.whole
    guard let time, time > 0, time < 1 << 53 else { throw DecodeFault(reason, field) }
    return time
  }

  /// Pulls a time back that lies too far ahead of its record; refuses what is too old.
  @inline(__always)
  mutating func settleTime(_ event: inout Event) throws(DecodeFault) {
    if recordTime >= 0 {
      if event.time - recordTime > options.futureMs {
        event.time = recordTime + options.futureMs
        event.flags.insert(.future)
      }
      if let limit = options.tooOldMs, recordTime - event.time > limit { throw DecodeFault(.tooOld, .timestamp) }
    }
    if options.floorAt2000, event.time < 946_684_800_000 { throw DecodeFault(.tooOld, .timestamp) }
  }

  @inline(__always)
  mutating func checkRequired() throws(DecodeFault) {
    let count = current.pointee.requiredCount
    if current.pointee.allPlain {
      for i in 0..<count {
        let token = at[Int(current.pointee.requiredSlots[i])]
        if token.kind.rawValue <= TokenKind.null.rawValue {
          throw DecodeFault(.missingField, name: current.pointee.required[i].name)
        }
      }
      return
    }
    try checkSteps()
  }

  @inline(never)
  private mutating func checkSteps() throws(DecodeFault) {
    for one in current.pointee.required where first(one.steps, at, ordinal: 0).kind == .absent {
      throw DecodeFault(.missingField, name: one.name)
    }
  }

  /// A key that is another than the id its topic goes by.
  @inline(__always)
  mutating func checkKey(_ emit: Emit, _ event: inout Event) {
    guard programs[input].isEnvelope, let key else { return }
    let id = current.pointee.isContentKeyed ? titleID : viewerID
    guard let id, !Self.same(id, key) else { return }
    event.flags.insert(.keyMismatch)
  }

  @inline(__always)
  static func same(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Bool {
    guard a.count == b.count else { return false }
    if let word = ShortWord(a), let other = ShortWord(b) { return word == other }
    return a.elementsEqual(b)
  }

  // MARK: Slots and payload

  /// The slot of what stands for a viewer's id.
  @inline(never)
  private mutating func pseudonymSlot(_ id: UnsafeRawBufferPointer) -> UInt32 {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 32) { out in
      options.pseudonym!(id, out.baseAddress!)
      return ids.viewers.slot(UnsafeRawBufferPointer(out))
    }
  }

  @inline(never)
  mutating func writePayload(_ emit: Emit, _ event: inout Event, into batch: inout DecodedBatch) {
    let start = batch.payload.count
    batch.payload.appendField(.eventID, eventID)
    if let decisionID {
      event.decisionHash = xxh3(decisionID)
      batch.payload.appendField(.decisionID, decisionID)
    }
    switch emit {
    case .impression, .decision:
      writeItems(into: &batch.payload)
      writePolicy(emit, into: &batch.payload)
      if emit == .decision { writeFeatures(into: &batch.payload) }
    case .search:
      let query = plain(token(.query))
      batch.payload.appendField(.query, query.bytes)
    case .preference: writePreference(into: &batch.payload)
    case .availability where event.viewer == Event.none:
      batch.payload.appendField(.voter, (event.flags.contains(.checker) ? "checker" : "user").utf8)
    default: break
    }
    event.payloadStart = UInt32(start)
    event.payloadCount = UInt32(batch.payload.count - start)
  }
}

extension Emit {
  var kind: EventKind {
    switch self {
    case .watch: .watch
    case .click: .click
    case .rate: .rate
    case .impression: .impression
    case .interaction: .interaction
    case .search: .search
    case .preference: .preference
    case .availability, .catalog, .source: .availability
    case .control: .erase
    case .decision: .decision
    }
  }

  var needsTitle: Bool {
    switch self {
    case .watch, .click, .rate, .interaction, .availability: true
    default: false
    }
  }

  var hasPayload: Bool {
    switch self {
    case .impression, .decision, .search, .preference, .availability: true
    default: false
    }
  }
}

import JSON

/// A shown item whose title has no slot yet.
struct PendingItem {
  var id: UnsafeRawBufferPointer
  var item: ShownItem
}

/// Lists: shown items, feature vectors, queries, preferences.
extension Decoder {
  static var itemCountMax: Int { 200 }

  /// Reads the list of shown items into `items`.
  mutating func readItems(_ emit: Emit) throws(DecodeFault) {
    items.removeAll(keepingCapacity: true)
    let list = token(.items)
    guard list.kind != .absent else { throw DecodeFault(.missingField, .items) }
    guard list.kind == .array, let program = current.pointee.items else {
      throw DecodeFault(.badField, .items)
    }
    for i in 0..<16 { seenPositions[i] = 0 }
    var featureCount = -1
    var scanner = Scanner(list.bytes, program.table, itemSlots)
    scanner.at += 1
    scanner.skipBlanks()
    while scanner.at < scanner.end, scanner.at.pointee != 0x5d {
      guard items.count < Self.itemCountMax else { throw DecodeFault(.badItems, .items) }
      scanner.present = 0
      if program.slotCount > 64 { for slot in 64..<program.slotCount { itemSlots[slot].kind = .absent } }
      let isObject = scanner.at.pointee == 0x7b
      guard isObject || program.rootSlot >= 0, scanner.value(rootSlot: program.rootSlot) else {
        throw DecodeFault(.badField, .items)
      }
      try readItem(emit, program, Slots(tokens: itemSlots, present: scanner.present), &featureCount)
      scanner.skipBlanks()
      if scanner.at < scanner.end, scanner.at.pointee == 0x2c { scanner.at += 1 }
      scanner.skipBlanks()
    }
    guard !items.isEmpty else { throw DecodeFault(.badItems, .items) }
  }

  private mutating func readItem(
    _ emit: Emit, _ program: ItemProgram, _ slots: Slots, _ featureCount: inout Int
  ) throws(DecodeFault) {
    func name(_ field: ItemField) -> String { "items.\(field.name)" }
    func value(_ field: ItemField) -> Token { first(program.bindings[field.rawValue], slots, ordinal: items.count + 1) }

    let id = plain(value(.contentID))
    guard id.kind != .absent else { throw DecodeFault(.missingField, name: name(.contentID)) }
    let isText = id.kind == .string || (id.kind == .integer && id.count > 0 && !programs[input].isEnvelope)
    guard isText else { throw DecodeFault(.badField, name: name(.contentID)) }
    guard isID(id.bytes) else { throw DecodeFault(.badContentID, name: name(.contentID)) }

    var item = ShownItem(title: Event.none, position: 0, explored: false)
    let position = value(.position)
    if position.kind != .absent {
      guard position.double != nil else { throw DecodeFault(.badField, name: name(.position)) }
      item.position = try self.position(position, .position)
    } else if emit == .impression {
      guard !programs[input].isEnvelope else { throw DecodeFault(.missingField, name: name(.position)) }
      item.position = UInt16(items.count + 1)
    }
    if item.position > 0 {
      let bit: UInt64 = 1 << UInt64(item.position & 63)
      guard seenPositions[Int(item.position >> 6)] & bit == 0 else { throw DecodeFault(.badItems, .items) }
      seenPositions[Int(item.position >> 6)] |= bit
    }
    let propensity = value(.propensity)
    if propensity.kind != .absent {
      guard let p = propensity.double, p > 0, p <= 1 else { throw DecodeFault(.badField, name: name(.propensity)) }
      item.propensity = Float(p)
    }
    let score = value(.score)
    if score.kind != .absent {
      guard let s = score.double else { throw DecodeFault(.badField, name: name(.score)) }
      item.score = Float(s)
    }
    let explored = value(.explored)
    if explored.kind != .absent {
      guard explored.kind == .yes || explored.kind == .no else { throw DecodeFault(.badField, name: name(.explored)) }
      item.explored = explored.kind == .yes
    }
    let features = value(.features)
    if features.kind != .absent {
      guard features.kind == .array, let numbers = Self.numbers(features.bytes) else {
        throw DecodeFault(.badField, name: name(.features))
      }
      guard numbers.count <= 256, featureCount < 0 || featureCount == numbers.count else {
        throw DecodeFault(.badDim, name: name(.features))
      }
      featureCount = numbers.count
    }
    items.append(PendingItem(id: id.bytes, item: item))
  }

  /// The numbers of an array; nil = something else stands in it.
  static func numbers(_ array: UnsafeRawBufferPointer) -> [Double]? {
    guard let value = try? JSONValue(parsing: array), case .array(let elements) = value else { return nil }
    var numbers: [Double] = []
    numbers.reserveCapacity(elements.count)
    for element in elements {
      guard let number = element.double else { return nil }
      numbers.append(number)
    }
    return numbers
  }

  /// Gives the items' titles their slots and writes them down.
  mutating func writeItems(into payload: inout [UInt8]) {
    guard !items.isEmpty else { return }
    payload.append(PayloadTag.items.rawValue)
    let count = UInt32(items.count * ShownItem.byteCount)
    withUnsafeBytes(of: count.littleEndian) { payload.append(contentsOf: $0) }
    withUnsafeTemporaryAllocation(byteCount: ShownItem.byteCount, alignment: 8) { bytes in
      for pending in items {
        var item = pending.item
        item.title = ids.titles.slot(pending.id)
        item.write(to: bytes.baseAddress!)
        payload.append(contentsOf: bytes)
      }
    }
  }

  // MARK: Decisions

  /// `x`: base64 of items x d little-endian int16 with `x_scale`, or float32 without.
  mutating func checkFeatures(_ token: Token) throws(DecodeFault) {
    let mark = scratch.used
    defer { scratch.release(to: mark) }
    let text = plain(token)
    guard text.kind == .string, let bytes = scratch.base64(text) else { throw DecodeFault(.badField, .features) }
    let scale = try number(.featureScale, 0, .greatestFiniteMagnitude)
    guard scale != 0 else { throw DecodeFault(.badField, .featureScale) }
    let row = items.count * (scale.isNaN ? 4 : 2)
    guard row > 0, bytes.count > 0, bytes.count % row == 0 else { throw DecodeFault(.badDim, .features) }
    guard scale.isNaN else { return }
    for i in stride(from: 0, to: bytes.count, by: 4) {
      let value = Float(bitPattern: bytes.loadUnaligned(fromByteOffset: i, as: UInt32.self).littleEndian)
      guard value.isFinite else { throw DecodeFault(.notFinite, .features) }
    }
  }

  mutating func writeFeatures(into payload: inout [UInt8]) {
    let text = plain(token(.features))
    guard text.kind == .string, let bytes = scratch.base64(text) else { return }
    let scale = Float(token(.featureScale).double ?? 0)
    payload.append(PayloadTag.features.rawValue)
    withUnsafeBytes(of: UInt32(bytes.count + 4).littleEndian) { payload.append(contentsOf: $0) }
    withUnsafeBytes(of: scale.bitPattern.littleEndian) { payload.append(contentsOf: $0) }
    payload.append(contentsOf: bytes)
  }

  /// Policy, model and what else a decision keeps, as one JSON object; nothing where the record says nothing.
  mutating func writePolicy(_ emit: Emit, into payload: inout [UInt8]) {
    var fields: [Field] = [.policy, .modelVersion]
    if emit == .decision { fields += [.op, .deferred, .context, .slotRows] }
    var writer = JSONWriter()
    var isEmpty = true
    writer.beginObject()
    for field in fields {
      let token = token(field)
      guard token.kind != .absent, token.kind != .bad else { continue }
      isEmpty = false
      writer.key(field.name)
      write(token, into: &writer)
    }
    writer.endObject()
    if !isEmpty { payload.appendField(.policy, writer.bytes) }
  }

  /// A value as it came.
  private mutating func write(_ token: Token, into writer: inout JSONWriter) {
    switch token.kind {
    case .string: writer.string(utf8: token.bytes)
    case .escaped: writer.raw(UnsafeRawBufferPointer(start: token.start - 1, count: token.count + 2))
    case .integer: writer.integer(token.whole!)
    case .number: writer.number(token.double!)
    case .yes, .no: writer.bool(token.kind == .yes)
    case .object, .array: writer.raw(token.bytes)
    case .absent, .null, .bad: writer.null()
    }
  }

  // MARK: Search and preference

  mutating func search(_ event: inout Event) throws(DecodeFault) {
    guard try text(.query, most: 512) != nil else { throw DecodeFault(.missingField, .query) }
    try expect(.queryReformulations, .array)
    let shownList = token(.resultsShown)
    var shown: Set<String> = []
    if shownList.kind != .absent {
      guard let ids = strings(shownList) else { throw DecodeFault(.badField, .resultsShown) }
      shown = Set(ids)
    }
    let clicked = token(.resultsClicked)
    guard clicked.kind != .absent else { return }
    guard clicked.kind == .array, let list = (try? JSONValue(parsing: clicked.bytes))?.array else {
      throw DecodeFault(.badField, .resultsClicked)
    }
    for click in list {
      guard let id = click["content_id"]?.string else { throw DecodeFault(.badField, .resultsClicked) }
      if let position = click["position"], position != .null {
        guard let place = position.double else { throw DecodeFault(.badField, .resultsClicked) }
        guard (1...1000).contains(place), place == place.rounded() else { throw DecodeFault(.badPosition, .position) }
      }
      if !shown.contains(id) { event.flags.insert(.clickedNotShown) }
    }
  }

  private mutating func strings(_ token: Token) -> [String]? {
    guard token.kind == .array, let list = (try? JSONValue(parsing: token.bytes))?.array else { return nil }
    let strings = list.compactMap(\.string)
    return strings.count == list.count ? strings : nil
  }

  mutating func preference() throws(DecodeFault) {
    _ = try text(.deviceID, most: 128)
    let scores = token(.genreScores)
    if scores.kind != .absent {
      guard scores.kind == .object, let members = (try? JSONValue(parsing: scores.bytes))?.object,
        members.allSatisfy({ (0...1).contains($0.value.double ?? -1) })
      else { throw DecodeFault(.badField, .genreScores) }
    }
    for (field, top) in [(Field.activeHours, 23.0), (.activeDays, 6)] {
      let list = token(field)
      guard list.kind != .absent else { continue }
      guard list.kind == .array, let numbers = Self.numbers(list.bytes),
        numbers.allSatisfy({ $0 >= 0 && $0 <= top && $0 == $0.rounded() })
      else { throw DecodeFault(.badField, field) }
    }
    for field in [Field.preferredPlatforms, .contentRestrictions] {
      let list = token(field)
      guard list.kind == .absent || strings(list) != nil else { throw DecodeFault(.badField, field) }
    }
    _ = try number(.averageWatch, 0, .greatestFiniteMagnitude)
  }

  /// The record's own object; on foreign topics one of the same fields by their names here.
  mutating func writePreference(into payload: inout [UInt8]) {
    if programs[input].isEnvelope { return payload.appendField(.preference, value) }
    var writer = JSONWriter()
    writer.beginObject()
    for field in Emit.preference.fields {
      let token = token(field)
      guard token.kind != .absent, token.kind != .bad else { continue }
      writer.key(field.name)
      write(token, into: &writer)
    }
    writer.endObject()
    payload.appendField(.preference, writer.bytes)
  }
}

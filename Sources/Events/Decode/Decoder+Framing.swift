/// Records that are more than one JSON object: lines, CloudEvents.
extension Decoder {
  mutating func framed(
    _ record: borrowing Record, _ bytes: UnsafeRawBufferPointer, into batch: inout DecodedBatch
  ) -> DecodeOutcome {
    if programs[input].unwraps { return unwrapped(record, bytes, into: &batch) }
    return lines(bytes, into: &batch)
  }

  // MARK: Lines

  /// One object after another; all of them are good or the record is refused. `auto` does not ask for line ends.
  private mutating func lines(_ bytes: UnsafeRawBufferPointer, into batch: inout DecodedBatch) -> DecodeOutcome {
    let needsLineEnd = programs[input].input.framing == .lines
    var rest = bytes[...]
    var count = 0
    var events = 0
    var last = DecodeOutcome.rejected(.badJSON, field: nil)
    while true {
      while let byte = rest.first, byte == 0x20 || byte == 0x09 || byte == 0x0a || byte == 0x0d { rest.removeFirst() }
      if rest.isEmpty { break }
      guard count < 256 else { return .rejected(.tooLarge, field: nil) }
      line = UInt8(count)
      value = UnsafeRawBufferPointer(rebasing: rest)
      if needsLineEnd, let end = value.firstIndex(of: 0x0a) { value = UnsafeRawBufferPointer(rebasing: value[..<end]) }
      let (outcome, byteCount) = document(whole: needsLineEnd, into: &batch)
      switch outcome {
      case .events(let some): events += some
      case .rejected: return outcome
      case .reference:
        // One row a record: a compacted topic has one key.
        guard count == 0 else { return .rejected(.badJSON, field: nil) }
      case .skipped: break
      }
      last = outcome
      count += 1
      rest = rest.dropFirst(needsLineEnd ? value.count : byteCount)
    }
    line = 0
    if case .reference = last, count > 1 { return .rejected(.badJSON, field: nil) }
    return events > 0 ? .events(events) : last
  }

  // MARK: CloudEvents

  /// Both bindings: structured when the content type says so, else attributes in headers.
  private mutating func unwrapped(
    _ record: borrowing Record, _ bytes: UnsafeRawBufferPointer, into batch: inout DecodedBatch
  ) -> DecodeOutcome {
    let type = record.headers.header("content-type") ?? []
    let name = Array("application/cloudevents".utf8)
    let isStructured = type.count >= name.count && zip(type, name).allSatisfy { $0 | 0x20 == $1 | 0x20 }
    value = bytes
    if isStructured { return structured(into: &batch) }
    var attributes = Slots(tokens: slots)
    var texts: [(slot: Int, token: Token)] = []
    for attribute in programs[input].input.attributes {
      guard let text = record.headers.header("ce_" + attribute.name) else { continue }
      guard String(validating: text, as: UTF8.self) != nil else {
        return .rejected(.badField, field: "ce_" + attribute.name)
      }
      texts.append((attribute.slot, scratch.text(text)))
    }
    var scanner = Scanner(value, programs[input].table, slots)
    clearHighSlots()
    scanner.skipBlanks()
    guard scanner.at < scanner.end, scanner.at.pointee == 0x7b,
      scanner.value(rootSlot: programs[input].table.rootSlot)
    else { return .rejected(.badJSON, field: nil) }
    scanner.skipBlanks()
    guard scanner.at == scanner.end else { return .rejected(.badJSON, field: nil) }
    guard !scanner.notFinite else { return .rejected(.notFinite, field: nil) }
    attributes.present = scanner.present
    for (slot, token) in texts { attributes.put(token, at: slot) }
    at = attributes
    sawUnknown = scanner.unknown
    return interpret(into: &batch)
  }

  private mutating func structured(into batch: inout DecodedBatch) -> DecodeOutcome {
    var scanner = Scanner(value, programs[input].structured, slots)
    clearHighSlots()
    scanner.skipBlanks()
    guard scanner.at < scanner.end, scanner.at.pointee == 0x7b, scanner.value(rootSlot: -1) else {
      return .rejected(.badJSON, field: nil)
    }
    scanner.skipBlanks()
    guard scanner.at == scanner.end else { return .rejected(.badJSON, field: nil) }
    guard !scanner.notFinite else { return .rejected(.notFinite, field: nil) }
    at = Slots(tokens: slots, present: scanner.present)
    sawUnknown = scanner.unknown
    let data = at[programs[input].dataSlot]
    if data.kind == .object {
      value = data.bytes
      return interpret(into: &batch)
    }
    let encoded = plain(at[programs[input].base64Slot])
    guard data.kind == .absent, encoded.kind != .absent else {
      return data.kind.rawValue <= TokenKind.null.rawValue
        ? .rejected(.missingField, field: "data") : .rejected(.badField, field: "data")
    }
    guard encoded.kind == .string, let inner = scratch.base64(encoded) else {
      return .rejected(.badField, field: "data_base64")
    }
    return base64(inner, into: &batch)
  }

  /// Data that came as base64: scanned like the data of a binary event, beside the attributes already read.
  private mutating func base64(_ inner: UnsafeRawBufferPointer, into batch: inout DecodedBatch) -> DecodeOutcome {
    let attributes = programs[input].input.attributes.map { ($0.slot, at[$0.slot]) }
    var scanner = Scanner(inner, programs[input].table, slots)
    clearHighSlots()
    scanner.skipBlanks()
    guard scanner.at < scanner.end, scanner.at.pointee == 0x7b,
      scanner.value(rootSlot: programs[input].table.rootSlot)
    else { return .rejected(.badJSON, field: nil) }
    scanner.skipBlanks()
    guard scanner.at == scanner.end else { return .rejected(.badJSON, field: nil) }
    guard !scanner.notFinite else { return .rejected(.notFinite, field: nil) }
    at = Slots(tokens: slots, present: scanner.present)
    for (slot, token) in attributes where token.kind != .absent { at.put(token, at: slot) }
    value = inner
    return interpret(into: &batch)
  }
}

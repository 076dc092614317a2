import Glibc
import Ports

/// Follows the replies to one ``BatchWriter`` transaction by counting items, without making objects.
///
/// Owns the bytes received and not yet whole. About 10 ns an item.
struct BatchReplies: ~Copyable {
  private enum Phase { case idle, multi, queued, exec, results, watch, markHead, group, version }

  /// What the server said of the writer key after the transaction; nil = the key is gone.
  private(set) var mark: StoreMark?
  /// The writer key was changed since it was last read: nothing was written.
  private(set) var isFenced = false
  /// The whole transaction was refused, with this sentence.
  private(set) var refusal: String?
  /// Single writes the server refused within a transaction that went through.
  private(set) var refusedWrites = 0
  private(set) var firstRefusedWrite: String?
  /// Writes of a part of a row's fields that found fields missing: the row is not what it was.
  private(set) var incomplete = 0
  /// The server said what no Redis says here.
  private(set) var isNonsense = false

  private var phase = Phase.idle
  private var commands = 0
  /// Of each command, up to the last such one: it adds no field.
  private var partial: [Bool] = []
  private var left = 0
  private var group: String?
  private let buffer: UnsafeMutableRawBufferPointer
  private var filled = 0

  init() { buffer = .allocate(byteCount: 1 << 17, alignment: 16) }
  deinit { buffer.deallocate() }

  /// True when all replies of the batch have been read.
  var isDone: Bool { phase == .idle }

  /// Begins to follow a transaction of so many commands; what has come of it already is read at once.
  ///
  /// - Parameter partial: Which commands add no field to a row that is whole; those behind its end may.
  mutating func expect(_ commands: Int, partial: [Bool] = []) {
    self.commands = commands
    self.partial = partial
    incomplete = 0
    phase = .multi
    mark = nil
    group = nil
    isFenced = false
    refusal = nil
    refusedWrites = 0
    firstRefusedWrite = nil
    received(0)
  }

  /// Bytes came that belong to no transaction followed so far.
  var hasMore: Bool { isDone && filled > 0 }

  /// Forgets the connection's bytes and what was expected of it.
  mutating func reset() {
    phase = .idle
    filled = 0
    isNonsense = false
  }

  /// Room for bytes to be received; tell ``received(_:)`` how many came.
  var room: UnsafeMutableRawBufferPointer { UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]) }

  mutating func received(_ count: Int) {
    filled += count
    var at = 0
    // What comes behind a transaction belongs to the next one.
    while at < filled, !isDone, let next = item(at) { at = next }
    if at > 0 {
      memmove(buffer.baseAddress!, buffer.baseAddress! + at, filled - at)
      filled -= at
    }
    if filled == buffer.count { isNonsense = true }
  }

  /// Reads the item that begins at an offset; where the next begins, nil = it is not whole yet.
  private mutating func item(_ start: Int) -> Int? {
    let base = buffer.baseAddress!
    guard let newline = memchr(base + start, 10, filled - start) else { return nil }
    let end = UnsafeRawPointer(newline) - UnsafeRawPointer(base)
    // A line is a type byte, something or nothing, and a carriage return before its end.
    guard end - start >= 2, buffer[end - 1] == 13 else {
      isNonsense = true
      return filled
    }
    let type = buffer[start]
    switch type {
    case UInt8(ascii: "+"), UInt8(ascii: ":"), UInt8(ascii: "-"):
      step(type, 0, start + 1, end - 1)
      return end + 1
    case UInt8(ascii: "*"):
      step(type, number(start + 1, end - 1), start + 1, end - 1)
      return end + 1
    case UInt8(ascii: "$"):
      let count = number(start + 1, end - 1)
      guard count >= 0 else {
        step(type, -1, end, end)
        return end + 1
      }
      guard filled >= end + 1 + count + 2 else { return nil }
      step(type, count, end + 1, end + 1 + count)
      return end + 1 + count + 2
    default:
      isNonsense = true
      return filled
    }
  }

  private mutating func step(_ type: UInt8, _ number: Int, _ start: Int, _ end: Int) {
    let isError = type == UInt8(ascii: "-")
    switch phase {
    case .idle: isNonsense = true
    case .multi:
      if isError { refusal = text(start, end) }
      left = commands
      phase = .queued
    case .queued:
      if isError && refusal == nil { refusal = text(start, end) }
      left -= 1
      if left == 0 { phase = .exec }
    case .exec:
      if isError {
        if refusal == nil { refusal = text(start, end) }
        phase = .watch
      } else if number < 0 {
        isFenced = true
        phase = .watch
      } else {
        isNonsense = isNonsense || number != commands
        left = commands
        phase = .results
      }
    case .results:
      if isError {
        refusedWrites += 1
        if firstRefusedWrite == nil { firstRefusedWrite = text(start, end) }
      } else if type == UInt8(ascii: ":"), isPartial(commands - left), self.number(start, end) != 0 {
        incomplete += 1
      }
      left -= 1
      if left == 0 { phase = .watch }
    case .watch:
      if isError && refusal == nil { refusal = text(start, end) }
      phase = .markHead
    case .markHead:
      if isError {
        if refusal == nil { refusal = text(start, end) }
        phase = .idle
      } else {
        isNonsense = isNonsense || number != 2
        phase = .group
      }
    case .group:
      group = number < 0 ? nil : text(start, end)
      phase = .version
    case .version:
      if let group { mark = StoreMark(group: group, version: Version(text: text(start, end)) ?? .zero) }
      phase = .idle
    }
  }

  private func isPartial(_ command: Int) -> Bool {
    command < partial.count && partial[command]
  }

  private func text(_ start: Int, _ end: Int) -> String {
    String(decoding: UnsafeRawBufferPointer(rebasing: buffer[start..<end]), as: UTF8.self)
  }

  private func number(_ start: Int, _ end: Int) -> Int {
    if buffer[start] == UInt8(ascii: "-") { return -1 }
    var number = 0
    for at in start..<max(start, end) {
      let digit = buffer[at] &- 48
      guard digit < 10, number < 1 << 40 else { return .max >> 8 }
      number = number * 10 + Int(digit)
    }
    return number
  }
}

import JSON
import Learners

/// Writes one row as JSON with members sorted by name, integers in decimal and floats as their quoted bit patterns:
/// two rows are equal exactly when their text is.
struct DumpSink: FeatureSink {
  private struct Frame {
    var name: String
    var isList: Bool
    var members: [(name: String, json: [UInt8])] = []
  }
  private var frames = [Frame(name: "", isList: false)]

  /// Runs `body` inside one object and returns its JSON.
  static func object(_ body: (inout DumpSink) -> Void) -> [UInt8] {
    var sink = DumpSink()
    body(&sink)
    return sink.json(sink.frames[0])
  }

  private mutating func put(_ name: String, _ json: [UInt8]) {
    frames[frames.count - 1].members.append((name, json))
  }
  private mutating func put(_ name: String, _ write: (inout JSONWriter) -> Void) {
    var writer = JSONWriter()
    write(&writer)
    put(name, writer.bytes)
  }

  private func json(_ frame: Frame) -> [UInt8] {
    var writer = JSONWriter()
    if frame.isList {
      writer.beginArray()
      for member in frame.members { writer.raw(member.json) }
      writer.endArray()
    } else {
      writer.beginObject()
      let sorted = frame.members.sorted { Array($0.name.utf8).lexicographicallyPrecedes(Array($1.name.utf8)) }
      for member in sorted {
        writer.key(member.name)
        writer.raw(member.json)
      }
      writer.endObject()
    }
    return writer.bytes
  }

  static func bits(_ value: Double) -> String { padded(String(value.bitPattern, radix: 16), 16) }
  static func bits(_ value: Float) -> String { padded(String(value.bitPattern, radix: 16), 8) }
  private static func padded(_ digits: String, _ width: Int) -> String {
    String(repeating: "0", count: width - digits.utf8.count) + digits
  }

  mutating func integer(_ name: String, _ value: Int64) { put(name) { $0.integer(value) } }
  mutating func number(_ name: String, _ value: Double) { put(name) { $0.string(Self.bits(value)) } }
  mutating func flag(_ name: String, _ value: Bool) { put(name) { $0.bool(value) } }
  mutating func text(_ name: String, _ value: String) { put(name) { $0.string(value) } }
  mutating func null(_ name: String) { put(name) { $0.null() } }
  mutating func vector(_ name: String, _ value: UnsafeBufferPointer<Float>) {
    put(name) { writer in
      writer.beginArray()
      for x in value { writer.string(Self.bits(x)) }
      writer.endArray()
    }
  }
  mutating func beginObject(_ name: String) { frames.append(Frame(name: name, isList: false)) }
  mutating func beginList(_ name: String) { frames.append(Frame(name: name, isList: true)) }
  mutating func end() {
    let frame = frames.removeLast()
    put(frame.name, json(frame))
  }
}

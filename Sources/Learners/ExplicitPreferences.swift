/// What viewers say of themselves: per field the event with the later (timestamp, event id) stands, whenever it
/// arrives.
///
/// Stored as `[field u8][time i64][id count u8][id][count u32][JSON]`, in order of fields. Cold path.
enum ExplicitPreferences {
  /// Fields that are kept, sorted.
  static let names = [
    "active_days", "active_hours", "avg_watch_duration_minutes", "content_restrictions", "genre_scores",
    "preferred_platforms", "survey",
  ]

  struct Field {
    var index: UInt8
    var time: Int64
    var id: [UInt8]
    var json: [UInt8]
  }

  /// Takes the fields of one record in; false where it is no JSON object.
  static func merge(
    _ object: UnsafeRawBufferPointer, time: Int64, id: UnsafeRawBufferPointer, into stored: ViewerList<UInt8>
  ) -> Bool {
    var fields = read(stored)
    var scanner = JSONFields(object)
    let isRead = scanner.eachMember { name, value in
      guard let index = names.firstIndex(of: JSONFields.text(object[name])) else { return }
      let new = Field(index: UInt8(index), time: time, id: Array(id), json: Array(object[value]))
      if let known = fields.firstIndex(where: { $0.index == new.index }) {
        let old = fields[known]
        if time > old.time || time == old.time && old.id.lexicographicallyPrecedes(new.id) { fields[known] = new }
      } else {
        fields.append(new)
      }
    }
    guard isRead else { return false }
    var bytes: [UInt8] = []
    for field in fields.sorted(by: { $0.index < $1.index }) {
      bytes.put(field.index)
      bytes.put(field.time)
      bytes.put(UInt8(clamping: field.id.count))
      bytes.append(contentsOf: field.id.prefix(255))
      bytes.put(UInt32(field.json.count))
      bytes.append(contentsOf: field.json)
    }
    stored.removeAll()
    bytes.withUnsafeBytes { stored.append(contentsOf: $0) }
    return true
  }

  static func read(_ stored: ViewerList<UInt8>) -> [Field] {
    var reader = ByteReader(UnsafeRawBufferPointer(stored.values))
    var fields: [Field] = []
    while !reader.isAtEnd {
      guard let index = try? reader.take(UInt8.self), let time = try? reader.take(Int64.self),
        let idCount = try? reader.take(UInt8.self), let id = try? reader.bytes(Int(idCount)),
        let count = try? reader.take(UInt32.self), let json = try? reader.bytes(Int(count))
      else { break }
      fields.append(Field(index: index, time: time, id: Array(id), json: Array(json)))
    }
    return fields
  }

  /// Gives the fields out as the object `explicit`.
  static func features(_ stored: ViewerList<UInt8>, into sink: inout some FeatureSink) {
    sink.beginObject("explicit")
    for field in read(stored) {
      field.json.withUnsafeBytes { emit(names[Int(field.index)], $0[...], into: &sink) }
    }
    sink.end()
  }

  private static func emit(_ name: String, _ json: Slice<UnsafeRawBufferPointer>, into sink: inout some FeatureSink) {
    let whole = UnsafeRawBufferPointer(rebasing: json)
    var scanner = JSONFields(whole)
    switch whole.first {
    case 0x7b:
      sink.beginObject(name)
      var members: [(String, Range<Int>)] = []
      _ = scanner.eachMember { members.append((JSONFields.text(whole[$0]), $1)) }
      for (key, value) in members.sorted(by: { $0.0 < $1.0 }) { emit(key, whole[value], into: &sink) }
      sink.end()
    case 0x5b:
      sink.beginList(name)
      var values: [Range<Int>] = []
      _ = scanner.eachValue { values.append($0) }
      for value in values { emit("", whole[value], into: &sink) }
      sink.end()
    case 0x22: sink.text(name, JSONFields.text(json))
    case 0x74: sink.flag(name, true)
    case 0x66: sink.flag(name, false)
    case 0x6e, nil: sink.null(name)
    default:
      let text = String(decoding: json, as: UTF8.self)
      if let integer = Int64(text) {
        sink.integer(name, integer)
      } else if let number = Double(text) {
        sink.number(name, number)
      } else {
        sink.null(name)
      }
    }
  }
}

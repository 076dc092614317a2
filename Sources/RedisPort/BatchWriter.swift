import Ports

/// Turns a batch into one Redis transaction and the questions that prepare the next one.
///
/// `MULTI`, the writes, the mark, `EXEC`, then `WATCH` of the writer key and `HMGET` of what it says: both
/// ride at the end, so their answers are there before the next `EXEC` is sent.
struct BatchWriter: ~Copyable {
  let prefix: [UInt8]
  let group: [UInt8]
  /// Seconds a hash lives after its last write; 0 = for ever.
  let ttlSeconds: Int
  let streamLength: Int
  private let writerKey: [UInt8]
  /// nil where rows leave Redis by themselves: what stands there is not known then.
  private var written: WrittenFields?
  /// Of the commands begun last, up to the last such one: it names no field that is new, unless the row is gone.
  private(set) var partial: [Bool] = []

  init(prefix: String, group: String, ttlSeconds: Int, streamLength: Int) {
    self.prefix = Array(prefix.utf8)
    self.group = Array(group.utf8)
    self.ttlSeconds = ttlSeconds
    self.streamLength = streamLength
    writerKey = Array((prefix + RedisStore.writerKey).utf8)
    written = ttlSeconds == 0 ? WrittenFields() : nil
  }

  /// What stands in Redis is not known any more.
  mutating func forget() { written?.forgetAll() }

  /// Writes `MULTI`, the writes and the mark, which change nothing before ``writeEnd(into:)``; how many commands follow
  /// `MULTI`.
  mutating func writeBeginning(of batch: borrowing FeatureBatch, into out: inout RequestBuffer) -> Int {
    let version = Array(batch.version.text.utf8)
    let bytes = batch.bytes
    var commands = 0
    partial.removeAll(keepingCapacity: true)
    out.begin(1)
    out.argument("MULTI")
    let prefix = prefix
    let group = group
    let writerKey = writerKey
    bytes.withUnsafeBytes { bytes in
      version.withUnsafeBytes { version in
        prefix.withUnsafeBytes { prefix in
          commands = write(bytes, version, prefix, &out)
          writerKey.withUnsafeBytes { key in
            group.withUnsafeBytes { group in
              out.begin(6)
              out.argument("HSET")
              out.argument(key)
              out.argument("v")
              out.argument(version)
              out.argument("group")
              out.argument(group)
            }
          }
        }
      }
    }
    return commands + 1
  }

  /// Writes `EXEC` and the questions behind it.
  func writeEnd(into out: inout RequestBuffer) {
    out.begin(1)
    out.argument("EXEC")
    writerKey.withUnsafeBytes { key in
      out.begin(2)
      out.argument("WATCH")
      out.argument(key)
      out.begin(4)
      out.argument("HMGET")
      out.argument(key)
      out.argument("group")
      out.argument("v")
    }
  }

  private mutating func write(
    _ bytes: UnsafeRawBufferPointer, _ version: UnsafeRawBufferPointer, _ prefix: UnsafeRawBufferPointer,
    _ out: inout RequestBuffer
  ) -> Int {
    let bare = UnsafeRawBufferPointer(start: nil, count: 0)
    var commands = 0
    var cursor = FeatureCursor(bytes)
    while cursor.next() {
      let key = cursor.key
      let fields = cursor.fieldCount
      switch cursor.operation {
      case .put, .renew:
        let row = written?.note(cursor) ?? nil
        if row?.isPartial == true { markPartial(commands) }
        out.begin(2 * (row?.changed.nonzeroBitCount ?? fields) + 4)
        out.argument("HSET")
        out.argument(prefix, key)
        copyFields(&cursor, fields, only: row?.changed, &out)
        out.argument("v")
        out.argument(version)
        commands += 1 + expire(prefix, key, &out)
      case .putRaw:
        guard fields > 0 else { continue }
        out.begin(2 * fields + 2)
        out.argument("HSET")
        out.argument(key)
        copyFields(&cursor, fields, &out)
        commands += 1 + expire(bare, key, &out)
      case .delete, .deleteRaw:
        if cursor.operation == .delete { written?.forget(key) }
        out.begin(2)
        out.argument("DEL")
        out.argument(cursor.operation == .delete ? prefix : bare, key)
        commands += 1
      case .sortedSet:
        out.begin(2)
        out.argument("DEL")
        out.argument(prefix, key)
        if fields > 0 {
          out.begin(2 * fields + 2)
          out.argument("ZADD")
          out.argument(prefix, key)
          for _ in 0..<fields {
            let member = cursor.nextField()
            out.argument(member.value)
            out.argument(member.name)
          }
          commands += 1
        }
        stamp(prefix, key, version, &out)
        commands += 2
      case .append:
        guard fields > 0 else { continue }
        out.begin(2 * fields + 6)
        out.argument("XADD")
        out.argument(prefix, key)
        out.argument("MAXLEN")
        out.argument("~")
        out.argument(number: streamLength)
        out.argument("*")
        copyFields(&cursor, fields, &out)
        stamp(prefix, key, version, &out)
        commands += 2
      }
    }
    return commands
  }

  @inline(__always)
  private func copyFields(
    _ cursor: inout FeatureCursor, _ count: Int, only wanted: UInt64? = nil, _ out: inout RequestBuffer
  ) {
    for number in 0..<count {
      let field = cursor.nextField()
      if let wanted, wanted >> UInt64(number) & 1 == 0 { continue }
      out.argument(field.name)
      out.argument(field.value)
    }
  }

  private mutating func markPartial(_ command: Int) {
    while partial.count < command { partial.append(false) }
    partial.append(true)
  }

  private func expire(
    _ prefix: UnsafeRawBufferPointer, _ key: UnsafeRawBufferPointer, _ out: inout RequestBuffer
  ) -> Int {
    guard ttlSeconds > 0 else { return 0 }
    out.begin(3)
    out.argument("EXPIRE")
    out.argument(prefix, key)
    out.argument(number: ttlSeconds)
    return 1
  }

  /// Notes the version of a sorted set or stream, which has no field for it, under `meta:<key>`.
  private func stamp(
    _ prefix: UnsafeRawBufferPointer, _ key: UnsafeRawBufferPointer, _ version: UnsafeRawBufferPointer,
    _ out: inout RequestBuffer
  ) {
    let name = Array(prefix) + Array("meta:".utf8)
    out.begin(4)
    out.argument("HSET")
    name.withUnsafeBytes { out.argument($0, key) }
    out.argument("v")
    out.argument(version)
  }
}

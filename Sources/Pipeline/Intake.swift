import Events
import Kernels
import Ports

/// Takes records as they arrive: decodes each at once and keeps it, small, in its partition's queue.
///
/// Owned by the road's thread. Nothing here depends on the clock or on other partitions, so reading the same
/// offsets again leaves the same entries.
final class Intake: RecordSink {
  /// A partition the worker reads. Its index is its place in the state's table, which only grows.
  struct Input {
    var partition: TopicPartition
    var topic: InputTopic
    var queue: PartitionQueue
    /// High watermark at this start: what the first catch-up has to reach.
    var target: Int64
    /// Next offset when this start began.
    var began: Int64 = 0
    /// Monotonic ns since when the broker is known to have more than was read; 0 = it is not.
    var behindSince: Int64 = 0
    var isPaused = false
    /// The newest record folded before this start, to be met again before anything is folded.
    var proof: (offset: Int64, hash: UInt64)?
  }

  let inputs = InputTable()
  let pool = ChunkPool()
  /// A reference row read and not yet in effect; rows of files stand at no source.
  struct WaitingRow {
    var row: ReferenceRow
    var source: UInt16 = .max
    var offset: Int64 = -1
  }
  var reference: [WaitingRow] = []
  /// Where reference partitions stand behind the waiting rows.
  var referenceNext: [UInt16: Int64] = [:]
  /// Dead letters of reference topics; they leave with the next turn.
  var referenceDeadLetters: [(source: UInt16, offset: Int64, letter: DeadLetter)] = []
  /// Records handed over, by source.
  private(set) var recordsTaken: UInt64 = 0
  /// Called once, before the first record is looked at.
  var onFirstRecord: (() -> Void)?
  private(set) var bytesTaken: UInt64 = 0
  private(set) var recordsRejected: UInt64 = 0
  var skipped: [String: UInt64] = [:]

  private var decoder: Decoder
  private var batch = DecodedBatch()
  private let sha256: (UnsafeRawBufferPointer) -> [UInt8]

  init(decoder: consuming Decoder, sha256: @escaping (UnsafeRawBufferPointer) -> [UInt8]) {
    self.decoder = decoder
    self.sha256 = sha256
    self.decoder.deferSlots()
  }

  /// To be called after each poll, before anything is folded: ids of the last records get their slots.
  func settle() { decoder.settle() }

  func take(_ record: Record) {
    let source = Int(record.source)
    // A record that arrives again after a resume is behind the queue's end already.
    guard record.offset >= inputs[source].queue.nextOffset else { return prove(record) }
    if recordsTaken == 0 { onFirstRecord?() }
    recordsTaken += 1
    bytesTaken += UInt64(record.value?.count ?? 0)
    let entry = inputs[source].queue.place()
    batch.begin(at: entry.newEvent)
    let outcome = decoder.decode(record, into: &batch)
    switch outcome {
    case .events(let count):
      guard count > 0 else { return hold(record, .nothing, []) }
      append(entry, record, hash: Self.hash(record))
      if count > 1 { appendFurther(record) }
    case .reference(let row):
      reference.append(WaitingRow(row: row, source: record.source, offset: record.offset))
      advanceReference(record)
    case .skipped(let why):
      skipped[why, default: 0] += 1
      if inputs[source].topic.isReference { advanceReference(record) } else { hold(record, .nothing, []) }
    case .rejected(let reason, let field):
      recordsRejected += 1
      let letter = DeadLetter(reason: reason, field: field, record: record, sha256: sha256)
      if inputs[source].topic.isReference {
        referenceDeadLetters.append((record.source, record.offset, letter))
        advanceReference(record)
      } else {
        hold(record, .deadLetter, letter.encoded)
      }
    }
  }

  /// Inputs whose last folded record has not been met again yet.
  var unproven = 0
  /// The first input found to hold another record where the last folded one stood.
  var foreign: Int?

  private func prove(_ record: Record) {
    guard let proof = inputs[Int(record.source)].proof, proof.offset == record.offset else { return }
    if Self.hash(record) != proof.hash, foreign == nil { foreign = Int(record.source) }
    inputs[Int(record.source)].proof = nil
    unproven -= 1
  }

  /// Dead letters that stand before this offset of a reference topic, taken out.
  func takeReferenceLetters(source: UInt16, upTo next: Int64) -> [(source: UInt16, offset: Int64, letter: DeadLetter)] {
    let taken = referenceDeadLetters.filter { $0.source == source && $0.offset < next }
    referenceDeadLetters.removeAll { $0.source == source && $0.offset < next }
    return taken
  }

  /// A plan carried the rows up to here: what the topic brings of them is not news.
  func supersedeReference(source: UInt16, upTo next: Int64) {
    reference.removeAll { $0.source == source && $0.offset < next }
    if let waiting = referenceNext[source], waiting <= next { referenceNext[source] = nil }
    inputs[Int(source)].queue.nextOffset = max(inputs[Int(source)].queue.nextOffset, next)
  }

  /// Takes in the record's event, which stands at its place already.
  @inline(__always)
  private func append(_ entry: UnsafeMutablePointer<Entry>, _ record: Record, hash: UInt64) {
    let source = Int(record.source)
    let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
    if Self.needsRuntime(entry.event) {
      letter(record).withUnsafeBytes {
        inputs[source].queue.commit(entry, role: .event, isFirst: true, hash: hash, payload: $0)
      }
    } else if entry.event.pointee.payloadCount == 0 {
      inputs[source].queue.commit(entry, role: .event, isFirst: true, hash: hash, payload: nothing)
    } else {
      withPayload(of: entry.event) {
        inputs[source].queue.commit(entry, role: .event, isFirst: true, hash: hash, payload: $0)
      }
    }
  }

  private func appendFurther(_ record: Record) {
    let source = Int(record.source)
    for event in batch.further {
      if withUnsafePointer(to: event, Self.needsRuntime) {
        letter(record).withUnsafeBytes {
          inputs[source].queue.append(event, role: .event, isFirst: false, hash: 0, payload: $0)
        }
      } else {
        withUnsafePointer(to: event) { event in
          withPayload(of: event) {
            inputs[source].queue.append(event.pointee, role: .event, isFirst: false, hash: 0, payload: $0)
          }
        }
      }
    }
  }

  /// Whether a completion follows is known when its turn folds; until then it may still be a dead letter.
  private func letter(_ record: Record) -> [UInt8] {
    DeadLetter(reason: .noCompletion, field: nil, record: record, sha256: sha256).encoded
  }

  private func withPayload(of event: UnsafePointer<Event>, _ body: (UnsafeRawBufferPointer) -> Void) {
    batch.payload.withUnsafeBytes { all in
      let start = Int(event.pointee.payloadStart)
      body(UnsafeRawBufferPointer(rebasing: all[start..<(start + Int(event.pointee.payloadCount))]))
    }
  }

  /// A watch with a duration and nothing else that a completion could follow from.
  static func needsRuntime(_ event: UnsafePointer<Event>) -> Bool {
    event.pointee.kind == .watch && !event.pointee.duration.isNaN && event.pointee.total.isNaN
      && event.pointee.rate.isNaN && !event.pointee.flags.contains(.completedSet)
      && !event.pointee.flags.contains(.progress)
  }

  private func advanceReference(_ record: Record) {
    referenceNext[record.source] = record.offset + 1
    inputs[Int(record.source)].queue.nextOffset = record.offset + 1
  }

  /// A record that is no event still holds its place: its range must read the same on replay.
  private func hold(_ record: Record, _ role: EntryRole, _ payload: [UInt8]) {
    var event = Event(kind: .watch)
    event.offset = record.offset
    event.source = record.source
    event.recordTime = record.timestamp
    let hash = Self.hash(record)
    payload.withUnsafeBytes {
      inputs[Int(record.source)].queue.append(event, role: role, isFirst: true, hash: hash, payload: $0)
    }
  }

  /// What a plan remembers of a record.
  private static func hash(_ record: Record) -> UInt64 {
    let place = UInt64(bitPattern: record.offset) &* 0x9e37_79b9_7f4a_7c15 ^ UInt64(bitPattern: record.timestamp)
    let value = record.value.map { xxh3($0, seed: place) } ?? place
    return record.key.map { value &+ xxh3($0) } ?? value
  }

  /// Bytes of decoded records waiting for their turn.
  var heldBytes: Int { pool.chunksInUse * Chunk.byteCount }
}

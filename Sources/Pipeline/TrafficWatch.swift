import Learners
import Telemetry

/// Looks every ten seconds at what the topics bring and says, once an hour a kind, what somebody should look at:
/// copies, clocks that are off, records that are no events. Changes nothing.
struct TrafficWatch {
  private static let periodNs: Int64 = 10_000_000_000
  private static let firstNs: Int64 = 2_000_000_000
  private static let silenceNs: Int64 = 3_600_000_000_000
  /// Fewer records in a period say nothing about a share.
  private static let least: UInt64 = 100
  /// A record further ahead of this machine's clock than that means that one of the two is wrong.
  private static let clockToleranceMs: Int64 = 300_000

  private enum Kind: Hashable { case copies, ahead, garbage, clock }
  private var nextNs: Int64
  private var quietUntil: [Kind: Int64] = [:]
  private var records: UInt64 = 0
  private var letters: UInt64 = 0
  private var duplicates: UInt64 = 0
  private var ahead: UInt64 = 0

  /// Counts from what a state brings along.
  init(now: Int64, since totals: Tally) {
    nextNs = now + Self.firstNs
    duplicates = totals[.duplicate]
    ahead = totals[.futureTimestamp]
  }

  mutating func look(_ worker: Worker) {
    let now = worker.clock.monotonicNs
    guard now >= nextNs else { return }
    nextNs = now + Self.periodNs
    let totals = worker.road.totals
    let records = worker.intake.recordsTaken - self.records
    let letters = worker.intake.recordsRejected - self.letters
    let duplicates = totals[.duplicate] - self.duplicates
    let ahead = totals[.futureTimestamp] - self.ahead
    self.records += records
    self.letters += letters
    self.duplicates += duplicates
    self.ahead += ahead
    if records >= Self.least, letters * 20 > records, mayTell(.garbage, now) {
      Log.shared.warning(
        "many records are no events; they are set aside as dead letters",
        mend: "thalweg dead-letters tail shows them; mend the producer or the mapping",
        ["dead_letters": .integer(Int(letters)), "records": .integer(Int(records))])
    }
    if records >= Self.least, duplicates * 10 > records, mayTell(.copies, now) {
      Log.shared.warning(
        "many events arrive more than once; each counts once",
        mend: "look for producers that retry without enable.idempotence, and for a topic that is mirrored twice",
        ["copies": .integer(Int(duplicates)), "records": .integer(Int(records))])
    }
    if ahead > 0, mayTell(.ahead, now) {
      Log.shared.warning(
        "events carry times ahead of their records; they are clamped",
        mend: "look at the clocks of the producers", ["events": .integer(Int(ahead))])
    }
    let lead = worker.publisher.foldedRecordTime - worker.clock.wallMs
    if lead > Self.clockToleranceMs, mayTell(.clock, now) {
      Log.shared.warning(
        "records carry times ahead of this machine's clock",
        mend: "look at the clocks here, of the brokers and of the producers",
        ["ahead_s": .integer(Int(lead / 1000))])
    }
  }

  private mutating func mayTell(_ kind: Kind, _ now: Int64) -> Bool {
    guard now >= quietUntil[kind] ?? .min else { return false }
    quietUntil[kind] = now + Self.silenceNs
    return true
  }
}

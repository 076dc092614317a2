/// Stops a worker from draining a topic into the dead letters: opens once more than a share of what 10 s brought was
/// no event, and stays open until the next start.
///
/// Looks only at what was read, before anything of it is planned: nothing of the bad stretch folds.
struct DeadLetterBreaker {
  /// Fewer records say nothing.
  static let least: UInt64 = 100
  private static let windowNs: Int64 = 10_000_000_000
  /// nil = never opens.
  let share: Double?
  private(set) var isOpen = false
  private var windowNs: Int64 = 0
  private var records: UInt64 = 0
  private var letters: UInt64 = 0

  init(share: Double?) { self.share = share }

  /// - Parameters:
  ///   - records: All that were ever taken.
  ///   - letters: All of them that were ever refused.
  /// - Returns: Words for the log where it opens now, else nil.
  mutating func look(records: UInt64, letters: UInt64, nowNs: Int64) -> String? {
    guard let share, !isOpen else { return nil }
    let taken = records - self.records
    let refused = letters - self.letters
    if taken >= Self.least, Double(refused) > share * Double(taken) {
      isOpen = true
      return "\(refused) of the last \(taken) records are no events, more than limits.dead_letter_share allows"
    }
    if nowNs - windowNs >= Self.windowNs {
      windowNs = nowNs
      self.records = records
      self.letters = letters
    }
    return nil
  }
}

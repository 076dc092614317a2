/// What becomes of one step of a memory adapter.
public enum Outcome: Sendable, Equatable {
  case proceed
  /// The step does nothing and says so.
  case fail
  /// The step is done and yet reported as failed: an answer that got lost on its way.
  case failAfter
}

/// Numbers the steps of all memory adapters that share it and decides what becomes of each.
///
/// A crash-point search runs once to count the steps, then once per step with a decision there.
/// Deterministic, for one thread at a time.
public final class Faults: @unchecked Sendable {
  /// Steps so far; the first has number 1.
  public private(set) var steps = 0
  /// Names of the steps so far, while ``keepsTrace``.
  public private(set) var trace: [String] = []
  public var keepsTrace = false
  /// Asked before every step.
  public var decide: (_ step: Int, _ name: String) -> Outcome = { _, _ in .proceed }

  public init() {}

  /// Every step with this number, counted from 1, fails; all others proceed.
  public static func failing(at number: Int, _ outcome: Outcome = .fail) -> Faults {
    let faults = Faults()
    faults.decide = { step, _ in step == number ? outcome : .proceed }
    return faults
  }

  public func strike(_ name: String) -> Outcome {
    steps += 1
    if keepsTrace { trace.append(name) }
    return decide(steps, name)
  }
}

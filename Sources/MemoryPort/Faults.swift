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

  /// The process dies at this step: it is done or not, and none after it is.
  public static func dying(at number: Int, after: Bool) -> Faults {
    let faults = Faults()
    faults.decide = { step, _ in step < number ? .proceed : step == number && after ? .failAfter : .fail }
    faults.death = number
    return faults
  }
  private var death = Int.max
  /// The step at which the process dies has been reached.
  public var isDead: Bool { steps >= death }
  /// The next process lives.
  public func revive() { death = .max }

  public func strike(_ name: String) -> Outcome {
    steps += 1
    if keepsTrace { trace.append(name) }
    return decide(steps, name)
  }
}

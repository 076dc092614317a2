/// The relative rule of the seeds (F1): the current mean against the baseline's.
public enum DriftRule {
  public enum Kind: String, Sendable {
    case relative
    /// The baseline is 0 and the current value is not.
    case undefinedBaseline = "undefined_baseline"
  }

  public enum Direction: String, Sendable { case degradation, improvement }

  public struct Verdict: Sendable, Equatable {
    public var kind = Kind.relative
    /// |current - baseline| / |baseline|.
    public var relative = 0.0
    /// The same with its sign.
    public var signed = 0.0
    public var fires = false
    /// Where it fires; nil if not.
    public var direction: Direction?
  }

  /// - Parameters:
  ///   - standardError: Of the difference; the deviation must pass `sigmas` of them too. 0 = no noise guard.
  public static func judge(
    current: Double, baseline: Double, threshold: Double, higherIsBetter: Bool = true, sigmas: Double = 0,
    standardError: Double = 0
  ) -> Verdict {
    var verdict = Verdict()
    let change = current - baseline
    if baseline == 0 {
      guard current != 0 else { return verdict }
      verdict.kind = .undefinedBaseline
    }
    verdict.signed = change / max(abs(baseline), 1e-9)
    verdict.relative = abs(verdict.signed)
    // A value that is the threshold in exact arithmetic does not fire for a last bit.
    let exceeds = verdict.relative > threshold * (1 + 4 * Double.ulpOfOne)
    verdict.fires = (exceeds || verdict.kind == .undefinedBaseline) && abs(change) > sigmas * standardError
    if verdict.fires { verdict.direction = (current < baseline) == higherIsBetter ? .degradation : .improvement }
    return verdict
  }
}

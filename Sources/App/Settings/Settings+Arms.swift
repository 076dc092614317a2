import Bandits
import Pipeline

extension Settings {
  /// What arms that learn from every event are told; nil = none do.
  func armOptions() -> ArmOptions? {
    guard bandit.enabled, bandit.learnFrom == .events, folds.contains(.arms),
      let layout = ContextLayout(parsing: bandit.layout)
    else { return nil }
    var options = ArmOptions()
    options.layout = layout
    options.lambda = bandit.lambda
    options.most = arms.max
    return options
  }

  /// Why `bandit.layout` cannot serve arms that learn from events; nil = it can.
  func armLayoutProblem() -> String? {
    guard let layout = ContextLayout(parsing: bandit.layout) else { return ContextLayout.fault(in: bandit.layout) }
    if let block = ArmOptions.refusedBlock(layout) {
      return
        "\(block) is not known when an event is folded; write w1, or a list of bias, profile[A..<B], content[A..<B], screen, daypart, previous_reward"
    }
    guard layout.dimension <= ArmOptions.mostSlots else {
      return "\(layout.dimension) slots are too many; at most \(ArmOptions.mostSlots)"
    }
    return nil
  }
}

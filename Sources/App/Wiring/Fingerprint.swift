import Events
import Kernels
import Options

/// A number that changes when the same log would fold to other bytes: everything the folds are told.
enum Fingerprint {
  static func of(_ settings: Settings, mapping: CompiledMapping) -> UInt64 {
    var text = String(describing: LearnSettings.options(settings))
    text += "|\(settings.trust.sweepAt.minuteOfDay)|\(settings.dedup.window)|\(settings.dedup.maxBytes.bytes)"
    text += "|\(String(describing: settings.tooOld))|\(settings.limits.clampAhead)|\(settings.limits.refuseBefore2000)"
    text += "|\(settings.mappingNames)|\(String(describing: settings.inputs.node))"
    return text.withUTF8 { xxh3(UnsafeRawBufferPointer($0)) }
  }
}

import CTLS
import Events
import JSON
import KafkaPort
import Learners
import Options
import Pipeline
import Ports
import RedisPort
import SQLitePort

/// Settings become the parts of a worker.
struct WorkerParts {
  let settings: Settings
  let mapping: CompiledMapping
  let options: WorkerOptions
  let decode: DecodeOptions

  init(loaded: LoadedSettings) throws {
    settings = loaded.settings
    let mappings = try settings.mappings()
    mapping = mappings.compiled
    decode = Self.decodeOptions(settings)
    var options = Self.workerOptions(settings, mapping)
    options.fingerprint = loaded.fingerprint(mappings.texts)
    self.options = options
  }

  func decoder(_ ids: Identities) -> Decoder { Decoder(mapping: mapping, options: decode, ids: ids) }

  /// A worker over the given ports.
  func worker(
    source: any EventSource, store: any FeatureStore, outlet: any RecordOutlet, state: any StateStore,
    plans: any PlanLog, clock: any WorkerClock, onOneThread: Bool = false
  ) -> Worker {
    let ids = Identities(viewers: options.expectedViewers, titles: options.expectedTitles)
    return Worker(
      options: options, decoder: decoder(ids), ids: ids, source: source, store: store, outlet: outlet, state: state,
      plans: plans, clock: clock, onOneThread: onOneThread)
  }

  private static func decodeOptions(_ settings: Settings) -> DecodeOptions {
    var options = DecodeOptions()
    options.tooOldMs = settings.tooOld.map(\.wholeMilliseconds)
    options.floorAt2000 = settings.limits.refuseBefore2000
    options.futureMs = settings.limits.clampAhead.wholeMilliseconds
    options.embeddingDim = settings.embedding.dim > 0 ? settings.embedding.dim : nil
    if let pseudonyms = settings.pseudonyms() { options.pseudonym = { pseudonyms.write($0, to: $1) } }
    return options
  }

  private static func workerOptions(_ settings: Settings, _ mapping: CompiledMapping) -> WorkerOptions {
    var options = WorkerOptions()
    options.group = settings.kafka.group
    options.inputs = mapping.inputs.enumerated().map {
      InputTopic(name: $1.topic, input: $0, isReference: $1.isReference)
    }
    switch settings.from {
    case .earliest: options.startAt = .earliest
    case .latest: options.startAt = .latest
    case .timestamp(let time): options.startAt = .timestamp(time)
    case .last(let past): options.startAt = .timestamp(SystemClock().wallMs - past.wholeMilliseconds)
    }
    options.untilCaughtUp = settings.until == .caughtUp
    options.alignMaxWaitMs = Int(settings.align.maxWait.wholeMilliseconds)
    options.alignMaxBytes = settings.align.maxBytes.bytes
    options.checkpointIntervalMs = Int(settings.checkpoint.interval.wholeMilliseconds)
    options.planKeepMs = settings.plan.keep.wholeMilliseconds
    options.planMaxBytes = settings.plan.maxBytes.bytes
    options.dedupWindowMs = settings.dedup.window.wholeMilliseconds
    options.dedupMaxBytes = settings.dedup.maxBytes.bytes
    options.publishMaxDelayMs = Int(settings.publish.maxDelay.wholeMilliseconds)
    options.sweepMinute = settings.trust.sweepAt.minutes
    options.deadLetterTopic = settings.kafka.deadLetterTopic
    options.alertsTopic = settings.kafka.alertsTopic
    options.acceptGap = settings.acceptGap
    options.learn = settings.learnOptions()
    options.decisions = settings.decisionOptions()
    options.arms = settings.armOptions()
    options.shards = settings.shards.count(hasArms: options.arms != nil)
    options.turnLimit *= options.shards
    options.publish = publishForm(settings)
    options.foreignRows = settings.feast.enabled ? FeastRows(project: settings.feast.project) : nil
    options.deadLetterShare = settings.limits.deadLetterShare
    options.sha256 = { Digest.sha256($0) }
    return options
  }

  private static func publishForm(_ settings: Settings) -> PublishForm {
    var form = PublishForm()
    form.views = settings.publish.views.map { view in
      let parts = view.key.split(separator: "{id}", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      let part: PublishForm.Part =
        switch view.row {
        case .viewerVector: .viewerVector
        case .titleTrust: .titleTrust
        case .titleArm: .titleArm
        case .titleArmUpdates: .titleArmUpdates
        }
      return PublishForm.View(part: part, before: parts[0], after: parts.count > 1 ? parts[1] : "", field: view.field)
    }
    return form
  }
}

/// SHA-256 by OpenSSL.
enum Digest {
  static func sha256(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: 32)
    _ = SHA256(bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count, &digest)
    return digest
  }
}

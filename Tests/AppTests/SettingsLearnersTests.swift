import Learners
import Options
import Testing

@testable import App

private func load(_ yaml: String) throws -> LoadedSettings {
  let loaded = Settings.load(tree: try YAML.parse(yaml, name: "x.yaml"))
  #expect(loaded.problems == [])
  return loaded
}

@Suite struct SettingsLearnersTests {
  @Test func `default settings are the folds' own defaults`() {
    var expected = LearnOptions()
    expected.folds.remove(.arms)
    #expect("\(Settings().learnOptions())" == "\(expected)")
  }

  @Test func `names of folds are those of the learners`() {
    #expect(FoldName.allCases.map(\.rawValue).sorted() == Folds.names.map(\.0).sorted())
    #expect(TrustPresetName.allCases.allSatisfy { TrustPreset.named($0.rawValue) != nil })
    #expect(RewardMapName.allCases.allSatisfy { $0 == .table || RewardTable.named($0.rawValue) != nil })
  }

  @Test func `a table written down equals the one built in`() throws {
    let yaml = "rewards: {map: table, values: {click: 0.3}, rate: share, completion: all}"
    #expect(try load(yaml).settings.learnOptions().rewards == RewardTable.w1)
  }

  @Test func `switches change a preset`() throws {
    let trust = try load("trust: {preset: seed, caps: on, replacement: on, gate: on}").settings.learnOptions().trust
    let v2 = TrustPreset.v2
    #expect(trust.clickCap == v2.clickCap && trust.replacesRatings && trust.gate == v2.gate)
    #expect(trust.clampsClicks == TrustPreset.seed.clampsClicks)
    let off = try load("trust: {caps: off, replacement: off, gate: off}").settings.learnOptions().trust
    #expect(!off.isCapped && !off.replacesRatings && off.gate == 0)
  }

  @Test func `the fingerprint tells what the folds compute and nothing else`() throws {
    let plain = try load("").fingerprint()
    for other in ["trust: {preset: seed}", "folds: [trust]", "drift: {sigmas: 2}", "too_old: 1d", "privacy: {key: k}"] {
      #expect(try load(other).fingerprint() != plain, "\(other)")
    }
    for same in ["kafka: {group: g}", "shards: 4", "state_dir: x", "checkpoint: {interval: 9s}", "log: {level: debug}"]
    {
      #expect(try load(same).fingerprint() == plain, "\(same)")
    }
    #expect(try load("privacy: {key: k}").fingerprint() != load("privacy: {key: l}").fingerprint())
    #expect(try load("").fingerprint(["mapping"]) != plain)
  }

  @Test func `addresses and properties reach the adapters`() throws {
    let settings = try load(
      """
      kafka: {brokers: [a:1, b:2], session_timeout: 7s, options: {security.protocol: SSL}}
      redis: {url: "rediss://u:p@h:7/2", password: q}
      """
    ).settings
    let kafka = settings.kafkaConfig(instanceID: "i")
    #expect(kafka.brokers == "a:1,b:2" && kafka.sessionTimeoutMs == 7000)
    #expect(kafka.options["security.protocol"] == "SSL")
    let redis = try settings.redisAddress()
    #expect(redis.user == "u" && redis.password == "q" && redis.usesTLS && redis.port == 7 && redis.database == 2)
  }
}

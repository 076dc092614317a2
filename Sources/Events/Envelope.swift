import JSON

/// Our own envelope as the mapping that ships: the topics of the event contract, in the language of any mapping.
///
/// `envelope: true` holds ids, members and keys to the rules of the contract; `schema` is the version read.
public enum Envelope {
  /// Names of the input topics, in the order of the mapping.
  public static let topics = mapping.inputs.map(\.topic)

  public static let mapping: CompiledMapping = {
    do {
      return try CompiledMapping(MappingTree(JSONValue(parsing: text)), file: "envelope")
    } catch {
      preconditionFailure("the envelope's mapping compiles: \(error)")
    }
  }()

  /// JSON is YAML, so this is also what a configuration may say under `inputs:`.
  public static let text = """
    [
      {"topic": "events.watch", "envelope": true, "schema": "watch/1", "emit": "watch"},
      {"topic": "events.click", "envelope": true, "schema": "click/1", "emit": "click"},
      {"topic": "events.rate", "envelope": true, "schema": "rate/1", "emit": "rate"},
      {"topic": "events.impression", "envelope": true, "schema": "impression/1", "emit": "impression"},
      {"topic": "events.interaction", "envelope": true, "schema": "interaction/1", "emit": "interaction"},
      {"topic": "events.search", "envelope": true, "schema": "search/1", "emit": "search"},
      {"topic": "events.preference", "envelope": true, "schema": "preference/1", "emit": "preference"},
      {"topic": "events.availability", "envelope": true, "schema": "availability/1", "emit": "availability"},
      {"topic": "content.catalog", "envelope": true, "schema": "catalog/1", "emit": "catalog", "max_bytes": 1048576},
      {"topic": "content.source", "envelope": true, "schema": "source/1", "emit": "source"},
      {"topic": "control", "envelope": true, "schema": "control/1", "emit": "control"},
      {"topic": "decisions", "envelope": true, "schema": "decision/1", "emit": "decision", "max_bytes": 1048576},
      {
        "topic": "user-interactions", "envelope": true, "set": {"event_id": ["$.event_id", "@tpo"]},
        "rules": [
          {
            "when": {"path": ["$.action", "$.type"], "in": ["watch", "watch_complete", "watch_partial"]},
            "emit": "watch", "set": {"action": ["$.action", "$.type"]}
          },
          {"when": {"path": ["$.action", "$.type"], "eq": "click"}, "emit": "click"},
          {"when": {"path": ["$.action", "$.type"], "in": ["rate", "rating"]}, "emit": "rate"},
          {"when": {"path": ["$.action", "$.type"], "eq": "impression"}, "emit": "impression"},
          {"emit": "interaction", "set": {"action": ["$.action", "$.type"]}}
        ]
      }
    ]
    """
}

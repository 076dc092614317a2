import JSON
import KafkaPort
import Options
import Ports

struct LagVerb: Verb {
  static let about = "Prints how far the group is behind each partition of its topics."
  static let notes =
    "Committed offsets follow the worker's checkpoints, so that lag counts what would be read again after a loss of state."
  static let settings = ["kafka.brokers", "kafka.group"]
  @Option("topic", short: "t", "Only these topics; the default is all that the mapping reads.") var topics: [String] =
    []

  func run(_ context: Context) throws {
    let names =
      topics.isEmpty
      ? try context.settings.mappings(environment: context.environment).compiled.inputs.map(\.topic) : topics
    let admin = try KafkaAdmin(context.settings.kafkaConfig(joinsGroup: false))
    defer { admin.close() }
    let rows = try admin.lag(of: Array(Set(names)).sorted())
    func behind(_ row: (partition: TopicPartition, log: Watermarks, committed: Int64?)) -> Int64 {
      max(0, row.log.high - max(row.committed ?? row.log.low, row.log.low))
    }
    let total = rows.reduce(0) { $0 + behind($1) }
    guard context.output.isJSON else {
      context.output.table(
        ["TOPIC", "PARTITION", "END", "COMMITTED", "LAG"],
        rows.map {
          [
            $0.partition.topic, "\($0.partition.partition)", "\($0.log.high)", $0.committed.map { "\($0)" } ?? "-",
            "\(behind($0))",
          ]
        })
      context.output.line("group \(context.settings.kafka.group): \(total) records behind in \(rows.count) partitions")
      return
    }
    var json = JSONWriter()
    json.beginObject()
    json.field("group", context.settings.kafka.group)
    json.field("lag", total)
    json.beginArray("partitions")
    for row in rows {
      json.beginObject()
      json.field("topic", row.partition.topic)
      json.field("partition", Int64(row.partition.partition))
      json.field("start", row.log.low)
      json.field("end", row.log.high)
      json.field("committed", row.committed)
      json.field("lag", behind(row))
      json.endObject()
    }
    json.endArray()
    json.endObject()
    context.output.line(String(decoding: json.bytes, as: UTF8.self))
  }
}

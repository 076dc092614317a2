import CRdKafka
import Ports

/// A list of partitions as librdkafka takes it: made afresh for each call, never shared between clients
/// (its elements cache pointers into the client that saw them).
struct PartitionList: ~Copyable {
  let raw: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>
  private let isOwned: Bool

  init(_ partitions: some Collection<TopicPartition>, offset: Int64 = Int64(RD_KAFKA_OFFSET_INVALID)) {
    self.init(capacity: partitions.count)
    for partition in partitions { add(partition, offset) }
  }

  init(capacity: Int) {
    raw = rd_kafka_topic_partition_list_new(Int32(max(1, capacity)))
    isOwned = true
  }

  /// A list that a callback lends.
  init(lent: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>) {
    raw = lent
    isOwned = false
  }

  deinit { if isOwned { rd_kafka_topic_partition_list_destroy(raw) } }

  func add(_ partition: TopicPartition, _ offset: Int64) {
    rd_kafka_topic_partition_list_add(raw, partition.topic, partition.partition).pointee.offset = offset
  }

  var count: Int { Int(raw.pointee.cnt) }

  func partition(_ index: Int) -> TopicPartition {
    TopicPartition(String(cString: raw.pointee.elems[index].topic), raw.pointee.elems[index].partition)
  }
  func offset(_ index: Int) -> Int64 { raw.pointee.elems[index].offset }
  func code(_ index: Int) -> KafkaCode { raw.pointee.elems[index].err }
}

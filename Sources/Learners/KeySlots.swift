/// The 64 key slots that ids fall into. A slot belongs whole to one shard, so that what has a ceiling per slot does the
/// same on any number of shards (1 to 64).
public enum KeySlots {
  public static let count = 64

  @inline(__always)
  public static func slot(_ hash: UInt64) -> Int { Int(hash % 64) }

  @inline(__always)
  public static func shard(_ hash: UInt64, of shards: Int) -> Int { Int(hash % 64) % shards }
}

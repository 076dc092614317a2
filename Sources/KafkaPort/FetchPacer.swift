import CRdKafka
import Glibc
import Synchronization

/// Keeps librdkafka from reading far ahead of the road.
///
/// librdkafka 2.0.2 knows one brake: a queue over `queued.max.messages.kbytes`, after which a partition sleeps a second.
/// Without it a reader at a backlog's start fetches all there is: gigabytes of fresh pages, read again long after they
/// left the caches. Here the connection's thread waits instead, before it takes an answer apart, while more than
/// ``ceiling`` bytes lie in the queue; a millisecond at a time and never longer than ``longestMs``, so that metadata and
/// the end of the client are not held up. Heartbeats and commits go over the seat's own connections. The library's
/// manual wants no blocking in this place, for its threads' sake: holding that thread is what is meant here.
final class FetchPacer: Sendable {
  /// Bytes that may wait, about: four fetch answers.
  static let ceiling = 16 << 20
  private static let longestMs = 200
  private static let fetch: Int16 = 1
  private static let name = "pacer"

  private let waiting = Atomic<Int>(0)

  /// The road's thread, after each poll.
  func note(waitingBytes: Int) { waiting.store(waitingBytes, ordering: .relaxed) }

  /// Takes its place in the client that is made of `conf`; the pacer must outlive it.
  func join(_ conf: OpaquePointer) {
    let this = Unmanaged.passUnretained(self).toOpaque()
    rd_kafka_conf_interceptor_add_on_new(
      conf, Self.name,
      { handle, _, this, _, _ in
        rd_kafka_interceptor_add_on_response_received(handle, FetchPacer.name, FetchPacer.onResponse, this)
      }, this)
  }

  private static let onResponse:
    @convention(c) (
      OpaquePointer?, Int32, UnsafePointer<CChar>?, Int32, Int16, Int16, Int32, Int, Int64, KafkaCode,
      UnsafeMutableRawPointer?
    ) -> KafkaCode = { _, _, _, _, api, _, _, _, _, _, this in
      if api == FetchPacer.fetch, let this {
        Unmanaged<FetchPacer>.fromOpaque(this).takeUnretainedValue().wait()
      }
      return RD_KAFKA_RESP_ERR_NO_ERROR
    }

  private func wait() {
    for _ in 0..<Self.longestMs where waiting.load(ordering: .relaxed) > Self.ceiling { usleep(1000) }
  }
}

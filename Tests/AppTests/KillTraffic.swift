import Foundation
import KafkaPort
import Ports

/// Made-up traffic of every kind that trust and profiles count, numbered through, so that any part of it can be made
/// again: with copies of earlier events near and far behind them, and with garbage in between.
struct KillTraffic: Sendable {
  static let topics = [
    "content.catalog", "events.availability", "events.click", "events.impression", "events.interaction", "events.rate",
    "events.watch",
  ]
  /// Two hours before a UTC day ends: caps and votes count by day.
  private static let start: Int64 = 1_793_656_800_000
  let viewers: Int
  let titles: Int
  /// Event time that passes from one event to the next.
  let stepMs: Double
  private(set) var sent = 0
  private(set) var copies = 0

  init(viewers: Int, titles: Int, stepMs: Double) {
    self.viewers = viewers
    self.titles = titles
    self.stepMs = stepMs
  }

  func sendCatalog(through outlet: KafkaOutlet) throws {
    for n in 0..<titles {
      let numbers = (0..<8).map { "\(Double((n * 7 + $0 * 3) % 11) / 11 - 0.4)" }.joined(separator: ",")
      let genre = ["drama", "comedy", "action", "documentary"][n % 4]
      try outlet.send(
        OutRecord(
          "content.catalog", "t\(n)",
          #"{"schema":"catalog/1","event_id":"c\#(n)","timestamp":\#(Self.start - 86_400_000),"content_id":"t\#(n)","title":"Title \#(n)","content_type":"movie","year":\#(1980 + n % 45),"genres":["\#(genre)"],"embedding":[\#(numbers)]}"#,
          at: Self.start - 86_400_000))
    }
  }

  /// The next events; waits while too many are unacknowledged.
  mutating func send(_ count: Int, through outlet: KafkaOutlet) throws {
    for _ in 0..<count {
      try outlet.send(record(sent))
      if sent % 500 == 77 {
        try outlet.send(OutRecord("events.rate", "g\(sent)", #"{"schema":"rate/1","#, at: time(sent)))
      }
      // Wherever a worker dies, some events before that place are sent again behind it.
      if sent % 8 == 3 {
        let back = sent - [1, 40, 700, 6000, 15_000][sent / 8 % 5]
        if back >= 0 {
          try outlet.send(record(back))
          copies += 1
        }
      }
      sent += 1
      if outlet.unacknowledged > 40_000 { while outlet.unacknowledged > 20_000 { _ = outlet.flush(timeoutMs: 20) } }
    }
  }

  private func time(_ n: Int) -> Int64 { Self.start + Int64(Double(n) * stepMs) }

  private func record(_ n: Int) -> OutRecord {
    let viewer = Self.mix(UInt64(n)) % UInt64(viewers)
    let user = "u\(viewer)"
    // A viewer keeps to few titles, so that ratings are replaced and caps reached.
    let first = Int(viewer) * 7
    let title = "t\((first + Int(Self.mix(UInt64(n) ^ 0xabcd) % 12)) % titles)"
    let pick = Int(Self.mix(UInt64(n) ^ 0x77) % 1000)
    let (topic, rest): (String, String) =
      switch n % 20 {
      case 0..<8: ("watch", #""completion_rate":\#([0.25, 0.5, 0.95, 1][pick % 4])"#)
      case 8..<13: ("click", #""position":\#(1 + pick % 5)"#)
      case 13..<16: ("rate", #""rating":\#(Double(2 + pick % 9) / 2)"#)
      case 16, 17:
        (
          "impression",
          #""decision_id":"d\#(n)","items":[{"content_id":"\#(title)","position":1},{"content_id":"t\#((first + pick) % titles)","position":2}]"#
        )
      case 18: ("interaction", #""action":"\#(["correction", "like", "share"][pick % 3])""#)
      default: ("availability", #""available":\#(pick % 4 != 0),"source":"user","platform":"netflix""#)
      }
    let content = topic == "impression" ? "" : #""content_id":"\#(title)","#
    return OutRecord(
      "events.\(topic)", topic == "availability" ? title : user,
      #"{"schema":"\#(topic)/1","event_id":"k\#(n)","timestamp":\#(time(n)),"user_id":"\#(user)",\#(content)\#(rest)}"#,
      at: time(n))
  }

  static func mix(_ n: UInt64) -> UInt64 {
    var z = n &+ 0x9e37_79b9_7f4a_7c15
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}

extension KafkaOutlet {
  /// For traffic: batches of some size, since an embedded broker hands out one a partition and request.
  static func traffic(to address: String) throws -> KafkaOutlet {
    var config = KafkaConfig(brokers: address, group: "none", joinsGroup: false)
    config.options["linger.ms"] = "100"
    return try KafkaOutlet(config)
  }
}

/// Sends traffic on a thread of its own until it is told to stop.
final class KillProducer: @unchecked Sendable {
  private let lock = NSLock()
  private let done = DispatchSemaphore(value: 0)
  private var traffic: KillTraffic
  private var isStopping = false
  private var fault: (any Error)?

  /// - Parameter perSecond: Events, about.
  init(_ traffic: KillTraffic, to address: String, perSecond: Int) throws {
    self.traffic = traffic
    let outlet = try KafkaOutlet.traffic(to: address)
    nonisolated(unsafe) let own = outlet  // used by that thread only
    Thread.detachNewThread { [self] in
      do {
        while !lock.withLock({ isStopping }) {
          try self.traffic.send(max(1, perSecond / 100), through: own)
          _ = own.flush(timeoutMs: 0)
          usleep(10_000)
        }
        if !own.flush(timeoutMs: 60_000) { throw CocoaError(.fileWriteUnknown) }
      } catch { fault = error }
      own.close()
      done.signal()
    }
  }

  /// What it has sent.
  func stop() throws -> KillTraffic {
    lock.withLock { isStopping = true }
    done.wait()
    if let fault { throw fault }
    return traffic
  }
}

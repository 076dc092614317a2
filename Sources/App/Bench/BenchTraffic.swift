import Glibc
import JSON
import Learners

/// Made-up events in our own envelope: 60 % watches, 30 % clicks, 10 % ratings, viewers and titles by Zipf's law.
///
/// The same numbers give the same events on every machine. About 230 bytes an event, 0.4 us to make one.
struct BenchTraffic {
  /// Place of a kind's topic in ``BenchPlaces/topics``.
  enum Kind: Int { case watch, click, rate }

  private var random: DemoRandom
  /// Keeps the ids of one run apart from another's.
  private let mark: [UInt8]
  private let viewers: ZipfLaw
  private let titles: ZipfLaw
  /// Events made.
  private(set) var count = 0
  /// The last event: its topic, key and value.
  private(set) var kind = Kind.watch
  private(set) var key: [UInt8] = []
  private(set) var value: [UInt8] = []

  init(viewers: Int, titles: Int, seed: UInt64) {
    random = DemoRandom(seed)
    mark = Array("\(seed)-".utf8)
    self.viewers = ZipfLaw(viewers, 1.05)
    self.titles = ZipfLaw(titles, 1.1)
  }

  private static let watchHead = Array("{\"schema\":\"watch/1\",\"event_id\":\"w-".utf8)
  private static let clickHead = Array("{\"schema\":\"click/1\",\"event_id\":\"c-".utf8)
  private static let rateHead = Array("{\"schema\":\"rate/1\",\"event_id\":\"r-".utf8)
  private static let devices = ["mobile", "tv", "web", "tablet"].map { Array("\",\"device\":\"\($0)\"".utf8) }
  private static let platforms = ["netflix", "prime", "disney", "hulu"].map { Array(",\"platform\":\"\($0)\"".utf8) }

  /// Makes the next event.
  ///
  /// - Parameters:
  ///   - time: Its time, Unix ms.
  ///   - viewer: Whose it is; nil = by the law.
  mutating func make(at time: Int64, viewer own: [UInt8]? = nil, kind given: Kind? = nil) {
    count += 1
    let draw = random.next()
    let share = draw % 100
    kind = given ?? (share < 60 ? .watch : share < 90 ? .click : .rate)
    key.removeAll(keepingCapacity: true)
    if let own { key += own } else { Self.name(117, viewers.draw(&random), into: &key) }
    value.removeAll(keepingCapacity: true)
    value += kind == .watch ? Self.watchHead : kind == .click ? Self.clickHead : Self.rateHead
    value += mark
    value.appendDecimal(Int64(count))
    value += "\",\"user_id\":\"".utf8
    value += key
    value += "\",\"content_id\":\"".utf8
    Self.name(99, titles.draw(&random), into: &value)
    if kind != .rate { value += Self.devices[Int(draw >> 8 & 3)] } else { value.append(34) }
    value += ",\"timestamp\":".utf8
    value.appendDecimal(time)
    switch kind {
    case .watch:
      value += Self.platforms[Int(draw >> 10 & 3)]
      value += ",\"duration_seconds\":".utf8
      value.appendDecimal(Int64(60 + draw >> 16 & 4095))
      value += ",\"completion_rate\":0.".utf8
      value.appendDecimal(Int64(10 + (draw >> 32) % 90))
    case .click:
      value += ",\"position\":".utf8
      value.appendDecimal(Int64(1 + draw >> 16 & 15))
    case .rate:
      value += ",\"rating\":".utf8
      value.appendDecimal(Int64(1 + (draw >> 16) % 5))
    }
    value.append(125)
  }

  /// A letter and at least six digits.
  static func name(_ letter: UInt8, _ number: Int, into bytes: inout [UInt8]) {
    bytes.append(letter)
    var bound = 100_000
    while bound > 1, number < bound {
      bytes.append(48)
      bound /= 10
    }
    bytes.appendDecimal(Int64(number))
  }

  /// Writes a made-up catalog into a folder, as `catalog.files` reads it: one to three genres of twenty and a unit vector
  /// a title.
  static func writeCatalog(to folder: String, titles: Int, dimension: Int) {
    let ids = (0..<titles).map { title -> [UInt8] in
      var id: [UInt8] = []
      name(99, title, into: &id)
      return id
    }
    writeCatalog(to: folder, ids: ids, dimension: dimension)
  }

  /// The same for titles that have names already.
  static func writeCatalog(to folder: String, ids: [[UInt8]], dimension: Int) {
    FileSystem.makeDirectory(folder)
    var lines: [UInt8] = []
    var vectors: [UInt8] = []
    vectors.reserveCapacity(ids.count * dimension * 4)
    var random = DemoRandom(99)
    for id in ids {
      lines += "{\"content_id\":\"".utf8
      lines += id
      let first = random.below(20)
      let genres = [first, (first + 3) % 20, (first + 7) % 20].prefix(1 + random.below(3))
      lines += "\",\"genres\":[\(genres.map { "\"g\($0)\"" }.joined(separator: ","))]}\n".utf8
      var vector = (0..<dimension).map { _ in Float(random.unit() - 0.5) }
      let norm = vector.reduce(Float(0)) { $0 + $1 * $1 }.squareRoot()
      for k in vector.indices { vector[k] /= norm }
      vector.withUnsafeBytes { vectors += $0 }
    }
    FileSystem.write(folder + "/catalog.ndjson", lines)
    if dimension > 0 { FileSystem.write(folder + "/embeddings.f32", vectors) }
  }
}

/// Draws numbers from 0 so that the k-th is drawn in proportion to 1 / k^s; which number is how popular is mixed.
struct ZipfLaw {
  private let sums: [Double]
  private let place: [UInt32]

  init(_ count: Int, _ exponent: Double) {
    var sum = 0.0
    sums = (1...max(1, count)).map {
      sum += pow(Double($0), -exponent)
      return sum
    }
    var random = DemoRandom(UInt64(count))
    var place = (0..<UInt32(max(1, count))).map { $0 }
    for k in stride(from: place.count - 1, to: 0, by: -1) { place.swapAt(k, random.below(k + 1)) }
    self.place = place
  }

  func draw(_ random: inout DemoRandom) -> Int {
    let wanted = random.unit() * sums[sums.count - 1]
    var low = 0
    var high = sums.count - 1
    while low < high {
      let middle = (low + high) / 2
      if sums[middle] < wanted { low = middle + 1 } else { high = middle }
    }
    return Int(place[low])
  }
}

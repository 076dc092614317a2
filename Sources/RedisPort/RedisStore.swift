import CSys
import Glibc
public import Ports
import Telemetry

/// Features in Redis: pipelined transactions behind a fence, on a connection that never waits.
///
/// One batch at a time is under way. The writer key `<prefix>meta:writer` names group and newest version;
/// it is watched since it was last read, so a batch goes through only while nobody else has written.
/// After a loss it reconnects by itself, on a thread of its own for as long as that takes, with a pause that
/// doubles from 50 ms to 2 s.
public final class RedisStore: FeatureStore {
  public struct Options: Sendable {
    /// Stands before every key but raw ones.
    public var prefix = ""
    /// Seconds a hash lives after its last write; 0 = for ever. A safety net, renewed by every write.
    public var ttlSeconds = 0
    /// About how many entries a stream keeps.
    public var streamLength = 10_000
    /// Milliseconds a connection may take to stand.
    public var connectTimeoutMs = 3000
    /// Milliseconds without a byte, while a batch is under way, after which the connection is given up.
    public var stallMs = 10_000
    public init() {}
  }

  static let writerKey = "meta:writer"

  private let address: RedisAddress
  private let options: Options
  private var writer: BatchWriter?
  private var group = ""
  private var transport: Transport?
  private var out = RequestBuffer()
  private var sent = 0
  private var replies = BatchReplies()
  private var isUnderWay = false
  /// The batch sent ahead behind the one under way, all but its end.
  private var ahead: Begun?

  /// A batch in the buffer, all but its end.
  private struct Begun {
    var version: Version
    var count: Int
    var commands: Int
    var partial: [Bool]
  }
  /// Version of the batch under way.
  private var submitted = Version.zero
  /// What the writer key said when it was last read.
  private var mark: StoreMark?
  /// Newest version that may stand there by our own doing; nil = never connected.
  private var newest: Version?
  /// Said by the next ``pump()``.
  private var news = StoreProgress()
  private var isRefused = false
  private var heardAt: Int64 = 0
  private var connector: Connector?
  private var retryAt: Int64 = 0
  private var backOffMs: Int64 = 50

  public init(_ address: RedisAddress, options: Options = Options()) {
    self.address = address
    self.options = options
  }

  /// Connects and reads the mark. When the server is only out of reach, the error is retriable and
  /// ``pump()`` goes on trying: its first `mark` is then what this call would have returned.
  public func open(group: String) throws(PortError) -> StoreMark? {
    self.group = group
    writer = BatchWriter(
      prefix: options.prefix, group: group, ttlSeconds: options.ttlSeconds, streamLength: options.streamLength)
    do throws(PortError) {
      let link = try Link(address, options)
      if let refusal = refusal(link.mark) { throw refusal }
      adopt(link)
      return link.mark
    } catch {
      if error.isRetriable { retryAt = csys_monotonic_ns() + backOffMs * 1_000_000 } else { isRefused = true }
      throw error
    }
  }

  public var inFlight: Int { isUnderWay ? 1 : 0 }
  public var forgetsRows: Bool { options.ttlSeconds > 0 }

  /// Most commands of a batch that is sent ahead: their first answers wait here for the batch before it.
  private static let mostAhead = 8192

  /// Redis takes in the batch that follows while it is busy with the one under way: all but the end, which makes it
  /// count, and which leaves only once the answers to the one before have been read.
  public func prepare(_ batch: borrowing FeatureBatch) {
    guard transport != nil, isUnderWay, ahead == nil, !isRefused, batch.count < Self.mostAhead / 4 else { return }
    ahead = begin(batch)
    attempt { () throws(PortError) in try send() }
  }

  /// Puts it behind what is not sent yet; nil = the store is not open.
  private func begin(_ batch: borrowing FeatureBatch) -> Begun? {
    out.removeFirst(sent)
    sent = 0
    guard let commands = writer?.writeBeginning(of: batch, into: &out) else { return nil }
    return Begun(version: batch.version, count: batch.count, commands: commands, partial: writer?.partial ?? [])
  }

  public func submit(_ batch: borrowing FeatureBatch) -> Bool {
    guard transport != nil, !isUnderWay, !isRefused else { return false }
    if let mark, mark.version > batch.version {
      refuse(fenced(mark, batch.version))
      return true
    }
    guard let begun = ahead ?? begin(batch) else { return false }
    precondition(begun.version == batch.version && begun.count == batch.count, "another batch was sent ahead")
    ahead = nil
    writer?.writeEnd(into: &out)
    replies.expect(begun.commands, partial: begun.partial)
    isUnderWay = true
    submitted = batch.version
    newest = batch.version
    heardAt = csys_monotonic_ns()
    attempt { () throws(PortError) in try send() }
    return true
  }

  public func pump() -> StoreProgress {
    if transport != nil { attempt { () throws(PortError) in try exchange() } } else { reconnect() }
    defer { news = StoreProgress() }
    return news
  }

  /// Gives a batch under way one second to be confirmed, then leaves.
  public func close() {
    let deadline = csys_monotonic_ns() + 1_000_000_000
    while isUnderWay, let transport, csys_monotonic_ns() < deadline {
      try? transport.wait(toWrite: sent < out.count, until: deadline)
      attempt { () throws(PortError) in try exchange() }
    }
    transport = nil
    connector = nil
    isUnderWay = false
    writer = nil
  }

  private func send() throws(PortError) {
    guard let transport else { return }
    while sent < out.count {
      let count = try transport.send(out.bytes(from: sent))
      if count == 0 { return }
      sent += count
    }
  }

  /// Sends and receives until neither goes on.
  private func exchange() throws(PortError) {
    guard let transport else { return }
    while true {
      let before = sent
      try send()
      let count = try transport.receive(replies.room)
      if count > 0 {
        heardAt = csys_monotonic_ns()
        replies.received(count)
        if replies.isNonsense || replies.hasMore && ahead == nil {
          throw PortError(
            code: "redis-protocol", isRetriable: true, message: "\(address.masked) answers out of order")
        }
        if isUnderWay && replies.isDone {
          try conclude()
          if isRefused { return }
        }
      } else if sent == before {
        break
      }
    }
    if isUnderWay && csys_monotonic_ns() - heardAt > Int64(options.stallMs) * 1_000_000 {
      throw PortError(
        code: "redis-connection", isRetriable: true,
        message: "\(address.masked) has not answered for \(options.stallMs) ms")
    }
  }

  /// All replies of the batch are there.
  private func conclude() throws(PortError) {
    isUnderWay = false
    if let text = replies.refusal {
      throw PortError(
        code: "redis-refused", isRetriable: true, message: "\(address.masked) refused a batch: \(text)")
    }
    let before = mark
    mark = replies.mark
    if replies.isFenced {
      if let refusal = refusal(mark, newest: submitted) { return refuse(refusal) }
      let touched = PortError(
        code: "redis-touched", isRetriable: true,
        message:
          "\(address.masked): something else touched \(options.prefix)\(Self.writerKey); the batch is sent again")
      // What was sent ahead must not come to count: it ends with its connection.
      guard ahead == nil else { throw touched }
      writer?.forget()
      // Nobody newer: the server forgot, or went back to an earlier state.
      news.lost = true
      news.mark = mark ?? StoreMark(group: group, version: .zero)
      newest = mark?.version ?? .zero
      if mark == before { news.error = touched }
      return
    }
    news.confirmed += 1
    if replies.incomplete > 0 {
      writer?.forget()
      news.incomplete += replies.incomplete
    }
    if replies.refusedWrites > 0 {
      writer?.forget()
      news.error = PortError(
        code: "redis-refused",
        isRetriable: true,
        message: "\(address.masked) refused \(replies.refusedWrites) writes of a batch, the first with: "
          + (replies.firstRefusedWrite ?? ""))
    }
    if let refusal = refusal(mark, newest: submitted) { refuse(refusal) }
  }

  private func attempt(_ body: () throws(PortError) -> Void) {
    do throws(PortError) { try body() } catch { drop(error) }
  }

  private func drop(_ error: PortError) {
    transport = nil
    isUnderWay = false
    ahead = nil
    news.lost = true
    news.error = error
    retryAt = csys_monotonic_ns() + backOffMs * 1_000_000
    backOffMs = min(backOffMs * 2, 2000)
  }

  private func reconnect() {
    guard writer != nil, !isRefused else { return }
    if let outcome = connector?.outcome {
      connector = nil
      switch outcome {
      case .success(let link):
        if let refusal = refusal(link.mark, newest: newest) { return refuse(refusal) }
        adopt(link)
        news.mark = link.mark ?? StoreMark(group: group, version: .zero)
      case .failure(let error):
        if error.isRetriable { drop(error) } else { refuse(error) }
        news.lost = false
      }
    } else if connector == nil && csys_monotonic_ns() >= retryAt {
      connector = Connector(address, options)
    }
  }

  private func adopt(_ link: Link) {
    ahead = nil
    writer?.forget()
    transport = link.connection.transport
    mark = link.mark
    newest = link.mark?.version ?? .zero
    replies.reset()
    sent = 0
    out.removeAll()
    backOffMs = 50
  }

  private func refuse(_ error: PortError) {
    isRefused = true
    isUnderWay = false
    transport = nil
    news.error = error
  }

  /// Why we may not write behind this mark; nil = we may.
  private func refusal(_ mark: StoreMark?, newest: Version? = nil) -> PortError? {
    guard let mark else { return nil }
    if mark.group != group {
      return PortError(
        code: "store-group",
        message:
          "\(options.prefix.isEmpty ? "the database" : "the prefix \(options.prefix)") of \(address.masked) belongs "
          + "to group \(mark.group), not \(group): give this worker a redis.prefix of its own")
    }
    if let newest, mark.version > newest { return fenced(mark, newest) }
    return nil
  }

  private func fenced(_ mark: StoreMark, _ ours: Version) -> PortError {
    PortError(
      code: "store-fenced",
      message: "\(address.masked) holds version \(mark.version.text), newer than our \(ours.text): another worker "
        + "writes there")
  }
}

/// A connection on which the writer key has been read and is watched.
struct Link: Sendable {
  let connection: RedisConnection
  let mark: StoreMark?

  init(_ address: RedisAddress, _ options: RedisStore.Options) throws(PortError) {
    connection = try RedisConnection(address, timeoutMs: options.connectTimeoutMs)
    let key = options.prefix + RedisStore.writerKey
    for command in [["WATCH", key], ["HMGET", key, "group", "v"]] {
      let reply = try connection.ask(command, timeoutMs: options.connectTimeoutMs)
      if case .error(let text) = reply {
        throw PortError(
          code: "redis-refused", isRetriable: true, message: "\(address.masked) refuses \(command[0]): \(text)")
      }
      if case .array(let fields) = reply, fields.count == 2, let group = fields[0].text {
        mark = StoreMark(group: group, version: Version(text: fields[1].text ?? "") ?? .zero)
        return
      }
    }
    mark = nil
  }
}

/// One attempt to connect, on a thread of its own, since resolving and shaking hands wait.
final class Connector: Sendable {
  private let result = Locked<Result<Link, PortError>?>(nil)

  init(_ address: RedisAddress, _ options: RedisStore.Options) {
    let job = Job(result: result, address: address, options: options)
    var thread = pthread_t()
    // The thread owns the job until it ends; nobody waits for it.
    let own = Unmanaged.passRetained(job)
    let code = pthread_create(
      &thread, nil,
      { argument in
        Unmanaged<Job>.fromOpaque(argument!).takeRetainedValue().run()
        return nil
      }, own.toOpaque())
    if code == 0 {
      pthread_detach(thread)
    } else {
      own.release()
      let error = PortError(
        code: "redis-connection", number: Int(code), isRetriable: true, message: "no thread can be started")
      result.withLock { $0 = .failure(error) }
    }
  }

  var outcome: Result<Link, PortError>? { result.withLock { $0 } }

  private final class Job: Sendable {
    let result: Locked<Result<Link, PortError>?>
    let address: RedisAddress
    let options: RedisStore.Options

    init(result: Locked<Result<Link, PortError>?>, address: RedisAddress, options: RedisStore.Options) {
      self.result = result
      self.address = address
      self.options = options
    }

    func run() {
      let outcome: Result<Link, PortError>
      do throws(PortError) { outcome = .success(try Link(address, options)) } catch { outcome = .failure(error) }
      result.withLock { $0 = outcome }
    }
  }
}

import CSys
import Glibc
import JSON
import Net
import Telemetry

/// The admin port: health, metrics, the summary, its stream, and the page that shows them.
///
/// It listens on loopback unless told otherwise and holds no secret: the configuration it shows is masked.
/// Whatever asks the worker runs on two threads of its own, so `/live` answers even while the worker is stuck.
public final class AdminServer: Sendable {
  public struct Settings: Sendable {
    public var address = "127.0.0.1"
    /// 0 = any free port.
    public var port = 9391
    /// JSON of `/version`.
    public var version: [UInt8] = Array("{}".utf8)
    /// Text of `/debug/config`, secrets masked.
    public var configuration = ""
    /// How often the stream and the history take a sample.
    public var intervalMs = 1000
    public init() {}
  }

  public var port: Int { server.port }
  /// What to open in a browser.
  public var url: String {
    let host = server.address.contains(":") ? "[\(server.address)]" : server.address
    return "http://\(host == "0.0.0.0" || host == "[::]" ? "127.0.0.1" : host):\(server.port)/"
  }
  private let server: Server
  private let app: AdminApp

  /// - Throws: When the address is taken or not ours.
  public init(_ settings: Settings, metrics: Metrics, provider: any StatusProvider) throws(NetError) {
    app = AdminApp(settings, metrics: metrics, provider: provider)
    server = try Server(address: settings.address, port: settings.port, limits: .admin, app: app)
    app.begin()
  }

  /// Streams end, the listener closes, answers that are owed go out; false = some did not within the time.
  @discardableResult
  public func close(timeoutMs: Int = 2000) -> Bool {
    app.end()
    server.drain()
    return server.join(timeoutMs: timeoutMs)
  }
}

/// Routes of the admin port.
final class AdminApp: Net.App {
  private let settings: AdminServer.Settings
  private let metrics: Metrics
  private let provider: any StatusProvider
  private let pool = Pool(threads: 2, capacity: 64)
  private let streams = Locked([ByteStream]())
  private let history = Locked(StatusHistory())
  private let isOpen = Locked(true)
  private let isLoopback: Bool

  init(_ settings: AdminServer.Settings, metrics: Metrics, provider: any StatusProvider) {
    self.settings = settings
    self.metrics = metrics
    self.provider = provider
    isLoopback = settings.address.hasPrefix("127.") || settings.address == "::1"
  }

  func begin() { Running { [self] in tick() }.detach() }

  func end() {
    isOpen.withLock { $0 = false }
    for stream in streams.withLock({ $0 }) { stream.end() }
    pool.close()
  }

  func admit(_ head: RequestHead) -> Admission {
    if isLoopback && !Self.isLocal(host: head.host) {
      // A page from elsewhere may have pointed its own name at this address.
      return .refuse(.text(421, "this port answers to localhost and addresses only\n"))
    }
    guard Self.routes.contains(String(head.path)) else { return .refuse(.text(404, "no such page\n")) }
    guard head.method == "GET" || head.method == "HEAD" else {
      var refusal = Response.text(405, "only GET\n")
      refusal.fields.append(("Allow", "GET, HEAD"))
      return .refuse(refusal)
    }
    return .take(bodyBytesMax: 0)
  }

  static let routes: Set<String> = [
    "/", "/page.js", "/page.css", "/icon.svg", "/live", "/ready", "/metrics", "/version", "/debug/config", "/lag",
    "/summary", "/events", "/history", "/lookup", "/endpoints",
  ]

  func handle(_ request: Request, _ responder: Responder) {
    switch request.head.path {
    case "/live": responder.send(.text(200, "live\n"))
    case "/": responder.send(page(Page.html, "text/html; charset=utf-8"))
    case "/page.js": responder.send(page(Page.script, "text/javascript; charset=utf-8"))
    case "/page.css": responder.send(page(Page.style, "text/css; charset=utf-8"))
    case "/icon.svg": responder.send(page(Page.icon, "image/svg+xml"))
    case "/version": responder.send(.json(settings.version))
    case "/debug/config": responder.send(.text(200, settings.configuration))
    case "/endpoints": responder.send(.text(200, Self.routes.sorted().joined(separator: "\n") + "\n"))
    case "/history": responder.send(.json(history.withLock { $0.json() }))
    case "/events": subscribe(responder)
    default:
      let isTaken = pool.submit { [self] in responder.send(ask(request.head)) }
      if !isTaken { responder.send(busy()) }
    }
  }

  /// Answers that need the worker; on a thread of the pool.
  private func ask(_ head: RequestHead) -> Response {
    switch head.path {
    case "/ready":
      let (ok, reason) = provider.ready()
      var response = Response.text(ok ? 200 : 503, (ok ? "ready" : reason) + "\n")
      if !ok { response.fields.append(("Retry-After", "1")) }
      return response
    case "/metrics":
      return Response(
        200, fields: [("Content-Type", "text/plain; version=0.0.4; charset=utf-8")], body: metrics.exposition())
    case "/summary": return .json(provider.summary())
    case "/lag":
      guard let json = try? JSONValue(parsing: provider.summary()) else { return .text(503, "no summary yet\n") }
      return .json(
        JSONValue.object([.init("lag", json["lag"] ?? 0), .init("topics", json["topics"] ?? [])]).serialized())
    default:
      guard let kind = head.query("kind"), let id = head.query("id"), kind == "user" || kind == "content", !id.isEmpty
      else { return .text(400, "ask /lookup?kind=user|content&id=ID\n") }
      guard let found = provider.lookup(kind: kind, id: id) else { return .text(404, "no such \(kind)\n") }
      return .json(found)
    }
  }

  private func busy() -> Response {
    var response = Response.text(503, "busy; try again\n")
    response.fields.append(("Retry-After", "1"))
    return response
  }

  private func page(_ text: String, _ type: String) -> Response {
    Response(
      200,
      fields: [
        ("Content-Type", type), ("Cache-Control", "no-cache"), ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "no-referrer"),
        (
          "Content-Security-Policy",
          "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
            + "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
        ),
      ], body: Array(text.utf8))
  }

  private func subscribe(_ responder: Responder) {
    let fields = [("Content-Type", "text/event-stream"), ("Cache-Control", "no-store")]
    let stream = responder.stream(Response(200, fields: fields))
    guard stream.write(Array("retry: 2000\n\n".utf8)) else { return }
    streams.withLock { $0.append(stream) }
    _ = pool.submit { [self] in _ = stream.write(Self.message(provider.summary())) }
  }

  /// Once per interval: one sample for the history, one message for all streams.
  private func tick() {
    csys_name_thread("admin")
    while isOpen.withLock({ $0 }) {
      let summary = provider.summary()
      if let json = try? JSONValue(parsing: summary) { history.withLock { $0.append(WorkerStatus(json)) } }
      let message = Self.message(summary)
      let now = streams.withLock { $0 }
      let gone = now.filter { !$0.write(message) }
      if !gone.isEmpty { streams.withLock { $0.removeAll { stream in gone.contains { $0 === stream } } } }
      usleep(UInt32(settings.intervalMs) * 1000)
    }
  }

  private static func message(_ json: [UInt8]) -> [UInt8] {
    Array("data: ".utf8) + json + Array("\n\n".utf8)
  }

  /// localhost or a numeric address, with or without a port.
  static func isLocal(host: String) -> Bool {
    if host.hasPrefix("[") { return true }
    let name = host.prefix { $0 != ":" }.lowercased()
    return name == "localhost" || name.utf8.allSatisfy { ($0 >= 0x30 && $0 <= 0x39) || $0 == UInt8(ascii: ".") }
  }
}

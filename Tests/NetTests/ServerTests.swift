import CSys
import Foundation
import Glibc
import Net
import Synchronization
import Testing

/// Answers what the tests ask: `/echo`, `/slow`, `/stream`, `/flood`.
final class TestApp: Net.App {
  let cutAfter = Atomic<Int>(0)
  func admit(_ head: RequestHead) -> Admission {
    switch head.path {
    case "/echo": .take(bodyBytesMax: 1000)
    case "/slow", "/stream", "/flood", "/silent": .take(bodyBytesMax: 0)
    default: .refuse(.text(404, "no\n"))
    }
  }
  func handle(_ request: Request, _ responder: Responder) {
    switch request.head.path {
    case "/slow":
      DispatchQueue.global().asyncAfter(deadline: .now() + 0.3) { responder.send(.text(200, "late")) }
    case "/stream":
      let stream = responder.stream(.text(200, ""))
      DispatchQueue.global().async {
        for number in 0..<5 { _ = stream.write(Array("data: \(number)\n\n".utf8)) }
        if request.head.query("end") != nil { stream.end() }
      }
    case "/flood":
      let stream = responder.stream(.text(200, ""))
      DispatchQueue.global().async { [self] in
        var count = 0
        while count < 1000, stream.write([UInt8](repeating: 65, count: 65_536)) {
          count += 1
          usleep(1000)
        }
        cutAfter.store(count, ordering: .relaxed)
      }
    case "/silent": return
    default: responder.send(Response(200, body: request.body))
    }
  }
}

/// A raw client socket.
final class Wire {
  let descriptor: Int32
  init(_ port: Int) {
    descriptor = csys_connect("127.0.0.1", UInt16(port), 5000)
    precondition(descriptor >= 0)
  }
  deinit { close(descriptor) }
  func send(_ text: String) { _ = text.withCString { Glibc.send(descriptor, $0, strlen($0), Int32(MSG_NOSIGNAL)) } }
  /// Reads until the text ends as asked, the peer closes, or five seconds are over.
  func read(until end: String? = nil) -> String {
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while end == nil || !String(decoding: bytes, as: UTF8.self).hasSuffix(end!) {
      let count = recv(descriptor, &chunk, chunk.count, 0)
      if count <= 0 { break }
      bytes.append(contentsOf: chunk[0..<count])
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}

@Suite struct ServerTests {
  let app = TestApp()
  func serve(_ change: (inout Limits) -> Void = { _ in }) throws -> Server {
    var limits = Limits.admin
    change(&limits)
    return try Server(address: "127.0.0.1", port: 0, limits: limits, app: app)
  }

  @Test func `requests on one connection are answered in order, also when they arrive together`() throws {
    let server = try serve()
    let wire = Wire(server.port)
    let post = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n"
    wire.send((0..<500).map { post + "\($0 % 90 + 10)" }.joined())
    wire.send("POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 4\r\n\r\nlast")
    let answers = wire.read().components(separatedBy: "HTTP/1.1 200 OK").dropFirst().map { $0.suffix(2) }
    #expect(answers.map(String.init) == (0..<500).map { "\($0 % 90 + 10)" } + ["st"])
    server.drain()
    #expect(server.join(timeoutMs: 3000))
  }

  @Test func `HEAD has the fields of GET and no body`() throws {
    let server = try serve()
    let wire = Wire(server.port)
    wire.send("HEAD /stream HTTP/1.1\r\nHost: a\r\n\r\nHEAD /nothing HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    let text = wire.read()
    #expect(text.components(separatedBy: "HTTP/1.1 ").count == 3)
    #expect(text.hasSuffix("\r\n\r\n") && !text.contains("no\n"))
    #expect(text.contains("Content-Length: 3\r\n"))
    server.drain()
  }

  @Test func `a stream is chunked, in order, and ended by a drain`() throws {
    let server = try serve()
    let wire = Wire(server.port)
    wire.send("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n")
    var text = wire.read(until: "data: 4\n\n\r\n")
    server.drain()
    text += wire.read()
    #expect(text.hasSuffix("9\r\ndata: 3\n\n\r\n9\r\ndata: 4\n\n\r\n0\r\n\r\n"))
    #expect(server.join(timeoutMs: 3000))
  }

  @Test func `an end does not overtake what was written`() throws {
    let server = try serve()
    for _ in 0..<50 {
      let answer = try Client(address: "127.0.0.1", port: server.port).get("/stream?end=1")
      #expect(String(decoding: answer.body, as: UTF8.self) == (0..<5).map { "data: \($0)\n\n" }.joined())
    }
    server.drain()
  }

  @Test func `a drain lets the answer that is owed go out, and takes nobody new`() throws {
    let server = try serve()
    let wire = Wire(server.port)
    wire.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
    usleep(100_000)
    server.drain()
    let text = wire.read()
    #expect(text.contains("Connection: close") && text.hasSuffix("late"))
    #expect(server.join(timeoutMs: 3000))
    #expect(csys_connect("127.0.0.1", UInt16(server.port), 500) == -ECONNREFUSED)
  }

  @Test func `a half-closed client still gets its answer`() throws {
    let server = try serve()
    let wire = Wire(server.port)
    wire.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
    shutdown(wire.descriptor, Int32(SHUT_WR))
    #expect(wire.read().hasSuffix("late"))
    server.drain()
  }

  @Test func `a slow head and a slow body end with 408, in time`() throws {
    let server = try serve {
      $0.headMs = 500
      $0.bodyMs = 500
    }
    for start in ["GET /echo HTT", "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc"] {
      let wire = Wire(server.port)
      let began = Date()
      wire.send(start)
      #expect(wire.read().hasPrefix("HTTP/1.1 408"))
      #expect(Date().timeIntervalSince(began) < 2)
    }
    server.drain()
  }

  @Test func `a refused body is answered although the client goes on sending`() throws {
    let server = try serve()
    let wire = Wire(server.port)
    wire.send(
      "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 900000\r\n\r\n" + String(repeating: "x", count: 900_000))
    #expect(wire.read().hasPrefix("HTTP/1.1 413"))
    server.drain()
  }

  @Test func `100-continue is answered before the body`() throws {
    let server = try serve()
    let wire = Wire(server.port)
    wire.send(
      "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nConnection: close\r\nContent-Length: 3\r\n\r\n")
    #expect(wire.read(until: "\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n")
    wire.send("abc")
    #expect(wire.read().hasSuffix("abc"))
    server.drain()
  }

  @Test func `a stream whose client never reads is cut, others go on`() async throws {
    let server = try serve()
    let wire = Wire(server.port)
    wire.send("GET /flood HTTP/1.1\r\nHost: a\r\n\r\n")
    for _ in 0..<500 where app.cutAfter.load(ordering: .relaxed) == 0 { try await Task.sleep(for: .milliseconds(20)) }
    // The kernel's own buffers take a few MiB, ours 256 KiB.
    #expect((1..<999).contains(app.cutAfter.load(ordering: .relaxed)))
    #expect(try Client(address: "127.0.0.1", port: server.port).get("/echo").status == 200)
    server.drain()
    #expect(server.join(timeoutMs: 3000))
  }

  @Test func `a handler that forgets its request answers 500`() throws {
    let server = try serve()
    #expect(try Client(address: "127.0.0.1", port: server.port).get("/silent").status == 500)
    server.drain()
  }

  @Test func `more connections than the limit are closed, and room comes back`() throws {
    let server = try serve { $0.perAddressMax = 3 }
    var wires = (0..<3).map { _ in Wire(server.port) }
    for wire in wires {
      wire.send("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(wire.read(until: "data: 4\n\n\r\n").hasPrefix("HTTP/1.1 200"))
    }
    #expect(Wire(server.port).read() == "")
    wires.removeAll()
    usleep(50_000)
    #expect(try Client(address: "127.0.0.1", port: server.port).get("/echo").status == 200)
    server.drain()
  }

  @Test func `a crowd that never finishes its requests keeps nobody out`() throws {
    let server = try serve { $0.connectionCountMax = 20 }
    let crowd = (0..<100).map { _ in
      let wire = Wire(server.port)
      wire.send("GET /echo HTTP/1.1\r\nHost: a")
      return wire
    }
    for _ in 0..<50 { #expect(try Client(address: "127.0.0.1", port: server.port).get("/echo").status == 200) }
    // Who is answered or listens to a stream stays, whoever comes.
    let listener = Wire(server.port)
    listener.send("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(listener.read(until: "data: 4\n\n\r\n").hasPrefix("HTTP/1.1 200"))
    let more = (0..<100).map { _ in Wire(server.port) }
    #expect(try Client(address: "127.0.0.1", port: server.port).get("/echo").status == 200)
    server.drain()
    #expect(listener.read().hasSuffix("0\r\n\r\n"), "ended in order, by the drain")
    withExtendedLifetime((crowd, more)) {}
  }

  @Test func `an address that is taken is an error in words`() throws {
    let server = try serve()
    #expect {
      try Server(address: "127.0.0.1", port: server.port, limits: .admin, app: app)
    } throws: { "\($0)" == "cannot listen on 127.0.0.1:\(server.port): Address already in use" }
    #expect(throws: NetError.self) { try Server(address: "not-numeric", port: 0, limits: .admin, app: app) }
    server.drain()
  }
}

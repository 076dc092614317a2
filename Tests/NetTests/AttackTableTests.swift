import Net
import Testing

/// What the parser says to a whole input: the statuses of its refusals, and the bodies of what it takes.
func outcome(_ input: [UInt8], cutAt cuts: [Int] = [], bodyMax: Int = 64) -> [String] {
  var parser = RequestParser(Limits())
  var said: [String] = []
  var start = 0
  for end in cuts + [input.count] {
    parser.append(input[start..<end])
    start = end
    while true {
      let step = parser.step()
      switch step {
      case .more: break
      case .head(let head):
        parser.bodyBytesMax = bodyMax
        said.append("\(head.method) \(head.target)")
        continue
      case .body(let body):
        said.append("[\(String(decoding: body, as: UTF8.self))]")
        continue
      case .refused(let refusal): return said + ["\(refusal.status)"]
      }
      break
    }
  }
  return said
}

@Suite struct AttackTableTests {
  static let host = "Host: a\r\n"
  static func get(_ fields: String) -> String { "GET / HTTP/1.1\r\n\(host)\(fields)\r\n" }
  static func post(_ fields: String, _ body: String) -> String { "POST / HTTP/1.1\r\n\(host)\(fields)\r\n\(body)" }
  static func chunked(_ body: String) -> String { post("Transfer-Encoding: chunked\r\n", body) }

  /// Each must be refused. Sources: RFC 9112 and the request-smuggling literature.
  static let refused: [(name: String, input: String)] = [
    ("bare LF after the request line", "GET / HTTP/1.1\nHost: a\r\n\r\n"),
    ("bare LF after a field", "GET / HTTP/1.1\r\nHost: a\n\r\n"),
    ("bare LF at the end", "GET / HTTP/1.1\r\nHost: a\r\n\n"),
    ("bare CR in a field", get("X: a\rb\r\n")),
    ("bare CR before the end", "GET / HTTP/1.1\r\nHost: a\r\r\n\r\n"),
    ("empty line first", "\r\n" + get("")),
    ("blank before the colon", get("X : a\r\n")),
    ("tab before the colon", get("X\t: a\r\n")),
    ("no colon", get("X\r\n")),
    ("empty name", get(": a\r\n")),
    ("name in brackets", get("[X]: a\r\n")),
    ("name beyond ASCII", get("X\u{e9}: a\r\n")),
    ("blank in a name", get("X Y: a\r\n")),
    ("NUL in a value", get("X: a\0b\r\n")),
    ("escape in a value", get("X: \u{1b}[2J\r\n")),
    ("DEL in a value", get("X: \u{7f}\r\n")),
    ("NUL in the target", "GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("folded field", get("X: a\r\n b\r\n")),
    ("folded by tab", get("X: a\r\n\tb\r\n")),
    ("folded Content-Length", post("Content-Length:\r\n 3\r\n", "abc")),
    ("folded Transfer-Encoding", post("Transfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n")),
    ("first field folded", "GET / HTTP/1.1\r\n X: a\r\nHost: a\r\n\r\n"),
    ("two lengths that differ", post("Content-Length: 3\r\nContent-Length: 4\r\n", "abc")),
    ("two equal lengths", post("Content-Length: 3\r\nContent-Length: 3\r\n", "abc")),
    ("a list of lengths", post("Content-Length: 3, 3\r\n", "abc")),
    ("a signed length", post("Content-Length: +3\r\n", "abc")),
    ("a negative length", post("Content-Length: -3\r\n", "abc")),
    ("a hexadecimal length", post("Content-Length: 0x3\r\n", "abc")),
    ("an empty length", post("Content-Length: \r\n", "abc")),
    ("a length with a blank", post("Content-Length: 1 2\r\n", "abc")),
    ("a length that overflows", post("Content-Length: 9223372036854775808\r\n", "abc")),
    ("a fraction as length", post("Content-Length: 3.0\r\n", "abc")),
    ("length and chunks", post("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")),
    ("chunks and length", post("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", "0\r\n\r\n")),
    ("gzip, chunked", post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n")),
    ("chunked, gzip", post("Transfer-Encoding: chunked, gzip\r\n", "0\r\n\r\n")),
    ("chunked twice in a list", post("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n")),
    ("chunked in two fields", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")),
    ("identity", post("Transfer-Encoding: identity\r\n", "")),
    ("xchunked", post("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n")),
    ("quoted chunked", post("Transfer-Encoding: \"chunked\"\r\n", "0\r\n\r\n")),
    ("chunked with a weight", post("Transfer-Encoding: chunked;q=1\r\n", "0\r\n\r\n")),
    ("empty coding", post("Transfer-Encoding: \r\n", "0\r\n\r\n")),
    ("chunks in 1.0", "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("chunk size 0x3", chunked("0x3\r\nabc\r\n0\r\n\r\n")),
    ("chunk size +3", chunked("+3\r\nabc\r\n0\r\n\r\n")),
    ("chunk size -3", chunked("-3\r\nabc\r\n0\r\n\r\n")),
    ("blank before a chunk size", chunked(" 3\r\nabc\r\n0\r\n\r\n")),
    ("blank after a chunk size", chunked("3 \r\nabc\r\n0\r\n\r\n")),
    ("empty chunk size", chunked("\r\nabc\r\n0\r\n\r\n")),
    ("only an extension", chunked(";x\r\nabc\r\n0\r\n\r\n")),
    ("chunk size that overflows", chunked("fffffffff\r\nabc")),
    ("chunk size with 17 digits", chunked("00000000000000003\r\nabc\r\n0\r\n\r\n")),
    ("chunk size ended by LF", chunked("3\nabc\r\n0\r\n\r\n")),
    ("chunk data ended by LF", chunked("3\r\nabc\n0\r\n\r\n")),
    ("chunk longer than its size", chunked("3\r\nabcd\r\n0\r\n\r\n")),
    ("LF in an extension", chunked("3;x=\"\n\"\r\nabc\r\n0\r\n\r\n")),
    ("NUL in an extension", chunked("3;x=\"\0\"\r\nabc\r\n0\r\n\r\n")),
    ("CR in an extension", chunked("3;x=\r1\r\nabc\r\n0\r\n\r\n")),
    ("long extension", chunked("3;" + String(repeating: "x", count: 5000) + "\r\nabc\r\n0\r\n\r\n")),
    ("long trailer", chunked("0\r\nX: " + String(repeating: "x", count: 5000) + "\r\n\r\n")),
    ("many trailers", chunked("0\r\n" + String(repeating: "X: y\r\n", count: 1000) + "\r\n")),
    ("length in a trailer", chunked("0\r\nContent-Length: 3\r\n\r\n")),
    ("coding in a trailer", chunked("0\r\nTransfer-Encoding: chunked\r\n\r\n")),
    ("host in a trailer", chunked("0\r\nHost: b\r\n\r\n")),
    ("folded trailer", chunked("0\r\nX: a\r\n b\r\n\r\n")),
    ("LF after the last chunk", chunked("0\n\r\n")),
    ("no host", "GET / HTTP/1.1\r\n\r\n"),
    ("two hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
    ("two hosts in 1.0", "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"),
    ("hosts as a list", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"),
    ("host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
    ("host with a user", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"),
    ("empty host", "GET / HTTP/1.1\r\nHost:\r\n\r\n"),
    ("host with a blank", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
    ("absolute form", "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("authority form", "GET a:80 HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("asterisk with GET", "GET * HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("no slash", "GET a HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("fragment", "GET /#a HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("target beyond ASCII", "GET /\u{e9} HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("two blanks", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("blank before the method", " GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("blank after the version", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n"),
    ("tab instead of a blank", "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("no version", "GET /\r\nHost: a\r\n\r\n"),
    ("empty target", "GET  HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("method with a colon", "G:T / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("lower-case protocol", "GET / http/1.1\r\nHost: a\r\n\r\n"),
    ("version 1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n"),
    ("version 2.0", "GET / HTTP/2.0\r\nHost: a\r\n\r\n"),
    ("version 01.1", "GET / HTTP/01.1\r\nHost: a\r\n\r\n"),
    ("version 1.", "GET / HTTP/1.\r\nHost: a\r\n\r\n"),
    ("HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    ("101 fields", get(String(repeating: "X: y\r\n", count: 100))),
    ("9 KB target", "GET /\(String(repeating: "x", count: 9000)) HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("17 KB head", get("X: " + String(repeating: "x", count: 17_000) + "\r\n")),
    ("17 KB without an end", "GET /" + String(repeating: "x", count: 17_000)),
    ("other expectation", get("Expect: 200-ok\r\n")),
    ("body over the limit", post("Content-Length: 65\r\n", "")),
    ("chunks over the limit", chunked("20\r\n" + String(repeating: "x", count: 32) + "\r\n21\r\n")),
  ]

  @Test(arguments: refused.indices)
  func `is refused`(index: Int) {
    let (name, input) = Self.refused[index]
    let said = outcome(Array(input.utf8))
    #expect(Int(said.last ?? "") != nil, "\(name): \(said)")
    #expect(!said.contains { $0.hasPrefix("[") }, "\(name): \(said)")
  }

  @Test func `a TLS hello and obsolete text as target are refused`() {
    #expect(outcome([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]) == ["400"])
    #expect(outcome(Array("GET /".utf8) + [0xff] + Array(" HTTP/1.1\r\nHost: a\r\n\r\n".utf8)) == ["400"])
  }

  /// Each is taken, with exactly this reading.
  static let taken: [(input: String, says: [String])] = [
    (get(""), ["GET /", "[]"]),
    (get("X:a\r\nY: \t b \t\r\nZ:\r\n"), ["GET /", "[]"]),
    (get("X: \u{e9}\r\n"), ["GET /", "[]"]),
    ("GET / HTTP/1.0\r\n\r\n", ["GET /", "[]"]),
    ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", ["OPTIONS *", "[]"]),
    (post("Content-Length: 0003\r\n", "abc"), ["POST /", "[abc]"]),
    (
      post("Content-Length: 64\r\n", String(repeating: "x", count: 64)),
      [
        "POST /", "[\(String(repeating: "x", count: 64))]",
      ]
    ),
    (chunked("3\r\nabc\r\n1;x=\"y\"\r\nd\r\n0\r\n\r\n"), ["POST /", "[abcd]"]),
    (chunked("00000003\r\nabc\r\n000\r\nX: y\r\n\r\n"), ["POST /", "[abc]"]),
    (chunked("A\r\n0123456789\r\n0\r\n\r\n") + get(""), ["POST /", "[0123456789]", "GET /", "[]"]),
    (get("") + get("Connection: close\r\n"), ["GET /", "[]", "GET /", "[]"]),
    (post("Content-Length: 3\r\n", "abcG") + "ET", ["POST /", "[abc]"]),
  ]

  @Test(arguments: taken.indices)
  func `is taken`(index: Int) { #expect(outcome(Array(Self.taken[index].input.utf8)) == Self.taken[index].says) }

  @Test func `a request reads the same wherever it is cut`() {
    for (input, says) in Self.taken {
      let bytes = Array(input.utf8)
      for cut in 0...bytes.count { #expect(outcome(bytes, cutAt: [cut]) == says) }
      #expect(outcome(bytes, cutAt: Array(0..<bytes.count)) == says)
    }
    for (name, input) in Self.refused where input.utf8.count < 200 {
      let bytes = Array(input.utf8)
      let whole = outcome(bytes)
      for cut in 0...bytes.count { #expect(outcome(bytes, cutAt: [cut]) == whole, "\(name) cut at \(cut)") }
      #expect(outcome(bytes, cutAt: Array(0..<bytes.count)) == whole, "\(name) byte by byte")
    }
  }

  @Test func `mutated requests never trap and read the same when cut`() {
    var random = SplitMix(state: 7)
    let seeds = (Self.taken.map(\.input) + Self.refused.map(\.input)).filter { $0.utf8.count < 300 }.map {
      Array($0.utf8)
    }
    for _ in 0..<20_000 {
      var bytes = seeds[Int(random.next() % UInt64(seeds.count))]
      for _ in 0..<(1 + random.next() % 4) {
        let at = Int(random.next() % UInt64(bytes.count))
        switch random.next() % 4 {
        case 0: bytes[at] = UInt8(truncatingIfNeeded: random.next())
        case 1: bytes.remove(at: at)
        case 2: bytes.insert(contentsOf: [13, 10], at: at)
        default: bytes.insert(bytes[Int(random.next() % UInt64(bytes.count))], at: at)
        }
        if bytes.isEmpty { bytes = [13] }
      }
      let cut = Int(random.next() % UInt64(bytes.count))
      #expect(outcome(bytes) == outcome(bytes, cutAt: [cut]), "\(bytes)")
    }
  }

  @Test(arguments: [
    ("/a?kind=viewer&id=u%201", "id", "u 1"), ("/a?id=", "id", ""), ("/a?id=%zz", "id", nil), ("/a?id=%00", "id", nil),
    ("/a?id=%ff", "id", nil), ("/a", "id", nil), ("/a?x=1&id=a+b&id=c", "id", "a b"), ("/a?id=%E2%82%AC", "id", "€"),
  ])
  func `a query value is decoded or nothing`(target: String, name: String, expected: String?) {
    var head = RequestHead()
    head.target = target
    #expect(head.query(name) == expected)
  }
}

struct SplitMix {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}

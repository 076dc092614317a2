import Ports
import Testing

@testable import RedisPort

/// The answers to one transaction, cut anywhere.
@Suite struct BatchRepliesTests {
  private func follow(_ commands: Int, _ answer: String, cutAt size: Int) -> BatchReplies {
    var replies = BatchReplies()
    replies.expect(commands)
    let bytes = Array(answer.utf8)
    var at = 0
    while at < bytes.count {
      let count = min(size, bytes.count - at)
      replies.room.copyBytes(from: bytes[at..<(at + count)])
      replies.received(count)
      at += count
    }
    return replies
  }

  private let head = "+OK\r\n+QUEUED\r\n+QUEUED\r\n"
  private let mark = "+OK\r\n*2\r\n$1\r\ng\r\n$24\r\n000001000001000000000009\r\n"

  @Test(arguments: [1, 2, 3, 7, 10_000])
  func `a transaction that went through`(size: Int) {
    let replies = follow(2, head + "*2\r\n$5\r\n1-\r\n0\r\n:1\r\n" + mark, cutAt: size)
    #expect(replies.isDone && !replies.isNonsense && !replies.isFenced)
    #expect(replies.refusal == nil && replies.refusedWrites == 0)
    #expect(replies.mark == StoreMark(group: "g", version: Version(lineage: 1, epoch: 1, turn: 9)))
  }

  @Test(arguments: [1, 2, 3, 7, 10_000])
  func `one that another writer forestalled, on an empty store`(size: Int) {
    let replies = follow(2, head + "*-1\r\n+OK\r\n*2\r\n$-1\r\n$-1\r\n", cutAt: size)
    #expect(replies.isDone && replies.isFenced && !replies.isNonsense)
    #expect(replies.mark == nil)
  }

  @Test(arguments: [1, 3, 10_000])
  func `one the server refused whole, and one with a write refused`(size: Int) {
    let whole = follow(
      2, "+OK\r\n-OOM no\r\n+QUEUED\r\n-EXECABORT discarded\r\n" + mark, cutAt: size)
    #expect(whole.isDone && whole.refusal == "OOM no")
    let part = follow(2, head + "*2\r\n-WRONGTYPE x\r\n:1\r\n" + mark, cutAt: size)
    #expect(part.isDone && part.refusal == nil)
    #expect(part.refusedWrites == 1 && part.firstRefusedWrite == "WRONGTYPE x")
  }

  @Test(arguments: ["HTTP/1.1 400\r\n", "*3\r\n:1\r\n", "$99999999999999999999\r\n", "\u{15}\u{3}\u{3}\\n"])
  func `what is no answer is noticed or waited for, never believed`(answer: String) {
    let replies = follow(2, head + answer, cutAt: 5)
    #expect(replies.isNonsense || !replies.isDone)
  }

  @Test func `any bytes at all are survived`() {
    var generator = SystemRandomNumberGenerator()
    let alphabet = Array("+-:*$0123456789\r\nOKQUEUED".utf8)
    for _ in 0..<300 {
      var text: [UInt8] = []
      for _ in 0..<200 { text.append(alphabet.randomElement(using: &generator)!) }
      _ = follow(Int.random(in: 1...5), String(decoding: text, as: UTF8.self), cutAt: 13)
    }
  }
}

import Options
import Testing

@testable import App

@Suite struct ShardCountTests {
  @Test func `a number is itself, auto is what the machine has, one beside arms`() throws {
    #expect(try ShardCount(Node("3")).count(hasArms: true) == 3)
    let auto = try ShardCount(Node("auto"))
    #expect((1...4).contains(auto.count(hasArms: false)) && auto.count(hasArms: true) == 1)
    #expect(auto.node == Node("auto") && ShardCount.fixed(64).node == Node("64"))
  }

  @Test(arguments: ["0", "65", "-1", "all", "2.5", "02"])
  func `anything else is refused with what would do`(
    text: String
  ) {
    #expect(throws: BadValue("must be auto or a whole number from 1 to 64")) { try ShardCount(Node(text)) }
  }
}

import Bandits
import Ports
import Testing

@testable import MemoryPort
@testable import Pipeline

/// How serving takes published models: the newest whole one, or the one before it.
@Suite struct PublishedModelsTests {
  private typealias Stage = DecisionStage

  @Test func `a new model is taken whole, a torn one or none leaves the one before`() throws {
    let stage = try Stage {
      $0.layout = Stage.pair
      $0.models = [Stage.model(.shared), Stage.model(.hybrid, name: "mixed")]
    }
    let reader = MemoryStore(shelf: stage.shelf)
    var models = PublishedModels(reader)
    #expect(try models.model("titles") == nil)
    #expect(try models.model("nosuch") == nil && models.refused == 0)

    func learn(_ id: String, at offset: Int64) throws -> PublishedModel {
      try stage.tell([
        Stage.decision(id, "u", at: offset, ["a"], x: [[1, 0]]),
        Stage.click(id, "u", at: offset + 1000, "a", event: "c" + id),
      ])
      return try #require(try stage.published())
    }
    #expect(try learn("d1", at: 0).snapshot.decisions == 1)
    #expect(try PublishedModels.names(in: reader) == ["mixed", "titles"])
    let first = try #require(try models.model("titles"))
    #expect(first.snapshot.decisions == 1 && first.spec.name == "titles")
    // By hand: A = 1 + 1, b = .4 (a click), theta = .2, width = sqrt(1/2).
    let estimate = first.estimate("a", [1, 0])
    #expect(abs(estimate.mean - 0.2) < 1e-4 && abs(estimate.width - 0.5.squareRoot()) < 1e-4)

    #expect(try learn("d2", at: 10_000).snapshot.decisions == 2)
    #expect(first.snapshot.decisions == 1, "what was given out stays as it is")
    #expect(try models.model("titles")?.snapshot.decisions == 2)

    let key = Array("model:titles".utf8)
    let whole = try #require(stage.shelf.contents.hashes[key])
    func put(_ change: (inout [UInt8]) -> Void, version: String) {
      stage.shelf.contents.hashes[key] = whole.map { field in
        var field = field
        if field.name == Array("snapshot".utf8) { change(&field.value) }
        if field.name == Array("v".utf8) { field.value = Array(version.utf8) }
        return field
      }
    }
    put({ $0[$0.count / 2] ^= 1 }, version: "9-1")
    #expect(try models.model("titles")?.snapshot.decisions == 2 && models.refused == 1)
    put({ $0.removeLast(5) }, version: "9-2")
    #expect(try models.model("titles")?.snapshot.decisions == 2 && models.refused == 2)
    var fresh = PublishedModels(reader)
    #expect(try fresh.model("titles") == nil && fresh.refused == 1, "there is none before it")
    stage.shelf.contents.hashes[key] = nil
    #expect(try models.model("titles")?.snapshot.decisions == 2, "a store that was emptied")
    put({ _ in }, version: "9-3")
    #expect(try fresh.model("titles")?.snapshot.decisions == 2)
  }
}
